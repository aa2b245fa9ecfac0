/** The publisher's console: who has a key sees their games, describes new ones, uploads archives and chooses versions. The key stays in this tab. */
import { callAs } from "./api.js";
import { byId, create, failureNotice } from "./dom.js";
import { formatAgo, formatBytes, formatDuration } from "./format.js";
import { describeFailure } from "./messages.js";
import { PartedUpload } from "./parts.js";
import { paced } from "./rates.js";

const KEY = "publisher-key";
const LOOK_AGAIN_MS = 1500;
const STATUS = {
  pending_upload: "Waits for its archive",
  processing: "Being checked",
  active: "Active",
  rejected: "Not taken",
  suspended: "Suspended",
};
const shelf = byId("console");
const announcer = byId("console-status");
const door = byId("key-form");
const outside = byId("outside");
const inside = byId("inside");
const newGame = byId("new-game");
let call = null;
let key = "";
let upload = null;
let described = null; // the slug of the game that the form changes
let uploading = null; // {slug, box, isWaiting}: what is on its way, what shows it, and whether the network is away
const refusals = new Map(); // slug → why the newest upload from this page did not go through

const gamePath = (slug) => `/api/partners/games/${encodeURIComponent(slug)}`;

/** What the publisher is told: the server's words where it has some of its own. */
function wordsFor(failure) {
  if (failure.status === 401) return "This key does not work. It may have been revoked, or its time is over.";
  const isToldByServer = failure.status > 0 && (failure.status < 500 || failure.code === "store_unavailable"); // no room
  if (!isToldByServer) return describeFailure(failure).text;
  return failure.message || describeFailure(failure).text;
}

async function open(given) {
  key = given;
  call = callAs(key);
  const { name } = await call("GET", "/api/partners/keys");
  sessionStorage.setItem(KEY, key);
  byId("publisher-name").textContent = name;
  await showGames();
  outside.hidden = true;
  inside.hidden = false;
}

/** At the door, where the key is given again or another one. One that does not work is forgotten. */
async function tryToOpen(given) {
  const failures = byId("key-failure");
  failures.replaceChildren();
  try {
    await open(given);
  } catch (failure) {
    if (failure.status === 401) sessionStorage.removeItem(KEY);
    else byId("key").value = given;
    failures.replaceChildren(failureNotice(wordsFor(failure)));
  }
}

function leave() {
  upload?.stop();
  sessionStorage.removeItem(KEY);
  location.reload();
}

async function showGames() {
  const { games } = await call("GET", "/api/partners/games");
  const open = new Set([...shelf.querySelectorAll("details[open]")].map((element) => element.dataset.slug));
  shelf.replaceChildren(games.length === 0 ? empty() : create("ul", { class: "console-games" }, games.map((game) => gameItem(game, open.has(game.slug)))));
  shelf.removeAttribute("aria-busy");
  announcer.textContent = games.length === 1 ? "1 game" : `${games.length} games`;
}

function empty() {
  return create("div", { class: "empty" }, create("h2", {}, "No games yet"), create("p", {}, "Describe your first one, then upload its archive."));
}

function stateOf({ slug, status }) {
  if (uploading?.slug === slug) return create("span", { class: "console-state console-processing" }, uploading.isWaiting ? "Waits for the network" : "On its way");
  return create("span", { class: `console-state console-${status}` }, STATUS[status] ?? status);
}

function showState(details) {
  byId(`game-${details.slug}`).closest("details").querySelector(".console-state").replaceWith(stateOf(details));
}

function gameItem(game, isOpen) {
  const body = create("div", { class: "console-body", id: `game-${game.slug}` });
  const item = create(
    "details",
    { class: "console-game", "data-slug": game.slug },
    create(
      "summary",
      {},
      create("span", { class: "console-title" }, create("strong", {}, game.title), create("span", { class: "hint" }, `${game.slug} · changed ${formatAgo(game.updatedAt, Date.now())}`)),
      stateOf(game),
    ),
    body,
  );
  item.addEventListener("toggle", () => item.open && showGame(game.slug, body));
  if (isOpen) item.open = true;
  return create("li", {}, item);
}

