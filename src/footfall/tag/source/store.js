// A few texts that outlive the page, below one prefix of localStorage; in memory where that is refused or full.

const PREFIX = "footfall:";
const memory = new Map();
let disk = null;

export function open(persistent) {
  try {
    disk = persistent ? localStorage : null;
  } catch {
    disk = null; // a sandboxed frame, or storage switched off
  }
}

export function read(name) {
  try {
    const text = memory.has(name) ? memory.get(name) : disk?.getItem(PREFIX + name);
    return text && JSON.parse(text);
  } catch {
    return null; // damaged
  }
}

export function write(name, value) {
  const text = JSON.stringify(value);
  try {
    disk.setItem(PREFIX + name, text);
    memory.delete(name);
  } catch {
    memory.set(name, text);
  }
}

export function remove(name) {
  memory.delete(name);
  disk?.removeItem(PREFIX + name);
}

// Names that begin so, in order.
export function names(beginning) {
  const onDisk = Object.keys(disk || {}).filter((name) => name.startsWith(PREFIX));
  const found = [...memory.keys(), ...onDisk.map((name) => name.slice(PREFIX.length))];
  return found.filter((name) => name.startsWith(beginning)).sort();
}

// Run `task` while no other tab of this site runs one of the same name; where browsers cannot tell (plain http), at once.
// busy: called instead when another does.
export async function alone(name, task, busy) {
  const once = (lock) => (lock ? task() : busy());
  try {
    await navigator.locks.request(PREFIX + name, { ifAvailable: !!busy }, once);
  } catch {
    task(); // no such thing here: a page without TLS, or a frame that is refused it
  }
}
