/**
 * The play page: puts the parts together and decides which scene is shown.
 *
 * Two sources move it: what the server says of the session (status.js) and what the connection to the seat does (stream.js). It
 * connects as soon as there is a seat, booting or not, and opens the curtain at the first picture.
 */
import { serverNowMs, stopSession, wentToSignIn } from "./api.js";
import { Controls } from "./controls.js";
import { byId, failureNotice } from "./dom.js";
import { endScene, lostScene, replacedScene, stoppingScene } from "./ending.js";
import { FirstPicture } from "./firstpicture.js";
import { Fullscreen } from "./fullscreen.js";
import { Keepalive } from "./keepalive.js";
import { launchAndGo, recall, remember } from "./launching.js";
import { Marks } from "./marks.js";
import { describeFailure } from "./messages.js";
import { NoteBoard } from "./noteboard.js";
import { connectionNote, isStandingStill, warningsFor } from "./notes.js";
import { Numbers } from "./numbers.js";
import { canConnect, hasGoneBack, phaseOf, sceneOf } from "./phases.js";
import { isExactEnlargement, letterbox } from "./picture.js";
import { PictureSettings } from "./picturesettings.js";
import { holderOf, NOBODY, People } from "./people.js";
import { Progress } from "./progress.js";
import { RemotePointer } from "./remotepointer.js";
import { saveScreenshot } from "./screenshot.js";
import { Sound } from "./sound.js";
import { SoundBehind } from "./soundbehind.js";
import { StatusFeed } from "./status.js";
import { StopQuestion } from "./stopquestion.js";
import { NO_WAY, Stream } from "./stream.js";
import { Toolbar } from "./toolbar.js";

const TOKEN_IS_FRESH_MS = 60_000;
const BLANK_GAME_MS = 3000;
const LONG_STOP_MS = 5000;
const NOTES_EVERY_MS = 5000;
const BLOCKED_AFTER_TRIES = 2;

const theatre = byId("theatre");
const sessionId = theatre.dataset.sessionId;
const stage = byId("stage");
const video = byId("game-video");
const curtain = byId("curtain");
const hint = byId("connection-hint");
const veil = byId("veil");
const board = new NoteBoard(byId("notes"));

let status = null;
let progress = null;
let shownScene = null;
let hasPicture = false;
let isStopping = false;
let isLongStop = false;
let trouble = null;
let unusedSeat = null;
let triesWithoutWay = 0;
let display = { width: 1280, height: 720 };

const stream = new Stream(findSeat);
const numbers = new Numbers({ panel: byId("numbers"), button: byId("numbers-button"), stream });
const marks = new Marks({ sessionId, stream, numbers });
const sound = new Sound({ audio: byId("game-audio"), button: byId("sound-button"), hint: byId("sound-hint"), volume: byId("volume") });
new SoundBehind(stream);
const pictureSettings = new PictureSettings({ picture: byId("picture-choice"), ceiling: byId("ceiling-choice"), now: byId("picture-now"), stream });
const people = new People({ sessionId, stream, panel: byId("people"), onTrouble: wentToSignIn });
const remotePointer = new RemotePointer({ image: byId("remote-pointer"), stage, pictureBox: () => pictureBox() });
const toolbar = new Toolbar({ toolbar: byId("toolbar"), bar: byId("toolbar-bar"), handle: byId("toolbar-handle"), stage, marginAbove: () => pictureBox().top });
const controls = new Controls({ stage, video, stream, onToolbarKey: () => toolbar.show({ focus: true }) });
new Fullscreen({
  element: document.documentElement,
  button: byId("fullscreen-button"),
  onKeyboardLock: (isLocked) => {
    controls.input.isKeyboardLocked = isLocked;
  },
});
const firstPicture = new FirstPicture(video, {
  onFrame: (metadata) => {
    marks.frame(metadata);
    numbers.frame(metadata);
  },
  onPicture: () => {
    marks.picture();
    openCurtain();
  },
});
const feed = new StatusFeed(sessionId, { onStatus: learn, onTrouble: meetTrouble });
const stopQuestion = new StopQuestion({ dialog: byId("stop-question"), stage, onYes: stop });
const keepalive = new Keepalive(sessionId, {
  isNeeded: () => ["starting", "running"].includes(status?.status) && !isStopping && stream.state !== "replaced",
  count: countFrames,
  onAnswer: ({ expiresAt }) => {
    status = { ...status, expiresAt };
    drawNotes();
  },
  onFailure: (failure) => {
    if (failure.code === "session_ended") feed.look().catch(() => {});
    else wentToSignIn(failure);
  },
});

