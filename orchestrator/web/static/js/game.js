/** The page of one game: what it is, its three save slots with their earlier saves, and Play. */
import { listSaves, listSessions, readGame, setFavorite, stopSession, wentToSignIn } from "./api.js";
import { ConnectionCheck, troubleBeforeFirstLaunch } from "./connectioncheck.js";
import { coverFor } from "./covers.js";
import { measureDistances } from "./distances.js";
import { bringBack, deletedSaves } from "./deletedslots.js";
import { byId, create, failureNotice, icon } from "./dom.js";
import { EarlierSaves } from "./earlier.js";
import { formatAgo, formatBytes, formatDate, formatLanguages, formatPlayTime } from "./format.js";
import { launchAndGo } from "./launching.js";
import { describeFailure } from "./messages.js";
import { redeemForm } from "./redeeming.js";
import { playPath, runningSessions } from "./running.js";
import { savePicture } from "./savepicture.js";
import { SlotCare, titleOf } from "./slotcare.js";
import { lastPlayed, placesOf } from "./slots.js";

const page = byId("game");
const slug = page.dataset.slug;
const dialog = byId("session-active");
const earlier = new EarlierSaves({
  dialog: byId("earlier"),
  title: byId("earlier-title"),
  body: byId("earlier-body"),
  close: byId("earlier-close"),
  onClose: async (slotId, hasChanged) => {
    if (hasChanged) await load();
    page.querySelector(`[data-earlier="${CSS.escape(slotId)}"]`)?.focus();
  },
});
const care = new SlotCare({
  dialog: byId("care"),
  title: byId("care-title"),
  body: byId("care-body"),
  close: byId("care-close"),
  onClose: async (slot, { hasChanged, isDeleted }) => {
    if (hasChanged) await load();
    if (isDeleted) offerUndo(slot);
    else page.querySelector(`[data-care="${CSS.escape(slot.id)}"]`)?.focus();
  },
});
const check = new ConnectionCheck({ dialog: byId("check"), title: byId("check-title"), body: byId("check-body"), close: byId("check-close") });
let order = null;
let isRunning = false;

/** Starts what a button asks for; `order` is kept for "stop it and play this". */
async function play(button, wanted, isSure = false) {
  order = { button, wanted };
  const messages = byId("launch-message");
  messages.replaceChildren();
  busy(true);
  const trouble = isSure ? null : await troubleBeforeFirstLaunch();
  if (trouble) {
    busy(false);
    const words = trouble.map(({ title, text }) => `${title}. ${text}`).join(" ");
    const anyway = create("button", { class: "button button-quiet", type: "button", id: "play-anyway", onclick: () => play(button, wanted, true) }, "Play anyway");
    messages.replaceChildren(failureNotice(words, anyway));
    return;
  }
  try {
    await launchAndGo(wanted);
  } catch (failure) {
    busy(false);
    if (wentToSignIn(failure)) return;
    if (failure.code === "session_active") {
      askAboutRunning(failure);
      return;
    }
    const { title, text, canRetry, retryAfterS } = describeFailure(failure);
    const wait = retryAfterS ? ` In ${retryAfterS} seconds it may work.` : "";
    const again = canRetry && create("button", { class: "button button-quiet", type: "button", id: "launch-retry", onclick: () => play(button, wanted) }, "Try again");
    messages.replaceChildren(failureNotice(`${title}. ${text}${wait}`, ...(again ? [again] : [])));
  }
}

function busy(isBusy) {
  for (const button of page.querySelectorAll("button[data-plays]")) {
    button.disabled = isBusy;
    if (isBusy && button === order.button) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }
}

const BEFORE_A_STOP = "One game at a time. If you stop it, what you have not saved in it is lost. Your saves are kept.";
const IN_PLACE = "You can go on where you are.";

/** Whether what was ordered is another save than the one that is being played; that it has none yet makes it a new game's. */
async function isForAnotherSlot({ saveSlotId, fresh }) {
  if (fresh) return true;
  if (!saveSlotId) return false;
  const { saves } = await listSaves(slug).catch(() => ({ saves: [] }));
  return !saves.some((save) => save.id === saveSlotId && save.inUse);
}

async function askAboutRunning(failure) {
  const { sessions } = await listSessions().catch(() => ({ sessions: [] }));
  const running = sessions.find((session) => session.sessionId === failure.details.sessionId);
  const sessionId = failure.details.sessionId ?? sessions[0]?.sessionId;
  const name = running?.gameTitle ?? "Another game";
  const isSame = running?.gameSlug === slug;
  byId("session-active-title").textContent = isSame ? `${name} is running already` : `${name} is still running`;
  const canStop = sessionId && (!isSame || (await isForAnotherSlot(order.wanted)));
  byId("session-active-text").textContent = canStop ? BEFORE_A_STOP : IN_PLACE;
  byId("session-active-go").href = sessionId ? playPath(sessionId) : "/";
  byId("session-active-stop").textContent = isSame ? "Stop it and play the other save" : "Stop it and start this one";
  byId("session-active-stop").hidden = !canStop;
  byId("session-active-stop").dataset.sessionId = sessionId ?? "";
  byId("session-active-failure").hidden = true;
  dialog.showModal();
  byId("session-active-go").focus();
}

