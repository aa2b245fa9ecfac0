/** The library page: the games that can be played, found by title or developer, and the game that is still running. */
import { listGames, wentToSignIn } from "./api.js";
import { coverFor } from "./covers.js";
import { byId, create, failureNotice } from "./dom.js";
import { describeFailure } from "./messages.js";
import { runningBanner, runningSessions } from "./running.js";

const shelf = byId("library");
const announcer = byId("library-status");
const search = byId("search");
const SEARCH_PAUSE_MS = 180;
let asked = null;

function card(game) {
  const link = create("a", { href: `/games/${encodeURIComponent(game.slug)}` }, game.title);
  const text = create(
    "div",
    { class: "game-card-text" },
    create("h2", {}, link),
    create("p", { class: "developer" }, game.developer),
    create("ul", { class: "tags" }, game.tags.slice(0, 3).map((tag) => create("li", { class: "tag" }, tag))),
  );
  return create("li", { class: "game-card" }, coverFor(game), text);
}

function emptyShelf(words) {
  if (words) {
    const clear = create("button", { class: "button button-quiet", type: "button" }, "Show all games");
    clear.addEventListener("click", () => {
      search.value = "";
      search.focus();
      show();
    });
    return create("div", { class: "empty" }, create("h2", {}, `Nothing is called “${words}” here`), create("p", {}, "Try a part of the title or the developer’s name."), clear);
  }
  return create(
    "div",
    { class: "empty" },
    create("h2", {}, "The stage is empty"),
    create("p", {}, "No game has been added yet. Whoever runs this Playhouse adds them with "),
    create("p", {}, create("code", {}, "orchestrator games add FILE.toml")),
  );
}

async function appendPage(list, words, page, signal) {
  const { games, pagination } = await listGames({ search: words, page, signal });
  list.append(...games.map(card));
  return pagination;
}

function moreButton(list, words, page) {
  const button = create("button", { class: "button button-quiet more", type: "button" }, "Show more games");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const shownBefore = list.children.length;
      const pagination = await appendPage(list, words, page);
      list.children[shownBefore]?.querySelector("a").focus();
      button.remove();
      if (pagination.page < pagination.totalPages) shelf.append(moreButton(list, words, page + 1));
    } catch (failure) {
      button.disabled = false;
      if (!wentToSignIn(failure)) announcer.textContent = describeFailure(failure).text;
    }
  });
  return button;
}

async function show() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const words = search.value.trim();
  shelf.setAttribute("aria-busy", "true");
  try {
    const list = create("ul", { class: "games" });
    const pagination = await appendPage(list, words, 1, signal);
    shelf.replaceChildren(pagination.total === 0 ? emptyShelf(words) : list);
    if (pagination.totalPages > 1) shelf.append(moreButton(list, words, 2));
    announcer.textContent = pagination.total === 1 ? "1 game" : `${pagination.total} games`;
  } catch (failure) {
    if (signal.aborted || wentToSignIn(failure)) return;
    const { title, text } = describeFailure(failure);
    const again = create("button", { class: "button button-quiet", type: "button", onclick: show }, "Try again");
    shelf.replaceChildren(failureNotice(`${title}. ${text}`, again));
  }
  shelf.removeAttribute("aria-busy");
}

async function showRunning() {
  byId("running").replaceChildren(...(await runningSessions()).map(runningBanner));
}

function skeletons() {
  return create("div", { class: "games", "aria-hidden": "true" }, Array.from({ length: 4 }, () => create("div", { class: "skeleton game-skeleton" })));
}

let pause = 0;
search.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(show, SEARCH_PAUSE_MS);
});
byId("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(pause);
  show();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) showRunning();
});

shelf.replaceChildren(skeletons());
show();
showRunning();
