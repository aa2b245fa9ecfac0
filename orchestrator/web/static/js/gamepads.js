/**
 * Gamepads, as whole states on the lossy channel: at every change, and again and again while a pad is in use, so that a silent page
 * holds nothing. What a pad does to the game is decided by its map in the seat.
 */
import { encodePad, isNeutral } from "./padstate.js";

const LAST_WORDS = 6; // how often a pad at rest says so

export class Gamepads {
  /** `channel` carries; `onPads(pads)` tells the pads that there are, and each look at them. */
  constructor({ stage, channel, stream, onPads }) {
    this._stage = stage;
    this._channel = channel;
    this._stream = stream;
    this._onPads = onPads;
    this._resting = new Map();
    window.addEventListener("gamepadconnected", () => this._begin());
    if (this._pads().length > 0) this._begin();
  }

  /** All pads are at rest, whatever the thumbs do; they count again when a thumb was off them. */
  release() {
    this._waits = true;
    for (const index of this._resting.keys()) this._stream.sendPointer(encodePad(this._channel.next, index, null));
  }

  _pads() {
    return [...(navigator.getGamepads?.() ?? [])].filter((pad) => pad?.connected && pad.index < 4);
  }

  _begin() {
    this._frame ??= requestAnimationFrame(() => this._look());
  }

  _look() {
    const pads = this._pads();
    this._onPads(pads);
    if (pads.every(isNeutral)) this._waits = false;
    const isOurs = !this._waits && document.hasFocus() && document.visibilityState === "visible" && this._stage.contains(document.activeElement);
    for (const pad of pads) this._say(pad.index, isOurs ? pad : null);
    for (const index of this._resting.keys()) if (!pads.some((pad) => pad.index === index)) this._say(index, null);
    this._frame = requestAnimationFrame(() => this._look());
  }

  _say(index, pad) {
    const isAtRest = pad === null || isNeutral(pad);
    const said = isAtRest ? (this._resting.get(index) ?? LAST_WORDS) : 0;
    this._resting.set(index, said + 1);
    if (said < LAST_WORDS) this._stream.sendPointer(encodePad(this._channel.next, index, pad));
  }
}
