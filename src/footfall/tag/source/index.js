// The tag: what it notices by itself, and the calls of a page.

import { clicked, filled, submitted } from "./elements.js";
import { flush, leave, put, retry, stop, wake } from "./queue.js";
import { firstKey, loadedAs, settings, signalled, warn } from "./settings.js";
import { alone, follow, names, open, read, remove, write } from "./store.js";
import { MASKED, parts, prose, told } from "./urls.js";
import * as visits from "./visit.js";

let key = firstKey;
let enabled = true; // by the page
let running = false;
let anonymous = false;
let listening = false;
let waiting = []; // calls, until the tag has started
let held = []; // calls that say who somebody is, until it may run
let early = {}; // attributes that came before it was known of whom
let seen = ""; // the page that was told last
let last = ""; // its address, as it was told
let cameFrom = document.referrer;
let moving = 0;
let ending = 0;

const SENDABLE = [
  "engagement_view", "engagement_click", "survey_response", "survey_answer", "feedback", "article_view", "screen_view",
];

// --- events -----------------------------------------------------------------------------------------

function here() {
  const page = parts(location.href);
  if (page) {
    const named = settings.title && page.path !== MASKED;
    page.title = (named && prose(document.title, 300)) || undefined;
    page.referrer = told(cameFrom);
  }
  return page;
}

// Tell that something happened now. everywhere: also on pages that are excluded.
function emit(type, fields, everywhere) {
  const page = here() || undefined;
  if (!running || !key || !(page || everywhere)) return;
  const now = Date.now();
  const visit = visits.load();
  if (visits.isOver(visit, now)) close(visit, now);
  if (!visit.session) {
    visits.begin(visit, now);
    tell(visit, "session_started", { event_id: visit.session + "-start" }, page, now);
  }
  tell(visit, type, fields, page, now);
  watch(visit);
}

// Put an event on its way, and save that it was: the fields of the next may be no JSON, and make an error.
function tell(visit, type, fields, page, now) {
  visit.last = now;
  const event = {
    type, event_id: visits.random(), occurred_at: now, session_id: visit.session, anonymous_id: visit.visitor,
    identify_id: visit.user, account_id: visit.account, channel: "web", locale: navigator.language, page,
    global_context: visit.context, ...fields,
  };
  put(event, key, visit.hash);
  visit.count++;
  visits.save(visit);
}

function close(visit, now) {
  const end = visits.ended(visit, now);
  if (end) tell(visit, "session_ended", end, undefined, visit.last);
  visit.session = undefined;
  visits.save(visit);
}

// While a page is open it notices the end of its session itself.
function watch(visit) {
  clearTimeout(ending);
  if (!visit.session) return;
  ending = setTimeout(() => {
    const current = visits.load(); // another tab may have gone on
    if (running && visits.isOver(current, Date.now())) close(current, Date.now());
    watch(current);
  }, visits.overIn(visit, Date.now()) + 50);
}

function viewed() {
  clearTimeout(moving);
  moving = 0;
  const url = told(location.href);
  const mark = url && url + location.pathname; // of masked pages all addresses look the same
  if (waiting || !running || mark === seen) return;
  cameFrom = last || cameFrom;
  last = url;
  seen = mark;
  if (settings.pages) emit("page_view");
}

// A route of a single-page app has its title a moment after its address.
function moved() {
  moving = moving || setTimeout(viewed, 50);
}

// --- what happens in the page ----------------------------------------------------------------------

// A fault of the tag must never be one of the page.
const safely = (handle) => (event) => {
  try {
    if (running) handle(event);
  } catch (error) {
    warn(error);
  }
};

function listen() {
  listening = true;
  const on = (target, name, handle) => target.addEventListener(name, safely(handle), { capture: true, passive: true });
  const click = (event) => {
    const found = settings.clicks && clicked(event);
    if (found) emit(found.type, found.fields);
  };
  on(document, "click", click);
  on(document, "auxclick", (event) => event.button === 1 && click(event));
  on(document, "submit", (event) => {
    const found = settings.forms && submitted(event.target);
    if (found) emit("form_submit", found);
  });
  for (const name of ["pushState", "replaceState"]) {
    const real = history[name];
    history[name] = function () {
      const result = real.apply(this, arguments);
      safely(moved)();
      return result;
    };
  }
  on(self, "popstate", moved);
  on(self, "hashchange", moved);
  on(self, "online", retry);
  on(self, "pagehide", () => {
    if (moving) viewed();
    leave();
  });
  on(self, "pageshow", (event) => event.persisted && calls.page());
  on(document, "visibilitychange", () => {
    if (document.visibilityState === "hidden") flush();
    else watch(visits.load());
  });
}

// --- may it run -------------------------------------------------------------------------------------

