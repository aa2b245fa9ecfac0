/** A streamed game in a tenant's frame: one socket that says how the run stands, one stream that shows it. Keys, mouse and swipes go to the game as on the play page. */
import { create } from "../dom.js";
import { FirstPicture } from "../firstpicture.js";
import { Input } from "../input.js";
import { SoundBehind } from "../soundbehind.js";
import { Stream } from "../stream.js";
import { Link } from "./link.js";
import { failureWords, isFinal, runWords, stepWords } from "./words.js";

const SEEN_EVERY_MS = 10_000;
const CHECK_WITHIN_MS = 5_000;

export class SessionPage {
  #status = null;
  #over = null;
  #failure = null;
  #hasPicture = false;
  #isConnected = false;
  #isArriving = false; // until the server has told how the run stands
  #frames = 0;
  #waitsForStatus = [];
  #veilKey = null;

  /** `tell(event, data)` is what the framing page hears; `playAgain` as the table's. */
  constructor(root, view, token, { tell, playAgain }) {
    Object.assign(this, { view, tell, playAgain });
    this.video = create("video", { muted: true, playsinline: true, autoplay: true, disablepictureinpicture: true });
    this.video.muted = true;
    this.audio = create("audio", { autoplay: true });
    const cursor = create("img", { alt: "", hidden: true });
    this.stage = create("div", { class: "run-stage", role: "application", tabindex: 0, "aria-label": "The game" }, this.video, this.audio, cursor);
    this.typing = create("input", { class: "visually-hidden", tabindex: -1, "aria-label": "Type into the game" });
    this.veil = create("div", { class: "veil", hidden: true });
    this.live = create("p", { class: "visually-hidden", role: "status" });
    this.sound = create("button", { class: "button quiet", type: "button", "aria-pressed": "false", onclick: () => this.#listen(this.audio.muted) }, "Sound");
    this.end = create("button", { class: "button quiet", type: "button", onclick: () => this.socket.emit("game:resign", {}) }, "End the run");
    const bar = create("div", { class: "run-bar" }, this.sound, create("p", { class: "run-hint" }, "Arrow keys, or swipe. Control + Alt + Enter leaves the game."), this.end);
    root.append(create("div", { class: "run" }, create("div", { class: "run-place" }, this.stage, this.veil), bar, this.typing), this.live);
    this.stream = new Stream(() => this.#seat());
    this.#connectParts(cursor);
    this.link = new Link("subway-runner", token, (code, message) => this.#fail(code, message));
    this.socket = this.link.socket;
    this.#hear();
    setInterval(() => this.#seen(), SEEN_EVERY_MS);
    this.#show();
  }

  resign() {
    if (this.#over === null) this.socket.emit("game:resign", {});
  }

  #connectParts(cursor) {
    const { stage, video, stream, typing } = this;
    const nothing = () => {};
    this.input = new Input({ stage, video, stream, typing, cursor, onToolbarKey: () => this.sound.focus(), onCapture: nothing, onPaste: nothing, onRelease: nothing });
    new FirstPicture(video, {
      onFrame: () => (this.#frames += 1),
      onPicture: () => {
        this.#hasPicture = true;
        this.#show();
        if (document.hasFocus()) stage.focus({ preventScroll: true });
      },
    });
    new SoundBehind(stream);
    this.audio.muted = true;
    for (const kind of ["pointerdown", "keydown"]) stage.addEventListener(kind, () => this.#listen(true), { once: true });
    stream.addEventListener("track", ({ detail: track }) => ((track.kind === "audio" ? this.audio : video).srcObject = new MediaStream([track])));
    stream.addEventListener("state", () => this.#show());
    stream.addEventListener("message", ({ detail: message }) => message.type === "display" && this.input.setDisplay(message.width, message.height));
  }

  #listen(isOn) {
    this.audio.muted = !isOn;
    this.sound.setAttribute("aria-pressed", String(isOn));
    if (isOn) this.audio.play().catch(() => this.#listen(false)); // a browser that wants another gesture
  }

  #hear() {
    const { me, sessionId, status } = this.view;
    const arrive = () => {
      this.#isArriving = true;
      if (this.#status !== null || status === "ended") this.socket.emit("game:reconnect", { playerId: me.id, sessionId });
      else this.socket.emit("matchmaking:join", { username: me.displayName, playerId: me.id, sessionId });
    };
    this.socket.on("connect", () => {
      this.#become({ isConnected: true });
      if (this.#over === null) arrive();
    });
    this.socket.on("disconnect", () => this.#become({ isConnected: false }));
    this.socket.on("stream:status", (news) => this.#stands(news));
    this.socket.on("game:started", ({ roomId, players, playerId }) => {
      this.tell("started", { roomId, players, playerId });
      this.#tellState("playing");
    });
    this.socket.on("game:over", (over) => this.#ended(over));
    this.socket.on("error", ({ code, message }) => {
      this.tell("error", { code, message });
      const { result } = this.view;
      if (result?.reason === "expired") this.#fail("session_expired");
      else if (result !== null && this.#status === null) this.#ended(result);
      else if (code === "unknown_room" || (this.#isArriving && !isFinal(code))) {
        this.#isArriving = true;
        this.link.soon(() => this.#isArriving && arrive());
      } else if (this.#isArriving || code === "too_many_pages") this.#fail(code, message);
    });
  }

  #stands(news) {
    this.#status = news;
    this.#isArriving = false;
    for (const resolve of this.#waitsForStatus.splice(0)) resolve(news);
    if (["starting", "running"].includes(news.status) && news.containerUrl !== null) this.stream.open();
    this.#show();
  }

  /** Where to connect, for the stream's next try: with a token that is fresh. */
  async #seat() {
    if (!this.socket.connected) return null;
    const answer = new Promise((resolve) => {
      this.#waitsForStatus.push(resolve);
      setTimeout(() => resolve(null), CHECK_WITHIN_MS);
    });
    this.socket.emit("stream:check", {});
    const news = await answer;
    return news === null || news.containerUrl === null || news.streamToken === null ? null : news;
  }

  #seen() {
    if (this.#frames === 0 || this.#over !== null || this.#isArriving || !this.socket.connected) return;
    this.socket.emit("stream:seen", { framesDecoded: this.#frames });
    this.#frames = 0;
  }

  #ended(over) {
    this.#over = over;
    this.stream.close();
    const { winner = null, reason, score, distance, coins, duration } = over;
    this.tell("over", { winner, reason, score, distance, coins, duration });
    this.#tellState("ended");
    this.#show();
  }

  #fail(code, message) {
    this.#failure = failureWords(code, message);
    this.stream.close();
    this.socket.disconnect();
    this.#tellState("failed");
    this.#show();
  }

  #tellState(status) {
    const players = this.view.players.map(({ id, displayName }) => ({ id, displayName, color: null }));
    const end = this.#over === null ? {} : { winner: null, reason: this.#over.reason };
    this.tell("state", { status, players, currentTurn: status === "playing" ? this.view.me.id : null, ...end });
  }

  #become({ isConnected }) {
    this.#isConnected = isConnected;
    this.tell("connection", { isConnected });
    this.#show();
  }

  #show() {
    const isPlaying = this.#hasPicture && this.#over === null && this.#failure === null && this.stream.state === "connected";
    this.veil.hidden = isPlaying;
    this.veil.classList.toggle("bare", !this.#hasPicture || this.#over !== null);
    this.stage.inert = !isPlaying;
    this.end.disabled = this.#over !== null || this.#failure !== null || !this.#isConnected;
    if (isPlaying) {
      this.#veilKey = null;
      return;
    }
    const words = this.#over !== null ? runWords(this.#over) : (this.#failure ?? stepWords(this.#status, { hadPicture: this.#hasPicture, isConnected: this.#isConnected }));
    const key = JSON.stringify(words);
    if (key === this.#veilKey) return;
    this.#veilKey = key;
    const again = this.#over !== null && this.playAgain.isWanted() ? [create("button", { class: "button", type: "button", onclick: this.playAgain }, "Play again")] : [];
    const figures = (words.figures ?? []).map(([name, value]) => create("div", {}, create("dt", {}, name), create("dd", {}, value)));
    const bar = words.share === undefined ? [] : [create("progress", { max: 1, value: words.share, "aria-label": words.title })];
    const children = [create("h2", { tabindex: -1 }, words.title), create("p", {}, words.text), ...bar, ...(figures.length ? [create("dl", { class: "figures" }, figures)] : []), ...again];
    this.veil.replaceChildren(create("div", { class: "veil-card" }, children));
    this.live.textContent = `${words.title}. ${words.text}`;
  }
}
