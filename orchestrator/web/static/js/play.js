/**
 * The play page: puts the parts together and decides which scene is shown.
 *
 * Two sources move it: what the server says of the session (status.js) and what the connection to the seat does (stream.js). It
 * connects as soon as there is a seat, booting or not, and opens the curtain at the first picture.
 */
import { keepAlive, stopSession, wentToSignIn } from "./api.js";
import { cursorStyle } from "./cursor.js";
import { byId, failureNotice } from "./dom.js";
import { errorScene, lostScene, replacedScene, stoppedScene, stoppingScene } from "./ending.js";
import { FirstPicture } from "./firstpicture.js";
import { Fullscreen } from "./fullscreen.js";
import { Input } from "./input.js";
import { launchAndGo, recall, remember } from "./launching.js";
import { Marks } from "./marks.js";
import { describeFailure } from "./messages.js";
import { Numbers } from "./numbers.js";
import { canConnect, phaseOf, sceneOf } from "./phases.js";
import { isExactEnlargement } from "./picture.js";
import { Progress } from "./progress.js";
import { Sound } from "./sound.js";
import { StatusFeed } from "./status.js";
import { Stream } from "./stream.js";
import { Toolbar } from "./toolbar.js";

const KEEPALIVE_MS = 30_000;
const WARN_BEFORE_END_MS = 5 * 60_000;
const TOKEN_IS_FRESH_MS = 60_000;
const BLANK_GAME_MS = 3000;

const theatre = byId("theatre");
const sessionId = theatre.dataset.sessionId;
const stage = byId("stage");
const video = byId("game-video");
const curtain = byId("curtain");
const hint = byId("connection-hint");

let status = null;
let progress = null;
let shownScene = null;
let hasPicture = false;
let isStopping = false;
let trouble = null;
let endWarning = null;
let unusedSeat = null;
let display = { width: 1280, height: 720 };

const stream = new Stream(findSeat);
const numbers = new Numbers({ panel: byId("numbers"), button: byId("numbers-button"), stream });
const marks = new Marks({ sessionId, stream, numbers });
const sound = new Sound({ audio: byId("game-audio"), button: byId("sound-button"), hint: byId("sound-hint") });
const toolbar = new Toolbar({ toolbar: byId("toolbar"), bar: byId("toolbar-bar"), handle: byId("toolbar-handle"), stage });
const input = new Input({ stage, video, stream, typing: byId("typing"), onToolbarKey: () => toolbar.show({ focus: true }) });
new Fullscreen({
  element: document.documentElement,
  button: byId("fullscreen-button"),
  onKeyboardLock: (isLocked) => {
    input.isKeyboardLocked = isLocked;
  },
});
const firstPicture = new FirstPicture(video, {
  onFrame: (metadata) => marks.frame(metadata),
  onPicture: () => {
    marks.picture();
    openCurtain();
  },
});
const feed = new StatusFeed(sessionId, { onStatus: learn, onTrouble: meetTrouble });

/* What the server says */

function learn(answer) {
  status = answer;
  trouble = null;
  const phase = phaseOf(answer);
  marks.phase(phase);
  marks.status(answer);
  if (answer.gameTitle) {
    document.title = `${answer.gameTitle} · Playhouse`;
    byId("toolbar-title").textContent = answer.gameTitle;
    stage.setAttribute("aria-label", answer.gameTitle);
  }
  if (answer.gameSlug && !recall(sessionId)) remember(sessionId, { gameSlug: answer.gameSlug, title: answer.gameTitle });
  if (["placing", "pulling", "restoring"].includes(phase) && hasPicture) {
    hasPicture = false;
    firstPicture.again();
  }
  unusedSeat = canConnect(answer) ? { ...answer, learnedAt: performance.now() } : null;
  if (unusedSeat && stream.state === "idle") stream.open();
  if (["stopped", "error"].includes(answer.status)) stream.close();
  draw();
}

function meetTrouble(failure) {
  if (wentToSignIn(failure)) return;
  if ([403, 404].includes(failure.status)) {
    stream.close();
    const isForeign = failure.status === 403;
    const text = isForeign ? "It belongs to another account." : "It may have ended long ago, or the address has a typing error.";
    show("lost", () => lostScene({ title: isForeign ? "This is not your session" : "There is no such session", text }));
    return;
  }
  trouble = failure;
  draw();
}

/** Where to connect, with a token that was not used yet; the stream asks before each try. */
async function findSeat() {
  let seat = unusedSeat;
  if (seat === null || performance.now() - seat.learnedAt > TOKEN_IS_FRESH_MS) {
    await feed.look();
    seat = unusedSeat;
  }
  unusedSeat = null;
  return seat;
}

/* What the seat says */

stream.addEventListener("track", ({ detail: track }) => {
  if (track.kind === "audio") sound.attach(track);
  else video.srcObject = new MediaStream([track]);
});

stream.addEventListener("state", ({ detail: state }) => {
  if (state === "connected") marks.connected();
  draw();
});

stream.addEventListener("message", ({ detail: message }) => {
  if (message.type === "display") {
    display = message;
    input.setDisplay(message.width, message.height);
    sharpen();
  } else if (message.type === "cursor") stage.style.cursor = cursorStyle(message);
  else if (message.type === "stats") numbers.setHost(message);
});

/** Hard edges only where a pixel of the game is a whole number of the screen's. */
function sharpen() {
  const shownWidth = Math.min(stage.clientWidth, (stage.clientHeight * display.width) / display.height);
  video.classList.toggle("is-enlarged-exactly", isExactEnlargement(shownWidth, display.width, devicePixelRatio));
}
window.addEventListener("resize", sharpen);

