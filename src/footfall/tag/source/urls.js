// Addresses, without what must not leave the page.

import { settings } from "./settings.js";

const HIDDEN = "***";
export const MASKED = "/" + HIDDEN;
const MAIL = /[^\s/?#&=]+(@|%40)[^\s/?#&=]+/gi;
const NUMBER = /\d(?:[ .-]?\d){6,}/g; // a phone, a card

// Words as they may be told: no mail address, not long.
export const clean = (text, most = 200) => String(text).replace(MAIL, HIDDEN).slice(0, most);

// Words that people read, in one line: no long number either.
export const prose = (text, most) => clean(text.replace(/\s+/g, " ").trim().replace(NUMBER, HIDDEN), most);

function patterns(texts) {
  const escaped = texts.map((text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*"));
  const expression = new RegExp("^(?:" + escaped.join("|") + ")$", "i");
  return (...values) => texts.length && values.some((value) => expression.test(value));
}

const kept = patterns(settings.query);
const named = patterns(settings.mask_query);
const excluded = patterns(settings.exclude_urls);
const masked = patterns(settings.mask_urls);

// A pattern speaks of the path, of host and path, or of all of it; with or without the part after #.
function matches(test, url) {
  const path = url.pathname;
  const whole = [path, url.host + path, url.origin + path];
  return test(...whole, ...whole.map((each) => each + url.hash));
}

function query(search) {
  const told = [];
  for (const [name, value] of new URLSearchParams(search)) {
    if (named(name)) told.push(name + "=*");
    else if (kept(name)) told.push(encodeURIComponent(name) + "=" + encodeURIComponent(value));
  }
  return clean(told.join("&"), 1000);
}

// The parts of an address that may be told; null where nothing may be collected.
export function parts(href) {
  const url = new URL(href, location.href);
  if (matches(excluded, url)) return null;
  const found = { scheme: url.protocol.slice(0, -1), host: url.host };
  if (matches(masked, url)) return { ...found, path: MASKED };
  found.path = clean(url.pathname, 1000);
  found.query_string = query(url.search) || undefined;
  // After # only the route of a single-page app is told, never a token.
  found.hash = /^#!?\//.test(url.hash) ? clean(url.hash.split("?")[0], 500) : undefined;
  return found;
}

// An address as one text: of a link, a form, a referrer. Of other schemes than http only the scheme.
export function told(href) {
  if (!href) return;
  try {
    const url = new URL(href, location.href);
    if (!/^https?:$/.test(url.protocol)) return url.protocol;
    const { scheme, host, path, query_string, hash } = parts(url);
    return scheme + "://" + host + path + (query_string ? "?" + query_string : "") + (hash || "");
  } catch {
    // no address at all, or one that is excluded
  }
}