/* What the server says */

function learn(answer) {
  const phaseBefore = status && phaseOf(status);
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
  if (answer.gameSlug) controls.setGame(answer.gameSlug);
  if (answer.gameSlug && !recall(sessionId)?.gameSlug) remember(sessionId, { gameSlug: answer.gameSlug, title: answer.gameTitle });
  if (phase === "ready" && !recall(sessionId)?.hasPlayed) remember(sessionId, { hasPlayed: true });
  if (hasGoneBack(phaseBefore, phase)) leaveSeat();
  unusedSeat = canConnect(answer) ? { ...answer, learnedAt: performance.now() } : null;
  if (unusedSeat && stream.state === "idle") stream.open();
  if (["stopped", "error"].includes(answer.status)) stream.close();
  keepalive.follow(answer);
  draw();
}

/** The session goes to another machine: what the old one shows is the past. */
function leaveSeat() {
  hasPicture = false;
  firstPicture.again();
  if (stream.state !== "replaced") stream.rest();
}

/** Whether the game was played already and is on its way to another machine; also known to a page that was opened meanwhile. */
const isMoving = () => Boolean(recall(sessionId)?.hasPlayed) || ["host_lost", "host_drained"].includes(status?.error?.code);

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

/** Frames decoded by the connection that there is now, or null without one. */
async function countFrames() {
  const sample = await numbers.sample();
  return sample && { connection: stream.connectionCount, frames: sample.framesDecoded };
}

/* What the seat says */

stream.addEventListener("track", ({ detail: track }) => {
  if (track.kind === "audio") sound.attach(track);
  else video.srcObject = new MediaStream([track]);
});

stream.addEventListener("failed", ({ detail: failure }) => {
  triesWithoutWay = failure.message === NO_WAY ? triesWithoutWay + 1 : 0;
  drawNotes();
});

stream.addEventListener("state", ({ detail: state }) => {
  if (state === "connected") {
    triesWithoutWay = 0;
    marks.connected();
  }
  else meet(NOBODY);
  draw();
});

stream.addEventListener("message", ({ detail: message }) => {
  if (message.type === "display") {
    display = message;
    pictureSettings.setDisplay(message);
    sharpen();
  } else if (message.type === "picture") pictureSettings.setSent(message);
  else if (message.type === "cursor") remotePointer.setCursor(message);
  else if (message.type === "pointer") remotePointer.moveTo(message);
  else if (message.type === "people") meet(message);
  else if (message.type === "stats") numbers.setHost(message);
});

/** Who is there, and who plays: while it is somebody else, their pointer is shown, and the way to take the controls back. */
function meet(company) {
  people.show(company);
  byId("people-count").hidden = company.watchers.length === 0;
  byId("people-count").textContent = String(company.watchers.length);
  const holder = holderOf(company);
  const isOther = holder !== null && !holder.isYou && !holder.isPlayer;
  byId("controls-note").hidden = !isOther;
  byId("controls-note").textContent = isOther ? `${holder.name} has the controls. Take them back` : "";
  remotePointer.isWanted = isOther;
}

const pictureBox = () => letterbox(stage.getBoundingClientRect(), display.width / display.height);

/** Hard edges only where a pixel of the game is a whole number of the screen's. */
function sharpen() {
  video.classList.toggle("is-enlarged-exactly", isExactEnlargement(pictureBox().width, display.width, devicePixelRatio));
}
new ResizeObserver(() => {
  sharpen();
  toolbar.settle();
  remotePointer.draw();
}).observe(stage);

/* Scenes */

function openCurtain() {
  hasPicture = true;
  draw();
}

/** A game whose title screen is one single colour is there as well, once the server says so. */
function openForBlankGame() {
  setTimeout(() => {
    if (!hasPicture && status?.status === "running" && stream.state === "connected" && window.playhouse.firstFrameAt !== null) openCurtain();
  }, BLANK_GAME_MS);
}

