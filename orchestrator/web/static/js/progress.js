/** The curtain while a session starts: the arch with the game's cover, four footlights, a sentence, and bytes where they are known. */
import { coverFor } from "./covers.js";
import { create } from "./dom.js";
import { formatBytes } from "./format.js";
import { phaseOf, progressOf, sentenceFor, stepsFor } from "./phases.js";

const STATE_WORDS = { done: "done", current: "now", waiting: "to come" };

export class Progress {
  constructor(game) {
    this._arch = create("div", { class: "arch", "data-lit": "0" }, coverFor(game));
    this._title = create("h1", {}, game.title);
    this._sentence = create("p", { class: "lead", id: "progress-sentence", role: "status" });
    this._lamps = new Map();
    const items = stepsFor("placing").map(({ phase, label }) => {
      const state = create("span", { class: "visually-hidden" });
      const item = create("li", { class: "footlight", "data-phase": phase }, create("span", { class: "footlight-lamp", "aria-hidden": "true" }), create("span", {}, label), state);
      this._lamps.set(phase, { item, state });
      return item;
    });
    this._fill = create("div", { class: "bytes-fill" });
    this._words = create("span", {});
    this._track = create("div", { class: "bytes-track", role: "progressbar", "aria-label": "Fetching the game", "aria-valuemin": 0, "aria-valuemax": 100 }, this._fill);
    this._bytes = create("div", { class: "bytes", hidden: true }, this._track, this._words);
    this.element = create("div", { class: "curtain-inner" }, this._arch, create("ol", { class: "footlights", "aria-label": "Progress" }, items), this._title, this._sentence, this._bytes);
  }

  update(status, isMoving) {
    const steps = stepsFor(phaseOf(status));
    this._arch.dataset.lit = String(steps.filter((step) => step.state === "done").length);
    for (const { phase, state } of steps) {
      const lamp = this._lamps.get(phase);
      lamp.item.dataset.state = state;
      lamp.state.textContent = `, ${STATE_WORDS[state]}`;
      if (state === "current") lamp.item.setAttribute("aria-current", "step");
      else lamp.item.removeAttribute("aria-current");
    }
    const sentence = sentenceFor(status, isMoving);
    if (this._sentence.textContent !== sentence) this._sentence.textContent = sentence;
    this._showBytes(status);
  }

  _showBytes(status) {
    const progress = phaseOf(status) === "pulling" ? progressOf(status) : null;
    this._bytes.hidden = progress === null;
    if (progress === null) return;
    this._fill.style.setProperty("--share", String(progress.share));
    this._track.setAttribute("aria-valuenow", String(Math.round(progress.share * 100)));
    const words = `${formatBytes(progress.done)} of ${formatBytes(progress.total)}`;
    this._track.setAttribute("aria-valuetext", words);
    this._words.textContent = words;
  }
}
