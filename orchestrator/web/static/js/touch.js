/** Fingers on the stage: a tap clicks, a long press is the right button, one finger drags, two turn the wheel. */

const LONG_PRESS_MS = 500;
const TAP_SLOP_PX = 12;

export class Touch {
  /** `point(event)` moves the pointer there, `view.fractions(event)` says where that is. */
  constructor({ stage, held, stream, view, point, onCancel }) {
    this._held = held;
    this._stream = stream;
    this._view = view;
    this._point = point;
    this._fingers = new Map();
    const touch = (handle) => (event) => event.pointerType === "touch" && handle(event);
    stage.addEventListener("pointerdown", touch((event) => this._down(event, stage)));
    stage.addEventListener("pointermove", touch((event) => this._move(event)));
    stage.addEventListener("pointerup", touch((event) => this._up(event)));
    stage.addEventListener("pointercancel", () => {
      this.forget();
      onCancel();
    });
  }

  forget() {
    clearTimeout(this._longPress);
    this._fingers.clear();
    this._gesture = null;
  }

  _down(event, stage) {
    event.preventDefault();
    stage.focus({ preventScroll: true });
    if (event.isPrimary) this.forget(); // whatever finger was lost before
    this._fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    clearTimeout(this._longPress);
    if (this._fingers.size > 1) {
      if (this._gesture === "drag") this._held.button(0, false, this._view.fractions(event));
      this._gesture = "wheel";
      return;
    }
    this._gesture = "tap";
    this._point(event);
    this._longPress = setTimeout(() => {
      if (this._gesture !== "tap") return;
      this._gesture = "done";
      this._held.click(2, this._view.fractions(event));
      navigator.vibrate?.(15);
    }, LONG_PRESS_MS);
  }

  _move(event) {
    const start = this._fingers.get(event.pointerId);
    if (!start) return;
    if (this._gesture === "wheel") {
      const share = 1 / this._fingers.size;
      this._stream.send({ type: "wheel", dx: (start.x - event.clientX) * share, dy: (start.y - event.clientY) * share });
      this._fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      return;
    }
    if (this._gesture === "tap" && Math.hypot(event.clientX - start.x, event.clientY - start.y) > TAP_SLOP_PX) {
      clearTimeout(this._longPress);
      this._gesture = "drag";
      this._held.button(0, true, this._view.fractions({ clientX: start.x, clientY: start.y }));
    }
    if (this._gesture === "drag") this._point(event);
  }

  _up(event) {
    clearTimeout(this._longPress);
    this._fingers.delete(event.pointerId);
    const at = this._view.fractions(event);
    if (this._gesture === "tap") this._held.click(0, at);
    else if (this._gesture === "drag") this._held.button(0, false, at);
    this._gesture = this._fingers.size === 0 ? null : "wheel";
  }
}
