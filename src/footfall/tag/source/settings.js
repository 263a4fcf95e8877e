// What the server wrote in front of the tag, completed with what is usual.

const USUAL = {
  query: [], // names of query parameters that are kept; all others are dropped. `*` stands for any characters
  mask_query: [], // names that are kept without their values
  exclude_urls: [], // nothing is collected there
  mask_urls: [], // collected without saying where
  attributes: [], // of elements, beside those in elements.js
  text: true, // short text of clicked links and buttons
  title: true, // title of the page
  pages: true,
  clicks: true,
  forms: true,
  idle_minutes: 30,
  gpc: "anonymise", // what the browser's "do not sell or share" means: drop | anonymise | allow
  dnt: "allow", // the same for the older "do not track"
  consent: "none", // required: nothing is stored or sent before footfall('consent', 'granted')
};

export const settings = { ...USUAL, ...self.footfallSettings };

// currentScript is there while this file runs, also when a loader put it into the page; an image or a form of that name
// would stand in its place.
const script = document.currentScript;
const src = new URL((script instanceof HTMLScriptElement && script.src) || location.href);

// .../footfall.js and PX's .../api/aptrinsic.js send to .../events of the same folder.
export const address = src.origin + src.pathname.replace(/(api\/)?[^/]*$/, "events");
export const loadedAs = src.pathname;
export const firstKey = src.searchParams.get("a") || src.searchParams.get("key") || "";

export const warn = (what) => console.warn("footfall:", what);

// drop, anonymise or undefined (allow): the strictest of what the browser's signals mean here.
export function signalled() {
  const meant = [navigator.globalPrivacyControl && settings.gpc, navigator.doNotTrack === "1" && settings.dnt];
  return ["drop", "anonymise"].find((each) => meant.includes(each));
}
