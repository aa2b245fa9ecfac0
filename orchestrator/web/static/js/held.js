/**
 * What the player holds: keys by physical place, on-screen keys, mouse buttons. It tells the seat of each change and repeats all that
 * is held each 500 ms, so that the seat can let go of what a lost message or a lost page left pressed.
 */

const HELD_MS = 500;
const TAP_MS = 50; // games that look at the keyboard once a frame must see a tap

export class Held {
  constructor(stream) {
    this._stream = stream;
    this._onScreen = new Set();
    this.codes = new Set();
    this.buttons = new Set();
  }

  /** A physical key. */
  key(code, isDown) {
    this._key(this.codes, code, isDown);
  }

  /** A key that is drawn on the screen. */
  onScreenKey(code, isDown) {
    this._key(this._onScreen, code, isDown);
  }

  tapKey(code) {
    this.onScreenKey(code, true);
    setTimeout(() => this.onScreenKey(code, false), TAP_MS);
  }

  /** `at` is where: `{x, y}` as fractions of the picture, or `{moved: [sequence, x, y]}`. */
  button(button, isDown, at) {
    if (this.buttons.has(button) === isDown) return;
    this._stream.send({ type: "button", button, down: isDown, ...at });
    change(this.buttons, button, isDown);
    this._beat();
  }

  click(button, at) {
    this.button(button, true, at);
    setTimeout(() => this.button(button, false, at), TAP_MS);
  }

  releaseAll() {
    this.codes.clear();
    this._onScreen.clear();
    this.buttons.clear();
    this._beat();
    this._stream.send({ type: "release_all" });
  }

  _key(held, code, isDown) {
    if (held.has(code) === isDown) return;
    const wasDown = this._isDown(code);
    change(held, code, isDown);
    if (this._isDown(code) !== wasDown) this._stream.send({ type: "key", code, down: isDown });
    this._beat();
  }

  _isDown(code) {
    return this.codes.has(code) || this._onScreen.has(code);
  }

  _beat() {
    if (this.codes.size + this._onScreen.size + this.buttons.size > 0) {
      this._heartbeat ??= setInterval(() => this._tell(), HELD_MS);
    } else if (this._heartbeat !== undefined) {
      clearInterval(this._heartbeat);
      this._heartbeat = undefined;
      this._tell();
    }
  }

  _tell() {
    this._stream.send({ type: "held", codes: [...new Set([...this.codes, ...this._onScreen])], buttons: [...this.buttons] });
  }
}

function change(set, item, isIn) {
  if (isIn) set.add(item);
  else set.delete(item);
}