byId("session-active-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => order?.button.focus());
byId("session-active-stop").addEventListener("click", async ({ currentTarget: button }) => {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await stopSession(button.dataset.sessionId);
    dialog.close();
    await play(order.button, order.wanted);
  } catch (failure) {
    const box = byId("session-active-failure");
    box.textContent = describeFailure(failure).text;
    box.hidden = false;
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});

function playButton(words, wanted, look) {
  const button = create("button", { class: `button ${look}`, type: "button", "data-plays": true }, words === "New game" ? null : icon("play"), words);
  button.addEventListener("click", () => play(button, wanted));
  return button;
}

/** The way back into the running game; nothing while it is about to end. */
function goOn(running, look) {
  return running && create("a", { class: `button ${look}`, href: playPath(running.sessionId) }, icon("play"), "Go on playing");
}

function ticket({ number, save }, facts) {
  const title = save ? titleOf(save) : "Empty";
  const played = save?.inUse ? "Being played now" : save?.lastPlayedAt ? `Played ${formatAgo(save.lastPlayedAt, Date.now())}` : "Not played yet";
  const inAll = save?.playSeconds ? `${formatPlayTime(save.playSeconds)} in all` : null;
  const detail = save ? [played, inAll, save.sizeBytes ? formatBytes(save.sizeBytes) : null].filter(Boolean).join(", ") : "A new game starts here.";
  const older = save && create("button", { class: "button button-plain button-small", type: "button", "data-earlier": save.id, "aria-label": `Earlier saves of slot ${number}`, onclick: () => earlier.open(save) }, "Earlier saves");
  const manage = save && create("button", { class: "button button-plain button-small", type: "button", "data-care": save.id, "aria-label": `Manage slot ${number}`, onclick: () => care.open(save) }, "Manage");
  const button = save?.inUse
    ? goOn(facts.running, "button-lit")
    : save
    ? playButton("Continue", { ...facts, saveSlotId: save.id }, "button-quiet")
    : playButton("New game", { ...facts, fresh: true }, "button-quiet");
  if (button) button.setAttribute("aria-label", save?.inUse ? `Go on playing slot ${number}: ${title}` : save ? `Continue slot ${number}: ${title}` : `New game in slot ${number}`);
  return create(
    "li",
    { class: save ? "ticket ticket-used" : "ticket" },
    create("div", { class: "ticket-stub", "aria-hidden": "true" }, create("span", {}, "Slot"), create("span", { class: "ticket-number" }, String(number))),
    create(
      "div",
      { class: "ticket-body" },
      save && savePicture(save.picture),
      create("div", { class: "ticket-text" }, create("h3", { dir: "auto" }, title), create("p", {}, detail)),
      create("div", { class: "ticket-buttons" }, button, older, manage),
    ),
  );
}

/** A new game takes the first empty place, so only that one offers it; the other empty ones wait their turn. */
function ticketsFor(saves, facts) {
  const places = placesOf(saves);
  const nextEmpty = places.find((place) => place.save === null);
  return places.map((place) => {
    const item = ticket(place, facts);
    if (place.save === null && place !== nextEmpty) {
      item.querySelector(".ticket-buttons").remove();
      item.querySelector("p").textContent = "Free";
    }
    return item;
  });
}

/** Says that a save is gone, and brings it back on the spot. */
function offerUndo(save) {
  const words = byId("slots-words");
  const undo = create("button", { class: "button button-quiet button-small", type: "button", id: "undo-delete" }, "Undo");
  undo.addEventListener("click", () => bringBack(save, undo, words, cameBack));
  words.replaceChildren(create("div", { class: "notice", role: "status" }, create("p", {}, create("bdi", {}, titleOf(save)), " is deleted. For 30 days you can bring it back."), undo));
  undo.focus();
}

async function cameBack(save) {
  await load();
  byId("slots-words").replaceChildren(create("p", { class: "notice", role: "status" }, create("span", {}, create("bdi", {}, titleOf(save)), " is back.")));
  page.querySelector(`[data-care="${CSS.escape(save.id)}"]`)?.focus();
}

function slotSection(saves, deleted, facts) {
  const isFull = saves.length >= 3;
  return create(
    "section",
    { class: "slots", "aria-labelledby": "slots-title" },
    create("h2", { id: "slots-title" }, "Your saves"),
    create("div", { id: "slots-words" }),
    isFull ? create("p", { class: "notice", id: "slots-full" }, "All three slots are in use: continue one of them, or delete one to start a new game.") : null,
    create("ol", { class: "tickets" }, ticketsFor(saves, facts)),
    deletedSaves(deleted, { isFull, onBack: cameBack }),
  );
}

function factRows(game) {
  const rows = [
    ["Developer", game.developer],
    ["Released", game.releaseDate && formatDate(game.releaseDate)],
    ["Rating", game.contentRating],
    ["Languages", game.languages?.length ? formatLanguages(game.languages) : null],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [create("dt", {}, name), create("dd", {}, value)]);
}

function screenshots(game) {
  if (!game.screenshots?.length) return null;
  const list = create("ul", { class: "shots" });
  game.screenshots.forEach((address, index) => {
    const image = create("img", { src: address, alt: `Screenshot ${index + 1} of ${game.title}`, loading: "lazy", decoding: "async", width: 640, height: 360 });
    const item = create("li", {}, image);
    image.addEventListener("error", () => item.remove(), { once: true });
    list.append(item);
  });
  return create("section", { "aria-labelledby": "shots-title" }, create("h2", { id: "shots-title" }, "Screenshots"), list);
}

function favoriteButton(game) {
  const button = create("button", { class: "button button-quiet favorite", type: "button", id: "favorite" }, icon("heart"), create("span", {}));
  const say = (isFavorite) => {
    button.setAttribute("aria-pressed", String(isFavorite));
    button.querySelector("span").textContent = isFavorite ? "Favourite" : "Add to favourites";
  };
  say(game.isFavorite);
  button.addEventListener("click", async () => {
    const wanted = button.getAttribute("aria-pressed") !== "true";
    button.disabled = true;
    try {
      await setFavorite(slug, wanted);
      say(wanted);
    } catch (failure) {
      if (wentToSignIn(failure)) return;
      const { title, text } = describeFailure(failure);
      byId("launch-message").replaceChildren(failureNotice(`${title}. ${text}`));
    } finally {
      button.disabled = false;
      button.focus();
    }
  });
  return button;
}

/** What stands in the place of Play while the game is not in the library. */
function lockedPanel() {
  const { form } = redeemForm({
    onDone: async () => {
      await load();
      byId("launch-message").replaceChildren(create("p", { class: "notice", role: "status" }, "It is in your library now. Enjoy it!"));
      byId("play-button").focus();
    },
  });
  return create("section", { class: "locked panel", "aria-labelledby": "locked-title" }, create("h2", { id: "locked-title" }, "You need a code for this game"), create("p", { class: "hint" }, "Once you have redeemed one, the game is yours to play whenever you like."), form);
}

const RUNNING = "It is running now. After half an hour without you it stops by itself; your saves are kept.";

function show(game, { saves, deleted }, running) {
  const facts = { gameSlug: game.slug, title: game.title, thumbnail: game.thumbnail, running };
  document.title = `${game.title} · Playhouse`;
  const latest = lastPlayed(saves);
  const main = goOn(running, "button-large") ?? playButton("Play", latest ? { ...facts, saveSlotId: latest.id } : facts, "button-large");
  main.id = "play-button";
  const isLocked = !game.inLibrary && !running;
  const promise = running ? RUNNING : latest ? `Continues in slot ${latest.slot}, where you were last.` : "Starts a new game in a free slot.";
  page.replaceChildren(
    create(
      "div",
      { class: "game-head" },
      coverFor(game),
      create(
        "div",
        { class: "game-title" },
        create("h1", { dir: "auto" }, game.title),
        create("p", { class: "developer", dir: "auto" }, game.developer),
        create("ul", { class: "tags" }, game.tags.map((tag) => create("li", {}, create("a", { class: "tag", href: `/?${new URLSearchParams({ tag })}`, dir: "auto" }, tag)))),
        isLocked ? lockedPanel() : null,
        create("div", { class: "button-row" }, isLocked ? null : main, favoriteButton(game)),
        isLocked ? null : create("p", { class: "hint" }, promise),
        create("button", { class: "button button-plain button-small", type: "button", id: "check-button", onclick: () => check.open() }, "Check my connection"),
        create("div", { class: "launch-message", id: "launch-message" }),
      ),
    ),
    create(
      "div",
      { class: "game-body" },
      isLocked && saves.length + deleted.length === 0 ? null : slotSection(saves, deleted, facts),
      create(
        "div",
        { class: "about" },
        create("section", { "aria-labelledby": "about-title" }, create("h2", { id: "about-title" }, "About the game"), create("p", { class: "description", dir: "auto" }, game.description)),
        create("dl", { class: "facts" }, factRows(game)),
        screenshots(game),
      ),
    ),
  );
}

async function load() {
  try {
    const [game, slots, sessions] = await Promise.all([readGame(slug), listSaves(slug), runningSessions()]);
    const running = sessions.find((session) => session.gameSlug === slug);
    isRunning = Boolean(running);
    show(game, slots, running);
    if (location.hash === "#slots-title") document.getElementById("slots-title")?.scrollIntoView();
  } catch (failure) {
    if (wentToSignIn(failure)) return;
    const { title, text, canRetry } = describeFailure(failure);
    const heading = failure.code === "not_found" ? "There is no such game" : title;
    const next = canRetry
      ? create("button", { class: "button", type: "button", onclick: load }, "Try again")
      : create("a", { class: "button", href: "/" }, "Go to the library");
    page.replaceChildren(create("div", { class: "lost" }, create("h1", {}, heading), create("p", { role: "alert" }, text), next));
  }
  page.removeAttribute("aria-busy");
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) load();
});
// It may have ended in another tab meanwhile.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && isRunning && !document.querySelector("dialog[open]")) load();
});
load().then(measureDistances);