async function showGame(slug, body) {
  if (uploading?.slug === slug) {
    body.replaceChildren(uploading.box);
    return;
  }
  try {
    const [details, { versions }, figures] = await Promise.all([call("GET", gamePath(slug)), call("GET", `${gamePath(slug)}/versions`), call("GET", `${gamePath(slug)}/statistics`)]);
    if (uploading?.slug === slug) return;
    showState(details); // newer than the list's
    const refusal = refusals.has(slug) ? failureNotice(wordsFor(refusals.get(slug))) : "";
    const change = create("button", { class: "button button-quiet button-small", type: "button", onclick: () => describe(details) }, "Change the description");
    body.replaceChildren(refusal, facts(details, figures), create("p", {}, change), news(details), uploadForm(details, body), picturesOf(details), versionList(slug, versions, body));
    if (details.upload?.state === "processing") lookAgain(slug, body);
    followPictures(details, body);
  } catch (failure) {
    body.replaceChildren(failureNotice(wordsFor(failure), create("button", { class: "button button-quiet button-small", type: "button", onclick: () => showGame(slug, body) }, "Try again")));
  }
}

function lookAgain(slug, body) {
  setTimeout(async () => {
    if (!body.isConnected || uploading?.slug === slug) return;
    try {
      const { upload: newest } = await call("GET", gamePath(slug));
      if (newest?.state !== "processing") {
        refusals.delete(slug);
        await showGames();
        return;
      }
      const progress = body.querySelector(".console-progress");
      if (progress) progress.textContent = wordsOfProgress(newest);
    } catch {
      // Nobody waits for this answer: the next look may have one.
    }
    lookAgain(slug, body);
  }, LOOK_AGAIN_MS);
}

function facts(details, figures) {
  const { servers, cached } = details.cacheStatus;
  const rows = [
    ["Launcher", details.launcher],
    ["Saves", details.renpyDir ? `~/.renpy/${details.renpyDir}` : details.savePaths.join(", ")],
    ["Game servers", `${cached} of ${servers} hold it`],
    ["Played", figures.sessions === 0 ? "Not yet" : `${figures.sessions === 1 ? "once" : `${figures.sessions} times`}, ${formatDuration(figures.hours * 3600)}`],
    ["Crashes", String(figures.crashes)],
    ["First picture", figures.bootSeconds === null ? "–" : `after ${figures.bootSeconds.toFixed(1)} s`],
  ];
  return create("dl", { class: "facts" }, rows.flatMap(([name, value]) => [create("dt", {}, name), create("dd", {}, value)]));
}

/** What became of the newest upload, where that is not plain from the status. */
function news(details) {
  if (details.status === "suspended") return failureNotice(`Suspended by the operator: ${details.reason}`);
  const newest = details.upload;
  if (newest === null) return "";
  if (newest.state === "processing") return create("div", { class: "notice", role: "status" }, create("p", { class: "console-progress" }, wordsOfProgress(newest)));
  if (newest.state === "rejected") return failureNotice(`The archive was not taken. ${newest.reasons.map((reason) => reason.message).join(" ")}`);
  if (newest.state === "receiving" && newest.receivedBytes > 0 && newest.url)
    return create("div", { class: "notice", role: "status" }, create("p", {}, `${formatBytes(newest.receivedBytes)} of ${formatBytes(newest.sizeBytes)} have arrived. Choose the same file again to go on.`));
  return "";
}

/** An archive that waits for more than its check says for what. */
function wordsOfProgress(newest) {
  return newest.reasons.map((reason) => reason.message).join(" ") || "The archive has arrived and is being checked.";
}

function uploadForm(details, body) {
  const id = `archive-${details.slug}`;
  const version = create("input", { class: "input", id: `version-${details.slug}`, type: "text", maxlength: 100, placeholder: "counted when empty" });
  const file = create("input", { class: "input console-file", id, type: "file", accept: ".gz,.tgz,application/gzip", required: true });
  const button = create("button", { class: "button", type: "submit" }, details.versionId ? "Upload a new version" : "Upload");
  const form = create(
    "form",
    { class: "console-upload" },
    create("div", { class: "field" }, create("label", { for: id }, "Archive (tar.gz, one folder)"), file),
    create("div", { class: "field" }, create("label", { for: version.id }, "Version"), version),
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(details, file.files[0], version.value.trim(), body);
  });
  return form;
}

