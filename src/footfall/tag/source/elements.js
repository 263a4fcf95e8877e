// What is told of an element: how to find it again, never what somebody wrote into it.

import { settings } from "./settings.js";
import { clean, prose, told } from "./urls.js";

const CLICKABLE =
  "a[href],area[href],button,summary,[type=submit],[type=button],[type=reset],[type=image]," +
  "[role=button],[role=link],[role=tab],[role=menuitem]";
const PRIVATE = "[data-footfall-mask],[contenteditable],[role=textbox],input,textarea,select,option,datalist,script,style";
const ATTRIBUTES = ["name", "type", "role", "data-footfall"].concat(settings.attributes);
const NEVER = /^(value|placeholder|srcdoc|style|on.*)$/i;
const DEPTH = 20;

const isElement = (node) => node.nodeType === 1;
export const filled = (values) => (Object.keys(values).length ? values : undefined);
const cleaned = (value) => (value ? clean(value) : undefined);

function attributes(element) {
  const found = {};
  for (const name of ATTRIBUTES) {
    const value = NEVER.test(name) ? null : element.getAttribute(name);
    if (value) found[name] = /^(href|src|action)$/.test(name) ? told(value) : clean(value);
  }
  return filled(found);
}

function one(element) {
  return {
    tag: element.localName,
    id: cleaned(element.getAttribute("id")), // not .id: a field of a form may be called so
    classes: filled([...element.classList].slice(0, 20).map(cleaned)),
    nth: [].indexOf.call(element.parentNode?.children || [], element) + 1 || undefined,
    attributes: attributes(element),
  };
}

// Text of an element without that of fields, editors and what is marked as private.
function words(node) {
  if (node.nodeType === 3) return node.data;
  if (!isElement(node) || node.matches(PRIVATE)) return "";
  return [...node.childNodes].map(words).join(" ");
}

// Descriptor of an element. line: the element and what is around it, as an event came along.
function descriptor(element, line) {
  return { ...one(element), path: filled(line.slice(0, DEPTH).filter((each) => each.localName !== "html").map(one)) };
}

const around = (element) => {
  const line = [];
  for (let each = element.parentNode; each; each = each.parentNode || each.host) if (isElement(each)) line.push(each);
  return line;
};

const ignored = (line) => line.some((each) => each.isContentEditable || each.hasAttribute("data-footfall-ignore"));

// What a click tells; null when it was on nothing that counts.
export function clicked(event) {
  const line = event.composedPath().filter(isElement);
  const element = line.find((each) => each.matches(CLICKABLE));
  if (!element || ignored(line)) return null;
  const outer = around(element);
  const found = descriptor(element, outer);
  const hidden = [element, ...outer].some((each) => each.hasAttribute("data-footfall-mask"));
  if (settings.text && !hidden) found.text = prose(words(element), 80) || undefined;
  const href = element.getAttribute("href");
  const link = href !== null && /^(a|area)$/.test(element.localName);
  return { type: link ? "link_click" : "click", fields: { element: found, link_url: hidden ? undefined : told(href) } };
}

// What the sending of a form tells: which one, and nothing of its fields.
export function submitted(form) {
  const outer = around(form);
  if (ignored([form, ...outer])) return null;
  return {
    form: {
      id: cleaned(form.getAttribute("id")),
      name: cleaned(form.getAttribute("name")),
      action: told(form.getAttribute("action") || location.href),
    },
    element: descriptor(form, outer),
  };
}
