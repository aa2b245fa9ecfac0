/**
 * Positions, motion and gamepads on the channel that may lose: each message is a whole state with a sequence, and the last one is said
 * again after a moment, so that a lost end of a movement is made good.
 */
import { encodeMotion, encodePointer } from "./picture.js";

const AGAIN_MS = [40, 160, 500];
const UNITS_PER_PIXEL = 64;

export class PointerChannel {
  constructor(stream) {
    this._stream = stream;
    this._timers = [];
    this._totalX = 0;
    this._totalY = 0;
    this._sequence = 0;
  }

  get next() {
    this._sequence += 1;
    return this._sequence;
  }

  /** The pointer is here, in fractions of the picture. */
  point(x, y) {
    this._say(encodePointer(this.next, x, y));
  }

  /** A captured mouse went so many pixels of the game; nought tells where counting begins. */
  move(x, y) {
    this._totalX += x * UNITS_PER_PIXEL;
    this._totalY += y * UNITS_PER_PIXEL;
    this._say(encodeMotion(this.next, this._totalX, this._totalY));
  }

  /** What a button of a captured mouse says: how far the mouse has gone. */
  moved() {
    return { moved: [this.next, this._totalX | 0, this._totalY | 0] };
  }

  _say(buffer) {
    this._stream.sendPointer(buffer);
    for (const timer of this._timers) clearTimeout(timer);
    this._timers = AGAIN_MS.map((delayMs) => setTimeout(() => this._stream.sendPointer(buffer), delayMs));
  }
}