async function send(details, file, version, body) {
  const { slug } = details;
  const bar = create("progress", { max: file.size, value: 0, "aria-label": `Upload of ${details.title}` });
  const words = create("p", { role: "status" }, "Starting");
  const stop = create("button", { class: "button button-quiet button-small", type: "button", onclick: () => upload.stop() }, "Pause");
  const box = create("div", { class: "console-progress" }, words, bar, stop);
  body.replaceChildren(box);
  const began = performance.now();
  const isTimeForWords = paced(500);
  let from = null;
  uploading = { slug, box, isWaiting: false };
  showState(details);
  refusals.delete(slug);
  upload = new PartedUpload({
    key,
    file,
    progress: (sent, isWaiting) => {
      if (isWaiting !== uploading.isWaiting) {
        uploading.isWaiting = isWaiting;
        showState(details);
      }
      if (isWaiting) {
        words.textContent = "The network is away. The upload goes on when it is back.";
        return;
      }
      from ??= sent;
      bar.value = sent;
      const seconds = (performance.now() - began) / 1000;
      const rate = sent > from && seconds > 1 ? `, ${formatBytes((sent - from) / seconds)} a second` : "";
      if (isTimeForWords(performance.now()) || sent === file.size) words.textContent = `${formatBytes(sent)} of ${formatBytes(file.size)}${rate}`;
    },
  });
  const newest = details.upload;
  const goesOn = newest?.state === "receiving" && newest.url && newest.sizeBytes === file.size;
  try {
    await upload.run(`${gamePath(slug)}/uploads`, { version, address: goesOn ? newest.url : null });
  } catch (failure) {
    if (failure.name !== "AbortError") refusals.set(slug, failure);
  }
  uploading = null;
  showState(details);
  await showGame(slug, byId(`game-${slug}`));
}

/** Cover and screenshots: where they lie, and how far the server is with those that lie elsewhere. */
function picturesOf(details) {
  const { slug } = details;
  const cover = create("input", { class: "input", id: `cover-${slug}`, type: "text", maxlength: 2000, spellcheck: false, autocomplete: "off", placeholder: "https://" });
  cover.value = details.thumbnail ?? "";
  const shots = create("textarea", { class: "input", id: `shots-${slug}`, rows: 3, spellcheck: false, "aria-describedby": `shots-hint-${slug}` });
  shots.value = details.screenshots.join("\n");
  const failures = create("div", {});
  const form = create(
    "form",
    { class: "console-pictures-form" },
    create("div", { class: "field" }, create("label", { for: cover.id }, "Cover"), cover),
    create("div", { class: "field" }, create("label", { for: shots.id }, "Screenshots"), shots, create("p", { class: "hint", id: `shots-hint-${slug}` }, "One URL a line. Pictures are fetched once, and shown from here.")),
    create("button", { class: "button button-quiet", type: "submit" }, "Save pictures"),
  );
  const section = create("section", { class: "console-pictures" }, create("h3", {}, "Pictures"), failures, pictureList(details), form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failures.replaceChildren();
    const screenshots = shots.value.split("\n").map((line) => line.trim()).filter(Boolean);
    try {
      const changed = await call("PATCH", gamePath(slug), { body: { thumbnail: cover.value.trim() || null, screenshots } });
      showPictures(changed, section);
      followPictures(changed, section);
      announcer.textContent = "The pictures are saved.";
    } catch (failure) {
      failures.replaceChildren(failureNotice(wordsFor(failure)));
    }
  });
  return section;
}

function pictureList({ pictures }) {
  const items = pictures.map((picture) =>
    create(
      "li",
      { class: `console-picture console-picture-${picture.state}` },
      picture.address ? create("img", { src: picture.address, alt: "", width: 92, height: 43, loading: "lazy" }) : create("span", { class: "console-picture-none" }),
      create("span", { class: "console-picture-words" }, create("span", { class: "console-picture-url" }, picture.url), create("span", { class: "hint" }, wordsOfPicture(picture))),
    ),
  );
  return create("ul", { class: "console-picture-list", hidden: items.length === 0 }, items);
}

function wordsOfPicture({ state, reason, nextTryAt }) {
  if (state === "stored") return "Here";
  if (state === "failed") return `Could not be fetched: ${reason.message} Save again for another try.`;
  if (reason === null) return "Being fetched";
  return `Could not be fetched yet: ${reason.message} It is tried again at ${new Date(nextTryAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}.`;
}

function showPictures(details, within) {
  within.querySelector(".console-picture-list")?.replaceWith(pictureList(details));
}

