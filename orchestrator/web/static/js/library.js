/** The library page: it is whole without this. With it, games are found while one types, and codes are redeemed. */
import { byId } from "./dom.js";
import { redeemForm } from "./redeeming.js";
import { runningBanner, runningSessions } from "./running.js";

const form = byId("search-form");
const search = byId("search");
const SEARCH_PAUSE_MS = 180;
let asked = null;

/** The address that the form asks for, without what is empty. */
function wantedAddress() {
  const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  return fields.size > 0 ? `/?${fields}` : "/";
}

/** Puts what the server shows under the form's address in the place of what is shown, and the address in the bar. */
async function look() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const address = wantedAddress();
  byId("library").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin", signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById("library");
    if (!answer.ok || found === null) throw new Error("no library");
    byId("library").replaceWith(document.adoptNode(found));
    byId("sort").replaceChildren(...[...page.getElementById("sort").options].map((option) => document.adoptNode(option)));
    history.replaceState(null, "", address);
    offerRedeeming();
  } catch {
    if (!signal.aborted) location.assign(address); // the browser says what is wrong
  }
}

async function showRunning() {
  byId("running").replaceChildren(...(await runningSessions()).map(runningBanner));
}

function offerRedeeming() {
  const open = byId("redeem-open");
  open.hidden = false;
  open.addEventListener("click", () => {
    const dialog = byId("redeem");
    const { form: redeem, input } = redeemForm({
      onDone: ({ gameSlug }) => location.assign(`/games/${encodeURIComponent(gameSlug)}`),
      onCancel: () => dialog.close(),
    });
    byId("redeem-body").replaceChildren(redeem);
    dialog.showModal();
    input.focus();
  });
}

let pause = 0;
search.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(look, SEARCH_PAUSE_MS);
});
byId("sort").addEventListener("change", look);
byId("search-button").hidden = true;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(pause);
  look();
});
byId("redeem").addEventListener("close", () => byId("redeem-open").focus());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) showRunning();
});

offerRedeeming();
showRunning();
if (search.value !== search.defaultValue) look(); // somebody typed before this was here
