// Events on their way: each under a name of its own in storage until the server has said that it is safe, so that two
// tabs cannot overwrite each other's, and a tab that dies leaves its events to the next one.

import { address } from "./settings.js";
import { alone, names, read, remove, write } from "./store.js";

const WAITING_MAX = 1000;
const BATCH_MAX = 50;
const CHARS_MAX = 40000;
const LEAVING_BYTES_MAX = 60000; // browsers give requests that outlive their page 64 KiB
const GATHER_MS = 400;
const LEASE_MS = 15000; // a request without an answer is done again after this
const PATIENCE_MS = 30000;
const BACK_OFF_MS = 300000;

let timer = 0;
let due = 0;
let failures = 0;
let counted = 0;
const beginning = "event:";

// Put an event on its way. key: the write key. hash: proof that the user is who they say.
export function put(event, key, hash) {
  if (names(beginning).length >= WAITING_MAX) return;
  const order = Date.now().toString(36).padStart(9, "0") + (counted++).toString(36).padStart(5, "0");
  write(beginning + order + event.event_id.slice(0, 8), [0, key, event, hash]);
  wake(GATHER_MS);
}

// Look again in so many ms, or before.
export function wake(ms) {
  const at = Date.now() + ms;
  if (timer && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(() => {
    timer = 0;
    flush();
  }, ms);
}

export function flush() {
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
  for (let batch = take(); batch && navigator.sendBeacon(address, batch.body); batch = take());
}

export function stop() {
  clearTimeout(timer);
  timer = 0;
}

// The next events of one write key that nobody is sending, marked as being sent.
function take() {
  const now = Date.now();
  const batch = { names: [], events: [], key: "", hashes: {}, size: 0 };
  for (const name of names(beginning)) {
    const [lease, key, event, hash] = read(name) || [0];
    if (!event) remove(name);
    if (!event || (lease > now && lease <= now + PATIENCE_MS) || (batch.key && key !== batch.key)) continue;
    batch.size += JSON.stringify(event).length;
    if (batch.names.length && (batch.size > CHARS_MAX || batch.names.length >= BATCH_MAX)) break;
    batch.key = key;
    batch.names.push(name);
    batch.events.push(event);
    if (hash) batch.hashes[event.identify_id] = hash;
    write(name, [now + LEASE_MS, key, event, hash]);
  }
  if (!batch.names.length) return null;
  const said = { write_key: batch.key, sent_at: now, events: batch.events };
  if (Object.keys(batch.hashes).length) said.user_hashes = batch.hashes;
  const consent = read("consent");
  if (consent) said.consent = consent;
  batch.body = new Blob([JSON.stringify(said)], { type: "text/plain" });
  return batch;
}

async function sendAll() {
  for (let batch = take(); batch; batch = take()) {
    if (!(await send(batch))) return;
  }
  if (names(beginning).length) wake(LEASE_MS / 3);
}

async function send(batch) {
  const body = batch.body;
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
  if (said?.success || (said?.code && /400|413/.test(answer.status))) {
    batch.names.forEach(remove);
    failures = 0;
    if (said.rejected || said.code) console.warn("footfall:", said.rejected || said.message);
    return true;
  }
  batch.names.forEach((name) => {
    const held = read(name);
    if (held) write(name, [0, ...held.slice(1)]);
  });
  const pause = Math.min(BACK_OFF_MS, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2);
  const ms = Math.max(pause, Math.min(BACK_OFF_MS, 1000 * (parseInt(answer?.headers.get("retry-after")) || 0)));
  write("wait", Date.now() + ms);
  wake(ms);
  return false;
}
