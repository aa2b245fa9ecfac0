/**
 * What a person does on the stage, as messages to the seat: pointer, buttons, wheel, keys by physical place, touch, text.
 *
 * It remembers what is held and repeats that each 500 ms, so that the seat can release what a lost message or a lost page left
 * pressed. Whatever takes the stage's attention away (blur, hidden tab, leaving) releases all.
 */
import { routeKey } from "./keys.js";
import { encodePointer, fractionsOf, letterbox } from "./picture.js";

const HELD_MS = 500;
const LONG_PRESS_MS = 500;
const TAP_SLOP_PX = 12;
const WHEEL_LINE_PX = 40;
const WHEEL_PAGE_PX = 600;
const MAX_TEXT = 256;
const NEWEST_POSITIONS = 8;

export class Input {
  /** `stage` takes the events, `video` tells where the picture is, `stream` carries; `onToolbarKey()` when the way out is pressed. */
  constructor({ stage, video, stream, typing, onToolbarKey }) {
    this._stage = stage;
    this._video = video;
    this._stream = stream;
    this._typing = typing;
    this._onToolbarKey = onToolbarKey;
    this._codes = new Set();
    this._buttons = new Set();
    this._sequence = 0;
    this._lastX = -1;
    this._lastY = -1;
    this._touches = new Map();
    this._aspect = 16 / 9;
    this.isKeyboardLocked = false;
    this._wire();
  }

  /** The size of the game's display, as the seat tells it. */
  setDisplay(width, height) {
    this._aspect = width / height;
  }

  releaseAll() {
    this._codes.clear();
    this._buttons.clear();
    this._stopHeartbeat();
    clearTimeout(this._longPress);
    this._stream.send({ type: "release_all" });
  }

