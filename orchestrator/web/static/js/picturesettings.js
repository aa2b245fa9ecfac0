/** The picture's part of the settings: shows the choices, remembers the player's for this browser, and tells the seat of each connection. */
import { create } from "./dom.js";
import { ceilings, isAutomatic, messageFor, picturesFor, sentWords, wishFrom } from "./quality.js";

const REMEMBERED = "playhouse:picture";

export class PictureSettings {
  /** `picture` and `ceiling` are selects; `now` says what is sent. */
  constructor({ picture, ceiling, now, stream }) {
    this._picture = picture;
    this._ceiling = ceiling;
    this._now = now;
    this._stream = stream;
    this._wish = wishFrom(localStorage.getItem(REMEMBERED));
    fill(ceiling, ceilings(), String(this._wish.bitrateBps ?? ""));
    this.setDisplay({ height: 720, fps: 60 });
    picture.addEventListener("change", () => this._choose());
    ceiling.addEventListener("change", () => this._choose());
    stream.addEventListener("state", ({ detail }) => detail === "connected" && !isAutomatic(this._wish) && this._tell());
  }

  /** What the game has, as the seat tells it. */
  setDisplay(display) {
    this._choices = picturesFor(display);
    fill(this._picture, this._choices, this._wish.height === null ? "" : `${this._wish.height}p${this._wish.fps}`);
  }

  /** What is sent now, as the seat tells it. */
  setSent(message) {
    this._now.textContent = sentWords(message);
  }

  _choose() {
    const { height, fps } = this._choices.find(({ value }) => value === this._picture.value);
    this._wish = { height, fps, bitrateBps: this._ceiling.value === "" ? null : Number(this._ceiling.value) };
    localStorage.setItem(REMEMBERED, JSON.stringify(this._wish));
    this._tell();
  }

  _tell() {
    this._stream.send(messageFor(this._wish));
  }
}

/** What is not among the choices is shown as the first of them. */
function fill(select, choices, chosen) {
  select.replaceChildren(...choices.map(({ value, label }) => create("option", { value }, label)));
  select.value = choices.some(({ value }) => value === chosen) ? chosen : "";
}
