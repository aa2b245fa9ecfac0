/** The strip of numbers under the picture: once a second, while it is shown, what host, network and decoder take, and how much comes in. */
import { create } from "./dom.js";
import { linesFor, ratesBetween, sampleOf } from "./rates.js";

const EVERY_MS = 1000;

export class Numbers {
  constructor({ panel, button, stream }) {
    this._panel = panel;
    this._button = button;
    this._stream = stream;
    this._host = null;
    button.addEventListener("click", () => this._toggle());
  }

  /** The seat's own figures, which it tells each second. */
  setHost(message) {
    this._host = message;
  }

  get host() {
    return this._host;
  }

  /** One sample now, or null without a connection. */
  async sample() {
    const peer = this._stream.peer;
    if (!peer) return null;
    return sampleOf((await peer.getStats()).values());
  }

  _toggle() {
    const isShown = this._panel.hidden;
    this._panel.hidden = !isShown;
    document.body.classList.toggle("has-numbers", isShown); // the picture makes room for them
    this._button.setAttribute("aria-pressed", String(isShown));
    clearInterval(this._timer);
    this._before = null;
    if (!isShown) return;
    this._timer = setInterval(() => this._refresh(), EVERY_MS);
    this._refresh();
  }

  async _refresh() {
    const sample = await this.sample().catch(() => null);
    const rates = sample && this._before && sample.atMs > this._before.atMs ? ratesBetween(this._before, sample) : null;
    if (sample) this._before = sample;
    const roundTripMs = sample?.roundTripMs ?? this._stream.roundTripMs;
    const lines = linesFor({ host: this._host, rates, roundTripMs, sample });
    this._panel.replaceChildren(create("dl", {}, lines.map(([name, value]) => create("div", {}, create("dt", {}, name), create("dd", {}, value)))));
  }
}