/* Scenes */

function openCurtain() {
  hasPicture = true;
  draw();
}

/** A game whose title screen is one single colour is there as well, once the server says so. */
function openForBlankGame() {
  setTimeout(() => {
    if (!hasPicture && status?.status === "running" && window.playhouse.firstFrameAt !== null) openCurtain();
  }, BLANK_GAME_MS);
}

function draw() {
  if (status === null && shownScene === "lost") return;
  drawHint();
  if (status === null) {
    const known = recall(sessionId);
    if (known?.title) showProgress(known, { status: "starting", phase: "placing" });
    return;
  }
  const scene = isStopping && sceneOf(status) !== "stopped" && sceneOf(status) !== "error" ? "stopping" : sceneOf(status);
  if (scene === "error") show("error", () => errorScene({ error: status.error, onAgain: againOrNull() }));
  else if (scene === "stopped") showStopped();
  else if (scene === "stopping") show("stopping", stoppingScene);
  else if (stream.state === "replaced") show("replaced", () => replacedScene({ onHere: playHere }));
  else if (hasPicture) show("playing", null);
  else {
    showProgress({ slug: status.gameSlug ?? "", title: status.gameTitle ?? "", ...recall(sessionId) }, status);
    if (scene === "playing") openForBlankGame();
  }
}

function showProgress(game, answer) {
  progress ??= new Progress({ ...game, slug: game.gameSlug ?? game.slug ?? "" });
  show("starting", () => progress.element);
  progress.update(answer);
}

function showStopped() {
  const figures = JSON.stringify(status.statistics ?? null);
  const note = status.error && status.error.code !== "stopped" ? status.error.message : "";
  show(`stopped ${figures}`, () => stoppedScene({ title: status.gameTitle, statistics: status.statistics, note, onAgain: againOrNull() }));
}

/** Shows a scene once; `make` is null for the stage itself. */
function show(scene, make) {
  if (scene === shownScene) return;
  shownScene = scene;
  const isPlaying = scene === "playing";
  curtain.hidden = isPlaying;
  stage.inert = !isPlaying;
  byId("toolbar").hidden = !["starting", "playing", "replaced"].includes(scene);
  for (const id of ["sound-button", "numbers-button"]) byId(id).hidden = !isPlaying;
  document.body.classList.toggle("playing", isPlaying);
  byId("typing-button").hidden = !(isPlaying && matchMedia("(pointer: coarse)").matches);
  toolbar.allowTucking(isPlaying);
  if (isPlaying) {
    sharpen();
    stage.focus({ preventScroll: true });
    return;
  }
  if (document.fullscreenElement && !["starting", "replaced"].includes(scene)) document.exitFullscreen();
  byId("sound-hint").hidden = true;
  curtain.replaceChildren(make());
  curtain.querySelector("h1[tabindex]")?.focus({ preventScroll: true });
}

function drawHint() {
  let text = "";
  if (trouble) text = "Playhouse cannot be reached. Trying again.";
  else if (hasPicture && stream.state === "reconnecting") text = "The connection broke. Reconnecting.";
  else if (endWarning) text = endWarning;
  if (["stopped", "error"].includes(status?.status)) text = "";
  hint.hidden = text === "";
  byId("connection-hint-text").textContent = text;
}

/* What the player does */

// The stage takes the focus by itself; its frame is for those who walk the page by keyboard.
document.addEventListener("keydown", ({ code }) => code === "Tab" && document.documentElement.classList.add("uses-keyboard"), { capture: true });

function playHere() {
  stream.open();
  draw();
}

function againOrNull() {
  const known = recall(sessionId);
  const gameSlug = known?.gameSlug ?? status.gameSlug;
  if (!gameSlug) return null;
  return async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await launchAndGo({ gameSlug, title: known?.title ?? status.gameTitle, thumbnail: known?.thumbnail, saveSlotId: known?.order?.saveSlotId });
    } catch (failure) {
      button.disabled = false;
      if (wentToSignIn(failure)) return;
      const { title, text } = describeFailure(failure);
      const row = button.closest(".button-row");
      row.parentElement.querySelector(".notice")?.remove();
      row.before(failureNotice(`${title}. ${text}`));
    }
  };
}

async function stop() {
  isStopping = true;
  draw();
  try {
    const { status: ended, ...statistics } = await stopSession(sessionId);
    if (ended === "stopped") {
      feed.stop();
      learn({ ...status, status: "stopped", statistics, error: null });
    }
  } catch (failure) {
    if (wentToSignIn(failure)) return;
    isStopping = false;
    trouble = failure;
    await feed.look().catch(() => draw());
  }
}

byId("stop-button").addEventListener("click", stop);
byId("typing-button").addEventListener("click", () => byId("typing").focus());
stage.addEventListener("pointermove", () => document.body.classList.add("is-pointing"), { once: true });

async function stayAlive() {
  if (!["starting", "running"].includes(status?.status) || isStopping) return;
  try {
    const { expiresAt } = await keepAlive(sessionId);
    const leftMs = Date.parse(expiresAt) - Date.now();
    const minutes = Math.max(1, Math.round(leftMs / 60_000));
    endWarning = leftMs < WARN_BEFORE_END_MS ? `This session ends in ${minutes} min. Save your game.` : null;
    drawHint();
  } catch (failure) {
    if (failure.code === "session_ended") await feed.look().catch(() => {});
    else wentToSignIn(failure);
  }
}
setInterval(stayAlive, KEEPALIVE_MS);

window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

stage.inert = true;
draw();
feed.follow();
