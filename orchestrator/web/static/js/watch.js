/**
 * The watch page: an invitation's secret is exchanged for a place in the audience, and the picture is shown until the invitation is
 * taken back or the game ends. What one does on the stage reaches the game only while one holds the controls.
 */
import { watchSession } from "./api.js";
import { cursorStyle } from "./cursor.js";
import { byId } from "./dom.js";
import { FirstPicture } from "./firstpicture.js";
import { Fullscreen } from "./fullscreen.js";
import { Input } from "./input.js";
import { describeFailure } from "./messages.js";
import { holderOf, NOBODY } from "./people.js";
import { letterbox } from "./picture.js";
import { RemotePointer } from "./remotepointer.js";
import { Sound } from "./sound.js";
import { SoundBehind } from "./soundbehind.js";
import { pause } from "./status.js";
import { Stream } from "./stream.js";
import { tellHeight } from "./toolbar.js";
import { doorScene, elsewhereScene, fullScene, invalidScene, overScene, revokedScene, troubleScene, waitingScene } from "./watchscenes.js";

const NO_SEAT_MS = 3000;
const TOO_FAST = { title: "A little too fast", text: "There were many tries from your network. Wait a minute, then try again." };
const NAME = "playhouse:watcher-name";

const theatre = byId("theatre");
const sessionId = theatre.dataset.sessionId;
const secret = location.hash.slice(1);
const stage = byId("stage");
const video = byId("game-video");
const curtain = byId("curtain");
const person = `playhouse:watcher:${sessionId}`;

let invitation = null;
let people = NOBODY;
let display = { width: 1280, height: 720 };
let hasPicture = false;
let cursor = null;

const stream = new Stream(findSeat);
const pictureBox = () => letterbox(stage.getBoundingClientRect(), display.width / display.height);
const pointer = new RemotePointer({ image: byId("remote-pointer"), stage, pictureBox });
const sound = new Sound({ audio: byId("game-audio"), button: byId("sound-button"), hint: byId("sound-hint"), volume: byId("volume") });
new SoundBehind(stream);
const isHolder = () => holderOf(people)?.isYou ?? false;

/** The stream as far as input knows it: silent while somebody else plays. */
class Hands extends EventTarget {
  send(message) {
    if (isHolder()) stream.send(message);
  }

  sendPointer(buffer) {
    if (isHolder()) stream.sendPointer(buffer);
  }
}

const hands = new Hands();
const input = new Input({
  stage,
  video,
  stream: hands,
  typing: byId("typing"),
  cursor: byId("captured-cursor"),
  onToolbarKey: () => byId("give-back-button").focus(),
  onCapture: () => {},
  onPaste: (text) => hands.send({ type: "paste", text }),
  onRelease: () => {},
});
new Fullscreen({
  element: document.documentElement,
  button: byId("fullscreen-button"),
  onKeyboardLock: (isLocked) => {
    input.isKeyboardLocked = isLocked;
  },
});
new FirstPicture(video, {
  onFrame: () => {},
  onPicture: () => {
    hasPicture = true;
    draw();
  },
});

/* The door */

async function knock() {
  show(waitingScene({ playerName: "The", isConnecting: true }));
  try {
    invitation = await exchange();
    if (sessionStorage.getItem(person) !== null) enter();
    else show(doorScene({ ...invitation, name: localStorage.getItem(NAME) ?? "", onJoin: join }));
  } catch (failure) {
    close(failure);
  }
}

function join(name) {
  localStorage.setItem(NAME, name);
  enter();
}

function enter() {
  sessionStorage.setItem(person, invitation.person);
  stream.open();
  draw();
}

const exchange = () => watchSession({ sessionId, secret, name: localStorage.getItem(NAME) ?? "", ...(sessionStorage.getItem(person) ? { person: sessionStorage.getItem(person) } : {}) });

/** Where to connect, for the stream's next try. */
async function findSeat() {
  try {
    invitation = await exchange();
  } catch (failure) {
    if ([403, 409].includes(failure.status)) close(failure);
    throw failure;
  }
  if (invitation.containerUrl !== null) return invitation;
  draw();
  await pause(NO_SEAT_MS);
  return null;
}