function draw() {
  if (status === null && shownScene === "lost") return;
  drawScene();
  drawNotes();
}

function drawScene() {
  if (status === null) {
    const known = recall(sessionId);
    if (known?.title) showProgress(known, { status: "starting", phase: "placing" });
    return;
  }
  const scene = isStopping && !["stopped", "error"].includes(status.status) ? "stopping" : sceneOf(status);
  if (["stopped", "error"].includes(scene)) showEnd();
  else if (scene === "stopping") showStopping();
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
  progress.update(answer, answer === status && isMoving());
}

function showStopping() {
  if (!shownScene?.startsWith("stopping")) {
    setTimeout(() => {
      isLongStop = true;
      draw();
    }, LONG_STOP_MS);
  }
  show(`stopping ${isLongStop}`, () => stoppingScene({ hasPlayed: hasPlayed(), isLong: isLongStop }));
}

const hasPlayed = () => hasPicture || Boolean(recall(sessionId)?.hasPlayed);

function showEnd() {
  const { gameTitle, gameSlug, statistics } = status;
  const error = status.error ?? (status.status === "error" ? { code: "internal_error" } : null);
  show(`end ${JSON.stringify([error, statistics])}`, () => endScene({ gameTitle, gameSlug, error, statistics, onAgain: againOrNull() }));
}

/** Shows a scene once; `make` is null for the stage itself. */
function show(scene, make) {
  if (scene === shownScene) return;
  shownScene = scene;
  const isPlaying = scene === "playing";
  curtain.hidden = isPlaying;
  stage.inert = !isPlaying;
  byId("toolbar").hidden = !["starting", "playing", "replaced"].includes(scene);
  for (const id of ["sound-button", "numbers-button", "people-button", "settings-button"]) byId(id).hidden = !isPlaying;
  document.body.classList.toggle("playing", isPlaying);
  numbers.show(isPlaying);
  controls.allow(isPlaying);
  toolbar.allowTucking(isPlaying);
  if (!isPlaying) for (const id of ["settings", "people"]) byId(id).hidePopover();
  stopQuestion.close();
  if (isPlaying) {
    sharpen();
    stage.focus({ preventScroll: true });
    return;
  }
  veil.hidden = true;
  if (document.fullscreenElement && !["starting", "replaced"].includes(scene)) document.exitFullscreen();
  byId("sound-hint").hidden = true;
  curtain.replaceChildren(make());
  curtain.querySelector("h1[tabindex]")?.focus({ preventScroll: true });
}

function drawNotes() {
  const facts = { status, streamState: stream.state, hasPicture, hasTrouble: trouble !== null, isOnline: navigator.onLine, isBlocked: triesWithoutWay >= BLOCKED_AFTER_TRIES };
  const text = connectionNote(facts);
  hint.hidden = text === "";
  byId("connection-hint-text").textContent = text;
  board.draw(hasPicture && !isStopping ? warningsFor(status, serverNowMs()) : []);
  veil.hidden = !(shownScene === "playing" && isStandingStill(facts));
  byId("veil-more").textContent = stream.state === "connected" ? "It goes on in a moment." : "It goes on by itself when you are connected again.";
}
setInterval(drawNotes, NOTES_EVERY_MS);
for (const kind of ["online", "offline"]) window.addEventListener(kind, drawNotes);

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
  isLongStop = false;
  draw();
  try {
    const { status: ended, ...statistics } = await stopSession(sessionId);
    if (ended !== "stopped") return;
    await feed.look().catch(() => {}); // only the status knows of a save that did not arrive
    if (!["stopped", "error"].includes(status.status)) learn({ ...status, status: "stopped", statistics, error: null });
    feed.stop();
  } catch (failure) {
    if (wentToSignIn(failure)) return;
    isStopping = false;
    trouble = failure;
    await feed.look().catch(() => draw());
  }
}

byId("stop-button").addEventListener("click", () => (hasPlayed() ? stopQuestion.ask() : stop()));
byId("controls-note").addEventListener("click", () => people.hand(null));
byId("screenshot-button").addEventListener("click", () => saveScreenshot(video, status?.gameTitle ?? ""));
stage.addEventListener("pointermove", () => document.body.classList.add("is-pointing"), { once: true });

window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

stage.inert = true;
draw();
feed.follow();
