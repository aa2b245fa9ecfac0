/** What was seen of the frames since one last looked: how many, and how long they took from arrival to the screen. */

export class ShownFrames {
  constructor() {
    this._clear();
  }

  /** Takes what `requestVideoFrameCallback` told of one frame. */
  take({ receiveTime, presentationTime }) {
    this._frames += 1;
    const presentMs = presentationTime - receiveTime;
    if (!(presentMs >= 0)) return; // a browser that does not tell, or two clocks
    this._presentMs += presentMs;
    this._measured += 1;
  }

  /** `{frames, presentMs}` since the last call, and begins anew; `presentMs` is the mean, or null. */
  turn() {
    const seen = { frames: this._frames, presentMs: this._measured > 0 ? this._presentMs / this._measured : null };
    this._clear();
    return seen;
  }

  _clear() {
    this._frames = 0;
    this._measured = 0;
    this._presentMs = 0;
  }
}
