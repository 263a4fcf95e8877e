// Events on their way: each under a name of its own in storage until the server has said that it is safe, so that two
// tabs cannot overwrite each other's, and a tab that dies leaves its events to the next one.

import { address, warn } from "./settings.js";
import { alone, names, read, remove, write } from "./store.js";

const WAITING_MAX = 1000;
const BATCH_MAX = 50;
const CHARS_MAX = 40000;
const EVENT_CHARS_MAX = 65536; // the collector takes as many bytes
const LEAVING_BYTES_MAX = 60000; // browsers give requests that outlive their page 64 KiB
const GATHER_MS = 400;
const LEASE_MS = 15000; // a request without an answer is done again after this
const BACK_OFF_MS = 300000;

let timer = 0;
let due = 0;
let failures = 0;
let counted = 0;
const beginning = "event:";
const unknown = new Set(); // write keys that the collector refused to this page

// Put an event on its way. key: the write key. hash: proof that the user is who they say.
export function put(event, key, hash) {
  if (JSON.stringify(event).length > EVENT_CHARS_MAX) return warn("too large");
  const waiting = names(beginning);
  // The oldest gives way: it may be of a key that was exchanged, and wait for ever.
  if (waiting.length >= WAITING_MAX) remove(waiting[0]);
  // Of as many digits each, so that names are in the order of time.
  write(beginning + Date.now() + (100000 + counted++) + event.event_id.slice(0, 8), [0, key, event, hash]);
  wake(GATHER_MS);
}

// Look again in so many ms, or before.
export function wake(ms) {
  const at = Date.now() + ms;
  if (timer && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(flush, ms);
}

export function flush() {
  stop();
  const wait = (read("wait") || 0) - Date.now();
  // Further off than that, the clock was changed.
  if (wait > 0 && wait <= 2 * BACK_OFF_MS) wake(wait);
  else alone("send", sendAll, () => wake(1000));
}

// The connection is back: the pause is over.
export function retry() {
  failures = 0;
  remove("wait");
  flush();
}

// The page is left: ask the browser to deliver what waits. Nobody will hear the answer, so it stays in storage, and the
// next page sends it again with the same ids.
export function leave() {
  for (let batch; (batch = take()) && navigator.sendBeacon(address, batch.body); );
}

export function stop() {
  clearTimeout(timer);
  timer = 0;
}

// The next events of one write key that nobody is sending, marked as being sent. null: there are none, or they must not.
function take() {
  const now = Date.now();
  const consent = read("consent") || undefined;
  if (consent?.state === "denied") return null; // in another tab, a moment ago
  const said = { sent_at: now, events: [], consent };
  const taken = [];
  let size = 0;
  for (const name of names(beginning)) {
    const [lease, key, event, hash] = read(name) || [];
    if (!event) remove(name);
    if (!event || (lease > now && lease <= now + LEASE_MS)) continue;
    if (unknown.has(key) || (taken.length && key !== said.write_key)) continue;
    size += JSON.stringify(event).length;
    if (taken.length && (size > CHARS_MAX || taken.length >= BATCH_MAX)) break;
    said.write_key = key;
    said.events.push(event);
    if (hash) said.user_hashes = { ...said.user_hashes, [event.identify_id]: hash };
    taken.push(name);
    write(name, [now + LEASE_MS, key, event, hash]);
  }
  const body = new Blob([JSON.stringify(said)], { type: "text/plain" });
  return taken.length ? { taken, key: said.write_key, body } : null;
}

async function sendAll() {
  for (let batch; (batch = take()); ) if (!(await send(batch))) return;
  if (names(beginning).some((name) => !unknown.has(read(name)?.[1]))) wake(LEASE_MS / 3);
}

async function send({ taken, key, body }) {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), LEASE_MS - 1000);
  let answer;
  try {
    // text/plain, no cookies: such a request needs no leave of the server before it (CORS preflight).
    answer = await fetch(address, {
      method: "POST", body, signal: abort.signal, keepalive: body.size <= LEAVING_BYTES_MAX, credentials: "omit",
    });
  } catch {
    // no line, no server, or no leave of the page's policy
  }
  // In the collector's own words, or it was somebody else's answer: a proxy, the page of a hotel's network.
  const said = await answer?.json().catch(() => null);
  // 400 and 413 say that these bytes are refused for good; anything else may be mended on the other side.
  const refused = said?.code && /400|413/.test(answer.status);
  // A key that was exchanged or revoked: its events wait for another page, those of other keys go on.
  const stranger = said?.code === "unknown_key";
  if (said?.success || refused || stranger) {
    if (stranger) unknown.add(key);
    else taken.forEach(remove);
    failures = 0;
    if (said.rejected || said.code) warn(said.rejected || said.message);
    return true;
  }
  taken.forEach((name) => {
    const held = read(name);
    if (held) write(name, [0, ...held.slice(1)]);
  });
  const pause = Math.min(BACK_OFF_MS, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2);
  const ms = Math.max(pause, Math.min(BACK_OFF_MS, 1000 * (parseInt(answer?.headers.get("retry-after")) || 0)));
  write("wait", Date.now() + ms);
  wake(ms);
  return false;
}