/** Nothing more to see, and why. */
function close(failure) {
  stream.close();
  if (failure.status === 409) end(overScene({ playerName: invitation?.playerName }));
  else if ([400, 403].includes(failure.status)) end(invitation === null ? invalidScene() : revokedScene());
  else {
    const { title, text } = failure.code === "rate_limited" ? TOO_FAST : describeFailure(failure);
    end(troubleScene({ title, text, onAgain: knock }));
  }
}

/* What the seat says */

stream.addEventListener("track", ({ detail: track }) => {
  if (track.kind === "audio") sound.attach(track);
  else video.srcObject = new MediaStream([track]);
});

stream.addEventListener("failed", ({ detail: failure }) => {
  if (failure.message !== "watchers_full") return;
  stream.close();
  end(fullScene({ onAgain: enter }));
});

stream.addEventListener("state", ({ detail: state }) => {
  if (state === "replaced") end(elsewhereScene({ onHere: enter }));
  else draw();
});

stream.addEventListener("message", ({ detail: message }) => {
  if (message.type === "display") {
    display = message;
    input.setDisplay(message.width, message.height);
  } else if (message.type === "cursor") {
    cursor = message;
    input.capture.show(message);
    pointer.setCursor(message);
  } else if (message.type === "pointer") pointer.moveTo(message);
  else if (message.type === "people") meet(message);
  else if (message.type === "revoked") {
    stream.close();
    end(revokedScene());
    return;
  } else if (message.type !== "bye") return;
  draw();
});

/** Whoever gets the controls begins anew, and whoever loses them holds nothing. */
function meet(company) {
  const wasHolder = isHolder();
  if (wasHolder && company.controls !== company.you) input.releaseAll();
  people = company;
  if (isHolder() && !wasHolder) input.begin();
}

/* What is shown */

function draw() {
  if (!["connecting", "connected", "reconnecting"].includes(stream.state)) return;
  if (!hasPicture) show(waitingScene({ playerName: invitation.playerName, isConnecting: stream.state === "connected" || invitation.containerUrl !== null }));
  else show(null);
  const holder = holderOf(people);
  const isMine = holder?.isYou ?? false;
  byId("watch-title").textContent = invitation.gameTitle;
  byId("who-plays").textContent = isMine ? "You have the controls" : holder ? `${holder.name} plays` : `Waiting for ${invitation.playerName}`;
  document.title = `${invitation.gameTitle} · Playhouse`;
  byId("give-back-button").hidden = !isMine;
  byId("typing-button").hidden = !(isMine && matchMedia("(pointer: coarse)").matches);
  byId("controls-note").hidden = !isMine;
  byId("connection-hint").hidden = !(hasPicture && stream.state === "reconnecting");
  stage.inert = !isMine;
  stage.style.cursor = isMine && cursor ? cursorStyle(cursor) : "default";
  pointer.isWanted = !isMine;
  if (isMine && !stage.contains(document.activeElement)) stage.focus({ preventScroll: true });
}

function end(scene) {
  hasPicture = false;
  people = NOBODY;
  for (const id of ["give-back-button", "typing-button", "controls-note"]) byId(id).hidden = true;
  byId("who-plays").textContent = "";
  stage.inert = true;
  show(scene);
}

/** A scene on the curtain, or the stage itself. */
function show(scene) {
  if (scene?.id === "waiting" && byId("curtain-inner-place").firstElementChild?.id === "waiting") {
    byId("curtain-inner-place").replaceChildren(scene);
    return;
  }
  curtain.hidden = scene === null;
  byId("toolbar").hidden = scene !== null;
  document.body.classList.toggle("playing", scene === null);
  if (scene === null) return;
  if (document.fullscreenElement && scene.id !== "waiting") document.exitFullscreen();
  byId("curtain-inner-place").replaceChildren(scene);
  scene.querySelector("input, h1")?.focus({ preventScroll: true });
}

byId("give-back-button").addEventListener("click", () => stream.send({ type: "controls", to: null }));
byId("typing-button").addEventListener("click", () => byId("typing").focus());
new ResizeObserver(() => pointer.draw()).observe(stage);
tellHeight(byId("toolbar-bar"));
stage.inert = true;
knock();
