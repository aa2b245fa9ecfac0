/** Keeps a page of the admins fresh: it asks for the page again and changes what differs, so that focus, scroll and selection stay. */
const EVERY_MS = 5000;
const SHARE_OF_TIME = 10; // a page that takes long is asked for more rarely
let refreshing = null;

/** Ask for this page again and show what changed. Rejects when that cannot be had; a sign-in that has ended leads to the door. */
export function refresh() {
  refreshing ??= ask().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/** Refresh as long as the page is looked at and `mayNow()`. */
export function keepFresh(mayNow) {
  let waitMs = EVERY_MS;
  const round = async () => {
    const began = performance.now();
    if (document.visibilityState === "visible" && mayNow()) await refresh().catch(() => {}); // the next round may have more luck
    waitMs = Math.max(EVERY_MS, SHARE_OF_TIME * (performance.now() - began));
    setTimeout(round, waitMs);
  };
  setTimeout(round, waitMs);
}

async function ask() {
  const live = document.getElementById("live");
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin", cache: "no-store" });
  if (answer.redirected && new URL(answer.url).pathname === "/signin") location.assign(answer.url);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (!answer.ok || live === null || fresh === null) throw new Error("the page cannot be had");
  become(live, fresh);
}

/** `element` and all in it comes to look like `fresh`; what stays the same is not touched. Children are told apart by `data-key`. */
function become(element, fresh) {
  for (const { name } of [...element.attributes]) if (!fresh.hasAttribute(name) && name !== "open") element.removeAttribute(name); // what somebody opened stays open
  for (const { name, value } of fresh.attributes) if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  const wantedKeys = new Set([...fresh.children].map(({ dataset }) => dataset.key));
  const keyed = new Map([...element.children].filter(({ dataset }) => dataset.key).map((child) => [child.dataset.key, child]));
  for (const [key, child] of keyed) if (!wantedKeys.has(key)) child.remove();
  let here = element.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    while (wanted.dataset?.key && here !== null && !here.dataset?.key) here = removed(here); // what is keyed need not move then
    const known = wanted.dataset?.key ? keyed.get(wanted.dataset.key) : likeThis(here, wanted);
    if (known === undefined || known === null) {
      element.insertBefore(document.importNode(wanted, true), here);
      continue;
    }
    if (known === here) here = here.nextSibling;
    else element.insertBefore(known, here);
    if (known.isEqualNode(wanted)) continue;
    if (known.nodeType === Node.ELEMENT_NODE) become(known, wanted);
    else known.data = wanted.data;
  }
  while (here !== null) here = removed(here);
}

/** What stood after it. */
function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function likeThis(here, wanted) {
  const isAlike = here !== null && here.nodeType === wanted.nodeType && here.nodeName === wanted.nodeName && !here.dataset?.key;
  return isAlike ? here : null;
}
