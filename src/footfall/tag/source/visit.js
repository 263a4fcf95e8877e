// Who is there, and since when: one visitor, user and session for all tabs of a site.

import { settings } from "./settings.js";
import { read, write } from "./store.js";

const IDLE_MS = settings.idle_minutes * 60000;
// An end that is told later than this would open days again that were counted and delivered.
const TELL_END_MS = 3 * 3600000;

export function random() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte + 256).toString(16).slice(1)).join("");
}

// visitor, user, hash, account, context, session, start, last, count
export function load() {
  return read("visit") || { visitor: random() };
}

export const save = (visit) => write("visit", visit);

// A clock that was put back by as much ends it too.
export const isOver = (visit, now) => visit.session && Math.abs(now - visit.last) >= IDLE_MS;

// In how many ms it will be over, as far as is known now.
export const overIn = (visit, now) => visit.last + IDLE_MS - now;

// What is told of the end of a session: null when there was none, or it is too long ago.
export function ended(visit, now) {
  const { session, start, last, count } = visit;
  if (!session || now < last || now - last > TELL_END_MS) return null;
  const duration_s = Math.max(0, last - start) / 1000;
  return { event_id: session + "-end", occurred_at: last, duration_s, event_count: count };
}

export function begin(visit, now) {
  Object.assign(visit, { session: now.toString(36) + "-" + random().slice(0, 16), start: now, last: now, count: 0 });
}