/** Looks again while a first try is under way, and touches nothing that somebody may be writing in. */
function followPictures({ slug, pictures }, within) {
  if (!pictures.some((picture) => picture.state === "waiting" && picture.reason === null)) return;
  setTimeout(async () => {
    if (!within.isConnected) return;
    try {
      const details = await call("GET", gamePath(slug));
      showPictures(details, within);
      followPictures(details, within);
    } catch {
      followPictures({ slug, pictures }, within); // nobody waits for this answer: the next look may have one
    }
  }, LOOK_AGAIN_MS);
}

function versionList(slug, versions, body) {
  if (versions.length === 0) return "";
  const rows = versions.map((version) =>
    create(
      "li",
      { class: "console-version" },
      create("span", {}, create("strong", {}, version.version), version.isActive && create("span", { class: "mark" }, "Current"), create("span", { class: "hint" }, ` ${formatBytes(version.sizeBytes)}, ${formatAgo(version.createdAt, Date.now())}`)),
      !version.isActive && create("button", { class: "button button-quiet button-small", type: "button", "aria-label": `Go back to version ${version.version}`, onclick: () => activate(slug, version, body) }, "Go back to it"),
    ),
  );
  return create("section", { class: "console-versions" }, create("h3", {}, "Versions"), create("ul", {}, rows));
}

async function activate(slug, version, body) {
  try {
    await call("POST", `${gamePath(slug)}/versions/${version.id}/activate`);
    announcer.textContent = `Version ${version.version} is played from now on.`;
    await showGame(slug, body);
  } catch (failure) {
    body.prepend(failureNotice(wordsFor(failure)));
  }
}

/** Opens the form: for a new game as it was left, else with what is said of this one. */
function describe(details) {
  if (details !== null || described !== null) newGame.reset();
  described = details?.slug ?? null;
  byId("new-game-failure").replaceChildren();
  byId("new-game-title").textContent = details ? `Change ${details.title}` : "Describe a game";
  byId("new-game-submit").textContent = details ? "Save it" : "Create it";
  byId("slug-field").hidden = newGame.elements.slug.disabled = details !== null;
  byId("change-hint").hidden = details === null;
  if (details !== null) {
    for (const name of ["title", "developer", "description", "launcher"]) newGame.elements[name].value = details[name];
    for (const name of ["tags", "savePaths"]) newGame.elements[name].value = details[name].join(", ");
    newGame.elements.renpyDir.value = details.renpyDir ?? "";
  }
  byId("new-game-dialog").showModal();
  byId("new-game-dialog").scrollTop = 0; // it may have been left at its end
}

function formOf(fields) {
  const text = (name) => String(fields.get(name) ?? "").trim();
  const list = (name) => text(name).split(",").map((part) => part.trim()).filter(Boolean);
  const form = { title: text("title"), developer: text("developer"), description: text("description"), tags: list("tags"), launcher: text("launcher") };
  return { ...form, renpyDir: text("renpyDir") || null, savePaths: list("savePaths") };
}

newGame.addEventListener("submit", async (event) => {
  event.preventDefault();
  const failures = byId("new-game-failure");
  failures.replaceChildren();
  const fields = new FormData(newGame);
  const slug = described ?? String(fields.get("slug")).trim();
  const button = byId("new-game-submit");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    if (described === null) await call("POST", "/api/partners/games", { body: { slug, ...formOf(fields) } });
    else await call("PATCH", gamePath(slug), { body: formOf(fields) });
  } catch (failure) {
    failures.replaceChildren(failureNotice(wordsFor(failure)));
    return;
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
  newGame.reset();
  byId("new-game-dialog").close();
  try {
    await showGames();
  } catch (failure) {
    shelf.prepend(failureNotice(`The game is described, and here after a reload. ${wordsFor(failure)}`));
    return;
  }
  const made = shelf.querySelector(`details[data-slug="${CSS.escape(slug)}"]`);
  made.open = true;
  made.querySelector("summary").focus();
});
byId("new-game-button").addEventListener("click", () => describe(null));
byId("new-game-close").addEventListener("click", () => byId("new-game-dialog").close());
byId("leave").addEventListener("click", leave);
door.addEventListener("submit", async (event) => {
  event.preventDefault();
  await tryToOpen(String(new FormData(door).get("key")).trim());
});
window.addEventListener("beforeunload", (event) => uploading !== null && event.preventDefault());

const known = sessionStorage.getItem(KEY);
if (known) tryToOpen(known);
