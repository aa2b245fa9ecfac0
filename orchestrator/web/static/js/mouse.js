/** Mouse and pen on the stage: positions, five buttons, both wheels; captured, the way the mouse goes. */
import { wheelPixels } from "./wheel.js";

const NEWEST_POSITIONS = 8;
const BUTTON_BITS = [1, 4, 2, 8, 16]; // MouseEvent.button -> its bit in MouseEvent.buttons

/** Which buttons went up, though nobody told so. Pure. */
export function lostReleases(held, buttons) {
  return [...held].filter((button) => (buttons & BUTTON_BITS[button]) === 0);
}

export class Mouse {
  /** `view` has `fractions(event)`, `display`, `box()`. */
  constructor({ stage, held, channel, capture, stream, view }) {
    this._stage = stage;
    this._held = held;
    this._channel = channel;
    this._capture = capture;
    this._stream = stream;
    this._view = view;
    this._last = { x: -1, y: -1 };
    const hasRaw = "onpointerrawupdate" in window;
    const mouse = (handle) => (event) => event.pointerType !== "touch" && handle(event);
    stage.addEventListener(hasRaw ? "pointerrawupdate" : "pointermove", mouse((event) => this._move(event)));
    // A second button beside a first comes as a movement, never as another pointerdown.
    stage.addEventListener("pointermove", mouse((event) => this._button(event)));
    stage.addEventListener("pointerdown", mouse((event) => this._down(event)));
    stage.addEventListener("pointerup", mouse((event) => this._button(event)));
    stage.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    // Back and forward are buttons of the game, and nothing is selected or dragged.
    for (const kind of ["mousedown", "mouseup", "auxclick", "contextmenu", "dragstart"]) stage.addEventListener(kind, (event) => event.preventDefault());
  }

  _move(event) {
    const steps = event.getCoalescedEvents?.() ?? [];
    if (this._capture.isOn) {
      const all = steps.length > 0 ? steps : [event];
      this._push(all.reduce((sum, step) => sum + step.movementX, 0), all.reduce((sum, step) => sum + step.movementY, 0));
      return;
    }
    for (const step of (steps.length > 0 ? steps : [event]).slice(-NEWEST_POSITIONS)) this.point(step);
  }

  _push(x, y) {
    if (x === 0 && y === 0) return;
    const [dx, dy] = [x * this._capture.sensitivity, y * this._capture.sensitivity];
    this._channel.move(dx, dy);
    this._capture.follow(dx, dy, this._view.display, this._view.box());
  }

  point(event) {
    const { x, y } = this._view.fractions(event);
    if (x === this._last.x && y === this._last.y) return;
    this._last = { x, y };
    this._capture.place(x * this._view.display.width, y * this._view.display.height);
    this._channel.point(x, y);
  }

  _down(event) {
    this._stage.focus({ preventScroll: true });
    if (!this._capture.isOn) this._stage.setPointerCapture(event.pointerId);
    this._button(event);
  }

  _button(event) {
    const at = this._capture.isOn ? this._channel.moved() : this._view.fractions(event);
    for (const button of lostReleases(this._held.buttons, event.buttons)) this._held.button(button, false, at);
    const bit = BUTTON_BITS[event.button];
    if (bit && event.buttons & bit) this._held.button(event.button, true, at);
  }

  _wheel(event) {
    event.preventDefault();
    this._stream.send({ type: "wheel", ...wheelPixels(event) });
  }
}