// Run or rest, after anything that decides about it.
function settle() {
  if (waiting) return;
  open(true);
  const signal = signalled();
  const consent = read("consent");
  const may =
    enabled && signal !== "drop" && consent?.state !== "denied" && (consent || settings.consent !== "required");
  anonymous = may && signal === "anonymise";
  if (!may || (anonymous && !running)) names("").filter((name) => name !== "consent").forEach(remove);
  open(!anonymous);
  if (consent) write("consent", consent); // in memory, where nothing may be stored
  if (may && !running) {
    running = true;
    if (!listening) listen();
    wake(100); // what an earlier page left
    held.splice(0).forEach((given) => call(...given));
  } else if (!may && running) {
    running = false;
    stop();
    clearTimeout(ending);
    seen = "";
  }
}

function decided() {
  settle();
  viewed();
}

// --- calls ------------------------------------------------------------------------------------------

const object = (given) => (typeof given === "object" ? given : given !== undefined && { id: given });

const calls = {
  identify(user, account) {
    if (anonymous) return;
    const { id, userHash, ...attributes } = { ...early.user, ...object(user) };
    const firm = { ...early.account, ...object(account) };
    if (!id && id !== 0) return warn("identify needs an id");
    early = {};
    let visit = visits.load();
    if (visit.user && visit.user !== String(id)) visit = renew();
    visit.user = String(id);
    visit.hash = userHash || visit.hash;
    if (firm.id) visit.account = firm.id = String(firm.id);
    visits.save(visit);
    emit("identify", { user: filled(attributes), account: filled(firm) }, true);
  },
  track(name, attributes) {
    if (!name) return warn("track needs a name");
    emit("custom", { event_name: String(name), attributes });
  },
  page() {
    seen = last = "";
    viewed();
  },
  set(what, values) {
    const visit = visits.load();
    if (what === "globalContext") {
      const context = { ...visit.context, ...values };
      for (const name in context) if (context[name] === null) delete context[name];
      visit.context = filled(context);
      visits.save(visit);
    } else if (what !== "user" && what !== "account") warn("set " + what);
    else if (anonymous) return;
    else if (!visit.user) early[what] = { ...early[what], ...values };
    else if (what === "user") calls.identify({ ...values, id: visit.user });
    else if (values.id || visit.account) {
      const id = (visit.account = String(values.id || visit.account));
      visits.save(visit);
      emit("group", { account: { ...values, id } }, true);
    } else warn("set account needs an id");
  },
  send(type, fields) {
    if (!SENDABLE.includes(type)) return warn("send " + type);
    const labels = [].concat(fields?.labels || []);
    emit(type, { ...fields, type, labels: filled(labels) });
  },
  reset() {
    early = {};
    visits.save(renew());
  },
  config(name, value) {
    if (name === "tagKey") key = String(value);
    else if (name === "enableTag") {
      enabled = value !== false;
      decided();
    }
  },
  consent(state, about) {
    const granted = state === true || state === "granted";
    open(true);
    write("consent", { state: granted ? "granted" : "denied", version: about?.version });
    decided();
  },
};

// Another person, or nobody known: nothing of the one before stays.
function renew() {
  const visit = visits.load();
  if (running) close(visit, Date.now());
  return { visitor: visits.random() };
}

function call(...given) {
  if (waiting) waiting.push(given);
  else if (!running && /^(identify|set|reset)$/.test(given[0])) held.push(given);
  else make(given);
}

function make([name, ...given]) {
  try {
    if (Object.keys(calls).includes(name)) calls[name](...given);
    else warn("no call " + name);
  } catch (error) {
    warn(error);
  }
}

// --- start ------------------------------------------------------------------------------------------

// Take the place of the stubs, and what they were told.
function install() {
  for (const name of ["footfall", "aptrinsic"]) {
    const stub = self[name] || {};
    // PX's own tag may be on the page too: its calls are ours only where we were put in its place.
    if (name !== "footfall" && self[name] && stub.p !== key && !/aptrinsic/.test(loadedAs)) continue;
    key = key || stub.p || "";
    waiting.push(...[...(stub.q || [])].map((given) => [...given]));
    self[name] = call;
  }
  call.loaded = true;
}

function start() {
  const given = waiting;
  // Those that decide whether it runs come before anything is stored or sent.
  const decides = ([name]) => name === "config" || name === "consent";
  given.filter(decides).forEach(make);
  waiting = null;
  settle();
  given.filter((each) => !decides(each)).forEach((each) => call(...each));
  viewed();
  follow("consent", decided);
}

if (!self.footfall?.loaded) {
  install();
  // Two tabs that open at once begin one session.
  const begin = () => alone("start", start);
  if (document.prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
  else begin();
}
