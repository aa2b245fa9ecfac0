/**
 * What a person does on the stage, on its way to the seat: puts mouse, touch, keyboard and what is held together, and lets go of all
 * when something takes the stage's attention away (blur, hidden tab, leaving, a connection that ends).
 */
import { Capture } from "./capture.js";
import { Held } from "./held.js";
import { Keyboard } from "./keyboard.js";
import { Mouse } from "./mouse.js";
import { fractionsOf, letterbox } from "./picture.js";
import { PointerChannel } from "./pointerchannel.js";
import { Touch } from "./touch.js";

export class Input {
  /**
   * `stage` takes the events, `video` tells where the picture is, `stream` carries; `onToolbarKey()` when the way out is pressed,
   * `onCapture(isCaptured)`, `onPaste(text)`, `onRelease()`.
   */
  constructor({ stage, video, stream, typing, cursor, onToolbarKey, onCapture, onPaste, onRelease }) {
    this._video = video;
    this._onRelease = onRelease;
    this.display = { width: 1280, height: 720 };
    this.held = new Held(stream);
    this.channel = new PointerChannel(stream);
    this.capture = new Capture({
      stage,
      cursor,
      onChange: (isOn) => {
        this.releaseAll();
        if (isOn) this.channel.move(0, 0);
        onCapture(isOn);
      },
    });
    const parts = { stage, held: this.held, stream, view: this };
    const mouse = new Mouse({ ...parts, channel: this.channel, capture: this.capture });
    this._touch = new Touch({ ...parts, point: (event) => mouse.point(event), onCancel: () => this.releaseAll() });
    this.keyboard = new Keyboard({
      stage,
      typing,
      held: this.held,
      stream,
      on: { toolbar: onToolbarKey, capture: () => this.capture.toggle(), releaseAll: () => this.releaseAll(), paste: onPaste },
    });
    for (const element of [stage, typing, window]) element.addEventListener("blur", () => this.releaseAll());
    window.addEventListener("pagehide", () => this.releaseAll());
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.releaseAll());
    stream.addEventListener("state", ({ detail: state }) => {
      this.releaseAll(); // what was held while the connection was away is held for nobody
      if (state === "connected") this.begin();
    });
  }

  /** The seat listens to us from now on: where the mouse's motion counts from, and the lock keys with the next key. */
  begin() {
    this.keyboard.begin();
    this.channel.move(0, 0);
  }

  set isKeyboardLocked(isLocked) {
    this.keyboard.isLocked = isLocked;
  }

  /** The size of the game's display, as the seat tells it. */
  setDisplay(width, height) {
    this.display = { width, height };
  }

  /** Where the picture is on the page. */
  box() {
    return letterbox(this._video.getBoundingClientRect(), this.display.width / this.display.height);
  }

  fractions(event) {
    return fractionsOf(event.clientX, event.clientY, this.box());
  }

  releaseAll() {
    this._touch?.forget();
    this.keyboard?.forget();
    this.held.releaseAll();
    this._onRelease?.();
  }
}
