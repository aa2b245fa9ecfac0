/**
 * The captured mouse (pointer lock): asked for by the player alone, with the system's acceleration left out where the browser can.
 * While the mouse is captured and the game shows a cursor, the page draws it, since the browser does not.
 */

const REMEMBERED = "playhouse:sensitivity";
const SENSITIVITIES = { least: 0.25, most: 4 };

/** A sensitivity within its limits; anything else is 1. Pure. */
export function sensitivityOf(value) {
  const number = Number.parseFloat(value);
  return Number.isFinite(number) ? Math.min(SENSITIVITIES.most, Math.max(SENSITIVITIES.least, number)) : 1;
}

/** Where a cursor is after a movement, on a display of this size. Pure. */
export function moved({ x, y }, dx, dy, { width, height }) {
  return { x: Math.min(width - 1, Math.max(0, x + dx)), y: Math.min(height - 1, Math.max(0, y + dy)) };
}

export class Capture {
  /** `onChange(isCaptured)` tells each change, `cursor` is the image that stands for the game's. */
  constructor({ stage, cursor, onChange }) {
    this._stage = stage;
    this._cursor = cursor;
    this._at = { x: 0, y: 0 };
    this._isShown = false;
    this.sensitivity = sensitivityOf(remembered());
    document.addEventListener("pointerlockchange", () => {
      onChange(this.isOn);
      this._draw();
    });
  }

  get isOn() {
    return document.pointerLockElement === this._stage;
  }

  remember(sensitivity) {
    this.sensitivity = sensitivityOf(sensitivity);
    localStorage.setItem(REMEMBERED, String(this.sensitivity));
  }

  async toggle() {
    if (this.isOn) {
      document.exitPointerLock();
      return;
    }
    this._stage.focus({ preventScroll: true });
    try {
      await this._stage.requestPointerLock({ unadjustedMovement: true });
    } catch (refusal) {
      if (refusal.name === "NotSupportedError") await Promise.resolve(this._stage.requestPointerLock()).catch(() => {});
    }
  }

  /** The game's cursor, and where it was when the mouse was still free, in pixels of the game. */
  show(message) {
    this._isShown = message.visible && Boolean(message.png);
    if (this._isShown) {
      this._cursor.src = `data:image/png;base64,${message.png}`;
      this._hot = { x: message.hot_x, y: message.hot_y };
      this._size = { width: message.width, height: message.height };
    }
    this._draw();
  }

  place(x, y) {
    this._at = { x, y };
  }

  follow(dx, dy, display, box) {
    this._at = moved(this._at, dx, dy, display);
    this._scale = box.width / display.width;
    this._box = box;
    this._draw();
  }

  _draw() {
    this._cursor.hidden = !(this.isOn && this._isShown && this._box);
    if (this._cursor.hidden) return;
    const { left, top } = this._box;
    this._cursor.style.width = `${this._size.width * this._scale}px`;
    this._cursor.style.transform = `translate(${left + (this._at.x - this._hot.x) * this._scale}px, ${top + (this._at.y - this._hot.y) * this._scale}px)`;
  }
}

/** A frame on another site's page may be allowed no storage. */
function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}
