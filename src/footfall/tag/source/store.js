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
  name = PREFIX + name;
  try {
    return JSON.parse(memory.get(name) ?? disk.getItem(name));
  } catch {
    return null; // damaged, or there is no storage
  }
}

export function write(name, value) {
  const text = JSON.stringify(value);
  name = PREFIX + name;
  try {
    disk.setItem(name, text);
    memory.delete(name);
  } catch {
    memory.set(name, text);
  }
}

export function remove(name) {
  name = PREFIX + name;
  memory.delete(name);
  disk?.removeItem(name);
}

// Call back when another tab has written this name.
export function follow(name, task) {
  addEventListener("storage", (event) => {
    if (event.key !== PREFIX + name) return;
    memory.delete(event.key);
    task();
  });
}

// Names that begin so, in order.
export function names(beginning) {
  const found = [...memory.keys(), ...Object.keys(disk || {})].filter((name) => name.startsWith(PREFIX + beginning));
  return found.map((name) => name.slice(PREFIX.length)).sort();
}

// Run `task` while no other tab of this site runs one of the same name; where browsers cannot tell (plain http), at once.
// busy: called instead when another does.
export async function alone(name, task, busy) {
  try {
    await navigator.locks.request(PREFIX + name, { ifAvailable: !!busy }, (lock) => (lock ? task() : busy()));
  } catch {
    task(); // no such thing here: a page without TLS, or a frame that is refused it
  }
}
