/** Text between the player's clipboard and the game's; it goes only where the player says so. */
import { cutToBytes } from "./cuttext.js";

const LIMIT_BYTES = 60 * 1024; // a message of the data channel holds 64 KiB
const TYPED_LIMIT = 4000;

export class Clipboard {
  /** `field` holds text on its way; `note` appears when the game has copied something. */
  constructor({ field, give, type, copy, note, noteCopy, noteClose, said, stream, keyboard }) {
    this._field = field;
    this._note = note;
    this._said = said;
    this._stream = stream;
    give.addEventListener("click", () => this._give());
    type.addEventListener("click", () => {
      keyboard.text([...field.value].slice(0, TYPED_LIMIT).join(""));
      this._say("Typed.");
    });
    copy.addEventListener("click", () => this._copy());
    noteCopy.addEventListener("click", () => this._copy());
    noteClose.addEventListener("click", () => this._closeNote());
  }

  /** Puts text on the game's clipboard. */
  paste(text) {
    const cut = cutToBytes(text, LIMIT_BYTES);
    this._stream.send({ type: "paste", text: cut });
    return cut.length === text.length;
  }

  /** The game has copied this. */
  copied(text) {
    if (!text) return;
    this._field.value = text;
    this._note.hidden = false;
  }

  _give() {
    const isWhole = this.paste(this._field.value);
    this._say(isWhole ? "It is on the game's clipboard." : "Its beginning is on the game's clipboard: it was too long.");
  }

  async _copy() {
    this._closeNote();
    const text = this._field.value;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      this._field.select(); // without a secure address there is no clipboard but the old way
      document.execCommand("copy");
    }
    this._say("Copied to your clipboard.");
  }

  _closeNote() {
    this._note.hidden = true;
  }

  _say(text) {
    this._said.textContent = text;
  }
}
