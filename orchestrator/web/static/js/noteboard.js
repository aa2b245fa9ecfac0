/** Draws the notes over the picture. A note that was dismissed stays away until it has been untrue for once. */
import { create, icon } from "./dom.js";

export class NoteBoard {
  constructor(list) {
    this._list = list;
    this._notes = [];
    this._dismissed = new Set();
  }

  /** `notes` as of notes.js: `[{key, text}]`. */
  draw(notes) {
    this._notes = notes;
    const keys = new Set(notes.map(({ key }) => key));
    for (const key of this._dismissed) if (!keys.has(key)) this._dismissed.delete(key);
    for (const item of [...this._list.children]) if (!keys.has(item.dataset.key) || this._dismissed.has(item.dataset.key)) item.remove();
    for (const note of notes) if (!this._dismissed.has(note.key)) this._put(note);
  }

  _put({ key, text }) {
    const shown = [...this._list.children].find((item) => item.dataset.key === key);
    if (shown) {
      const words = shown.querySelector("p");
      if (words.textContent !== text) words.textContent = text;
      return;
    }
    const close = create("button", { class: "note-close", type: "button", "aria-label": "Dismiss", onclick: () => this._dismiss(key) }, icon("close"));
    this._list.append(create("li", { class: "note", "data-key": key }, create("p", {}, text), close));
  }

  _dismiss(key) {
    this._dismissed.add(key);
    this.draw(this._notes);
    document.getElementById("stage")?.focus({ preventScroll: true });
  }
}
