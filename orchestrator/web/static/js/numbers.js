/**
 * The strip of numbers under the picture: what host, network and decoder take, how much comes in, and the last minute of each as a
 * line. It counts from the beginning, shown or not, and tells the seat each second what was seen.
 */
import { create, drawing } from "./dom.js";
import { GRAPH_WIDTH, Minute, pathOf, peakOf } from "./minute.js";
import { FIGURES, figuresOf, pictureWords, ratesBetween, reportOf, sampleOf, wordsFor } from "./rates.js";
import { ShownFrames } from "./shownframes.js";

const EVERY_MS = 1000;
const GRAPH_HEIGHT = 20;
const REMEMBERED = "playhouse:numbers";

export class Numbers {
  constructor({ panel, button, stream }) {
    this._panel = panel;
    this._button = button;
    this._stream = stream;
    this._host = null;
    this._before = null;
    this._minute = new Minute();
    this._shown = new ShownFrames();
    this._cells = new Map();
    this._isWanted = localStorage.getItem(REMEMBERED) === "on";
    button.addEventListener("click", () => {
      this._isWanted = !this._isWanted;
      localStorage.setItem(REMEMBERED, this._isWanted ? "on" : "off");
      this.show(true);
    });
    setInterval(() => this._second(), EVERY_MS);
  }

  /** The seat's own figures, which it tells each second. */
  setHost(message) {
    this._host = message;
  }

  get host() {
    return this._host;
  }

  /** One frame was shown; `metadata` as `requestVideoFrameCallback` gives it. */
  frame(metadata) {
    this._shown.take(metadata);
  }

  /** One sample now, or null without a connection. */
  async sample() {
    const peer = this._stream.peer;
    if (!peer) return null;
    return sampleOf((await peer.getStats()).values());
  }

  async _second() {
    const connection = this._stream.connectionCount;
    const sample = await this.sample().catch(() => null);
    const seen = this._shown.turn();
    const before = this._before?.connection === connection ? this._before.sample : null; // a new connection counts from zero
    const rates = before && sample && sample.atMs > before.atMs ? ratesBetween(before, sample) : null;
    this._minute.push(figuresOf({ host: sample && this._host, rates, roundTripMs: this._stream.roundTripMs ?? sample?.roundTripMs, seen }));
    const report = reportOf({ before, sample, seen });
    if (report) this._stream.send(report);
    this._before = sample && { connection, sample };
    if (!this._panel.hidden) this._draw();
  }

  /** While somebody plays, when they want them; as they last wanted them in this browser. */
  show(isPlaying) {
    const isShown = isPlaying && this._isWanted;
    this._panel.hidden = !isShown;
    document.body.classList.toggle("has-numbers", isShown); // the picture makes room for them
    this._button.setAttribute("aria-pressed", String(this._isWanted));
    if (isShown) this._draw();
  }

  _draw() {
    if (this._cells.size === 0) this._build();
    for (const figure of FIGURES) {
      const values = this._minute.valuesOf(figure.key);
      const { cell, words, line } = this._cells.get(figure.key);
      words.textContent = wordsFor(figure, values.at(-1));
      line.setAttribute("d", pathOf(values, figure.scale, GRAPH_HEIGHT));
      cell.title = `Most in the last minute: ${wordsFor(figure, peakOf(values))}`;
    }
    this._picture.textContent = pictureWords(this._before?.sample);
  }

  _build() {
    const cells = FIGURES.map(({ key, label }) => {
      const words = create("dd", {});
      const line = drawing("path", { class: "graph-line" });
      const graph = drawing("svg", { class: "graph", viewBox: `0 -1 ${GRAPH_WIDTH} ${GRAPH_HEIGHT + 2}`, preserveAspectRatio: "none", "aria-hidden": "true" }, line);
      const cell = create("div", {}, create("dt", {}, label), words, graph);
      this._cells.set(key, { cell, words, line });
      return cell;
    });
    this._picture = create("dd", {});
    this._panel.replaceChildren(create("dl", {}, cells, create("div", {}, create("dt", {}, "Picture"), this._picture)));
  }
}
