/** Everything that a person plays with, put together for the play page: input, captured mouse, clipboard, gamepads, on-screen keys. */
import { Clipboard } from "./clipboard.js";
import { cursorStyle } from "./cursor.js";
import { byId } from "./dom.js";
import { Gamepads } from "./gamepads.js";
import { Input } from "./input.js";
import { OnScreenKeys } from "./onscreenkeys.js";
import { PadMap } from "./padmap.js";
import { pressedControls } from "./padstate.js";

const HIDDEN_FOR_MS = 2000; // while it moves: many a game hides a pointer that rests

export class Controls {
  constructor({ stage, video, stream, onToolbarKey }) {
    this._stage = stage;
    this._captureButton = byId("capture-button");
    this._captureHint = byId("capture-hint");
    this.input = new Input({
      stage,
      video,
      stream,
      typing: byId("typing"),
      cursor: byId("captured-cursor"),
      onToolbarKey,
      onCapture: (isOn) => this._showCapture(isOn),
      onPaste: (text) => this._clipboard.paste(text),
      onRelease: () => {
        this._keys?.release();
        this._pads?.release();
      },
    });
    this._keys = new OnScreenKeys({ bar: byId("key-bar"), toggle: byId("keys-toggle"), held: this.input.held });
    this._padMap = new PadMap({
      table: byId("pad-map"),
      reset: byId("pad-reset"),
      onChange: (bindings) => stream.send({ type: "gamepad", bindings }),
    });
    this._pads = new Gamepads({ stage, channel: this.input.channel, stream, onPads: (pads) => this._showPads(pads) });
    this._clipboard = new Clipboard({
      field: byId("game-text"),
      give: byId("give-text"),
      type: byId("type-text"),
      copy: byId("copy-text"),
      note: byId("copied-note"),
      noteCopy: byId("copied-copy"),
      noteClose: byId("copied-close"),
      said: byId("text-said"),
      stream,
      keyboard: this.input.keyboard,
    });
    this._wireSensitivity(byId("sensitivity"), byId("sensitivity-value"));
    const toggle = () => this.input.capture.toggle();
    this._captureButton.addEventListener("click", toggle);
    byId("capture-now").addEventListener("click", () => {
      this._closeHint();
      toggle();
    });
    byId("capture-not").addEventListener("click", () => this._closeHint());
    stage.addEventListener("pointermove", ({ pointerType, timeStamp }) => pointerType === "mouse" && this._movedAt(timeStamp));
    byId("typing-button").addEventListener("click", () => byId("typing").focus());
    stream.addEventListener("message", ({ detail: message }) => this._hear(message));
  }

  /** Which game is played: its gamepad map is remembered for it. */
  setGame(slug) {
    this._padMap.setGame(slug);
  }

  /** The toolbar shows what can be used while one plays. */
  allow(isPlaying) {
    const isFine = matchMedia("(any-pointer: fine)").matches;
    this._captureButton.hidden = !(isPlaying && isFine && this._stage.requestPointerLock);
    byId("capture-speed").hidden = this._captureButton.hidden;
    for (const id of ["typing-button", "controls-button"]) byId(id).hidden = !isPlaying;
    this._keys.show(isPlaying);
    if (isPlaying) return;
    this._captureHint.hidden = true;
    byId("copied-note").hidden = true;
  }

  _hear(message) {
    if (message.type === "display") this.input.setDisplay(message.width, message.height);
    else if (message.type === "cursor") this._showCursor(message);
    else if (message.type === "gamepad") this._padMap.setOwn(message.bindings);
    else if (message.type === "clipboard") this._clipboard.copied(message.text);
    else if (message.type === "people") this._takeControls(message.controls === message.you);
  }

  /** Whoever gets the controls begins anew: the seat knows nothing of this keyboard, mouse and pad. */
  _takeControls(isOurs) {
    if (isOurs && !this._hasControls) {
      this.input.begin();
      this._padMap.tell();
    }
    this._hasControls = isOurs;
  }

  _showPads(pads) {
    byId("pad-state").textContent = pads.length > 0 ? "Press something on the pad: its row lights up." : "No gamepad yet: connect one and press a button.";
    if (byId("controls").matches(":popover-open")) this._padMap.light(new Set(pads.flatMap((pad) => [...pressedControls(pad)])));
  }

  _wireSensitivity(slider, value) {
    const show = () => {
      slider.value = String(this.input.capture.sensitivity);
      value.textContent = `${this.input.capture.sensitivity.toFixed(2)} ×`;
    };
    slider.addEventListener("input", () => {
      this.input.capture.remember(slider.value);
      show();
    });
    show();
  }

  _showCursor(message) {
    this._stage.style.cursor = cursorStyle(message);
    this.input.capture.show(message);
    this._isCursorHidden = !message.visible;
    this._movesSince = null;
    if (message.visible) this._captureHint.hidden = true;
  }

  /** A game that hides a pointer that moves may want the mouse itself; the person decides, and is asked once. */
  _movedAt(time) {
    if (!this._isCursorHidden) return;
    this._movesSince ??= time;
    if (time - this._movesSince < HIDDEN_FOR_MS) return;
    if (this._captureButton.hidden || this.input.capture.isOn || this._hasAnswered) return;
    this._captureHint.hidden = false;
  }

  _closeHint() {
    this._hasAnswered = true;
    this._captureHint.hidden = true;
  }

  _showCapture(isOn) {
    this._captureButton.setAttribute("aria-pressed", String(isOn));
    if (isOn) this._closeHint();
  }
}
