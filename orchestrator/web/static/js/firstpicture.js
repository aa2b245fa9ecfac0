/** When the game is to be seen: the first decoded frame, and the first one that is not a single colour (an empty display is black). */
import { isOneColour } from "./picture.js";

const WIDTH = 32;
const HEIGHT = 18;

export class FirstPicture {
  /** `onFrame(metadata)` for each frame shown; `onPicture()` at the first frame that has something on it. */
  constructor(video, { onFrame, onPicture }) {
    this._video = video;
    this._onFrame = onFrame;
    this._onPicture = onPicture;
    this._hasPicture = false;
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    this._context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
    this._next();
  }

  /** Waits for a first picture once more (the session moved to another machine). */
  again() {
    this._hasPicture = false;
  }

  _next() {
    this._video.requestVideoFrameCallback((_now, metadata) => {
      this._onFrame(metadata);
      if (!this._hasPicture && this._isDrawn()) {
        this._hasPicture = true;
        this._onPicture();
      }
      this._next();
    });
  }

  _isDrawn() {
    this._context.drawImage(this._video, 0, 0, WIDTH, HEIGHT);
    return !isOneColour(this._context.getImageData(0, 0, WIDTH, HEIGHT).data);
  }
}