  _wire() {
    const stage = this._stage;
    const moves = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove";
    stage.addEventListener(moves, (event) => this._move(event));
    stage.addEventListener("pointerdown", (event) => this._down(event));
    stage.addEventListener("pointerup", (event) => this._up(event));
    stage.addEventListener("pointercancel", (event) => this._cancel(event));
    stage.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dragstart", (event) => event.preventDefault());
    stage.addEventListener("keydown", (event) => this._key(event, true));
    stage.addEventListener("keyup", (event) => this._key(event, false));
    stage.addEventListener("blur", () => this.releaseAll());
    window.addEventListener("blur", () => this.releaseAll());
    window.addEventListener("pagehide", () => this.releaseAll());
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.releaseAll());
    this._typing.addEventListener("beforeinput", (event) => this._typed(event));
    this._typing.addEventListener("keydown", (event) => ["Enter", "Backspace", "Escape"].includes(event.code) && this._key(event, true));
    this._typing.addEventListener("keyup", (event) => ["Enter", "Backspace", "Escape"].includes(event.code) && this._key(event, false));
  }

  _fractions(event) {
    return fractionsOf(event.clientX, event.clientY, letterbox(this._video.getBoundingClientRect(), this._aspect));
  }

  /* Mouse and pen */

  _move(event) {
    if (event.pointerType === "touch") {
      this._touchMove(event);
      return;
    }
    const positions = event.getCoalescedEvents?.() ?? [];
    for (const position of (positions.length > 0 ? positions : [event]).slice(-NEWEST_POSITIONS)) this._point(position);
  }

  _point(event) {
    const { x, y } = this._fractions(event);
    if (x === this._lastX && y === this._lastY) return;
    this._lastX = x;
    this._lastY = y;
    this._sequence += 1;
    this._stream.sendPointer(encodePointer(this._sequence, x, y));
  }

  _down(event) {
    if (event.pointerType === "touch") {
      this._touchDown(event);
      return;
    }
    event.preventDefault();
    this._stage.focus({ preventScroll: true });
    this._stage.setPointerCapture(event.pointerId);
    this._button(event, event.button, true);
  }

  _up(event) {
    if (event.pointerType === "touch") this._touchUp(event);
    else this._button(event, event.button, false);
  }

  _cancel(event) {
    this._touches.delete(event.pointerId);
    this.releaseAll();
  }

  _button(event, button, isDown) {
    if (button < 0 || button > 4) return;
    const { x, y } = this._fractions(event);
    this._stream.send({ type: "button", button, down: isDown, x, y });
    this._note(this._buttons, button, isDown);
  }

  _wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? WHEEL_LINE_PX : event.deltaMode === 2 ? WHEEL_PAGE_PX : 1;
    this._stream.send({ type: "wheel", dx: event.deltaX * unit, dy: event.deltaY * unit });
  }

  /* Touch: a tap clicks, a long press is the right button, one finger drags, two fingers turn the wheel */

  _touchDown(event) {
    event.preventDefault();
    this._stage.focus({ preventScroll: true });
    this._touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
    clearTimeout(this._longPress);
    if (this._touches.size > 1) {
      this._gesture = "wheel";
      if (this._buttons.has(0)) this._button(event, 0, false);
      return;
    }
    this._gesture = "tap";
    this._point(event);
    this._longPress = setTimeout(() => {
      if (this._gesture !== "tap") return;
      this._gesture = "done";
      this._click(event, 2);
      navigator.vibrate?.(15);
    }, LONG_PRESS_MS);
  }

  _touchMove(event) {
    const start = this._touches.get(event.pointerId);
    if (!start) return;
    if (this._gesture === "wheel") {
      const share = 1 / this._touches.size;
      this._stream.send({ type: "wheel", dx: (start.x - event.clientX) * share, dy: (start.y - event.clientY) * share });
      this._touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
      return;
    }
    if (this._gesture === "tap" && Math.hypot(event.clientX - start.x, event.clientY - start.y) > TAP_SLOP_PX) {
      clearTimeout(this._longPress);
      this._gesture = "drag";
      this._button({ clientX: start.x, clientY: start.y }, 0, true);
    }
    if (this._gesture === "drag") this._point(event);
  }

  _touchUp(event) {
    clearTimeout(this._longPress);
    this._touches.delete(event.pointerId);
    if (this._gesture === "tap") this._click(event, 0);
    else if (this._gesture === "drag") this._button(event, 0, false);
    if (this._touches.size === 0) this._gesture = null;
    else this._gesture = "wheel";
  }

  _click(event, button) {
    this._button(event, button, true);
    this._button(event, button, false);
  }

  /* Keys and text */

  _key(event, isDown) {
    const route = routeKey(event, this.isKeyboardLocked);
    if (route === "browser" || route === "ignore") return;
    event.preventDefault();
    event.stopPropagation();
    if (route === "toolbar") {
      if (!isDown) return;
      this.releaseAll();
      this._onToolbarKey();
    } else if (route === "text") {
      if (isDown) this._text(event.key);
    } else if (!event.repeat) {
      this._stream.send({ type: "key", code: event.code, down: isDown });
      this._note(this._codes, event.code, isDown);
    }
  }

  _typed(event) {
    event.preventDefault();
    if (event.data) this._text(event.data);
    else if (event.inputType === "deleteContentBackward") this._tapKey("Backspace");
    else if (event.inputType === "insertLineBreak") this._tapKey("Enter");
  }

  _tapKey(code) {
    this._stream.send({ type: "key", code, down: true });
    this._stream.send({ type: "key", code, down: false });
  }

  _text(text) {
    this._stream.send({ type: "text", text: text.slice(0, MAX_TEXT) });
  }

  /* What is held */

  _note(held, name, isDown) {
    if (isDown) held.add(name);
    else if (!held.delete(name)) return;
    if (this._codes.size + this._buttons.size === 0) {
      this._stopHeartbeat();
      this._tellHeld();
    } else if (this._heartbeat === undefined) {
      this._heartbeat = setInterval(() => this._tellHeld(), HELD_MS);
    }
  }

  _tellHeld() {
    this._stream.send({ type: "held", codes: [...this._codes], buttons: [...this._buttons] });
  }

  _stopHeartbeat() {
    clearInterval(this._heartbeat);
    this._heartbeat = undefined;
  }
}
