/** Keys by physical place from the stage, and text by meaning from the typing field. */
import { isTyped, lockStates, routeKey, staleModifiers } from "./keys.js";
import { textChange } from "./typed.js";

const MAX_TEXT = 256;
const PASTE_WAIT_MS = 30;
const EMPTY = "\u00a0".repeat(8); // something to delete, which on-screen keyboards need
const LONGEST = 64;

export class Keyboard {
  /** `on` has `toolbar()`, `capture()`, `releaseAll()` and `paste(text)`; `typing` is the text field. */
  constructor({ stage, typing, held, stream, on }) {
    this._held = held;
    this._stream = stream;
    this._on = on;
    this._typing = typing;
    this._locks = "";
    this.isLocked = false;
    stage.addEventListener("keydown", (event) => this._key(event, true));
    stage.addEventListener("keyup", (event) => this._key(event, false));
    typing.addEventListener("keydown", (event) => this._typingKey(event, true));
    typing.addEventListener("keyup", (event) => this._typingKey(event, false));
    typing.addEventListener("beforeinput", (event) => event.inputType === "insertLineBreak" && held.tapKey("Enter"));
    typing.addEventListener("input", (event) => this._typed(event));
    typing.addEventListener("compositionend", () => this._empty());
    typing.addEventListener("focus", () => this._empty());
    document.addEventListener("paste", (event) => this._pasted(event, stage));
    this._empty();
  }

  /** A new connection knows nothing of this keyboard. */
  begin() {
    this._locks = "";
  }

  /** A paste that is on its way is off. */
  forget() {
    clearTimeout(this._pasteTimer);
    this._awaited = null;
  }

  /** Types text into the game, by meaning. */
  text(text) {
    const characters = [...text];
    for (let start = 0; start < characters.length; start += MAX_TEXT / 2) {
      this._stream.send({ type: "text", text: characters.slice(start, start + MAX_TEXT / 2).join("") });
    }
  }

  _key(event, isDown) {
    this._correct(event);
    if (!isDown && this._held.codes.has(event.code)) {
      this._give(event, false); // whatever else is pressed by now
      return;
    }
    const route = routeKey(event, this.isLocked);
    if (event.code.startsWith("Meta") && route === "browser") for (const code of [...this._held.codes]) this._held.key(code, false);
    if (route === "browser" || route === "ignore") return;
    event.stopPropagation();
    if (route === "paste" && isDown) {
      this._expectPaste(event);
      return;
    }
    event.preventDefault();
    if (route === "toolbar" || route === "capture") {
      if (!isDown || event.repeat) return;
      this._on.releaseAll();
      this._on[route]();
    } else if (route === "text") {
      if (isDown) this.text(event.key);
    } else this._give(event, isDown);
  }

  _give(event, isDown) {
    event.preventDefault();
    event.stopPropagation();
    this._flushPaste();
    if (event.repeat) return;
    if (event.code === "CapsLock") {
      if (isDown) this._held.tapKey("CapsLock"); // its release is told late or never
    } else this._held.key(event.code, isDown);
    this._tellLocks(event);
  }

  /** Before a key counts: what the system swallowed. */
  _correct(event) {
    for (const code of staleModifiers(this._held.codes, event)) this._held.key(code, false);
  }

  _tellLocks(event) {
    if (event.code === "CapsLock" || event.code === "NumLock") return; // the next key knows
    const locks = lockStates(event);
    const said = JSON.stringify(locks);
    if (said === this._locks) return;
    this._locks = said;
    this._stream.send({ type: "locks", ...locks });
  }

  /* Paste: the browser's own event brings the text, without asking for permission, and the key follows */

  _expectPaste(event) {
    if (event.repeat) return;
    this._awaited = event.code;
    this._pasteTimer = setTimeout(() => this._flushPaste(), PASTE_WAIT_MS);
  }

  _flushPaste() {
    const code = this._awaited;
    this.forget();
    if (code) this._held.key(code, true);
  }

  _pasted(event, stage) {
    if (document.activeElement !== stage) return;
    event.preventDefault();
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text) this._on.paste(text);
    if (this._awaited) this._flushPaste();
    else if (text) this.chord("ControlLeft", "KeyV");
  }

  /** Keys that are pressed together and let go. */
  chord(...codes) {
    for (const code of codes) this._held.onScreenKey(code, true);
    setTimeout(() => codes.reverse().forEach((code) => this._held.onScreenKey(code, false)), PASTE_WAIT_MS);
  }

  /* The typing field */

  _typingKey(event, isDown) {
    if (isTyped(event)) return;
    this._key(event, isDown);
  }

  _typed(event) {
    const { backspaces, text } = textChange(this._value, this._typing.value);
    this._value = this._typing.value;
    for (let count = 0; count < backspaces; count += 1) this.text("\b");
    if (text) this.text(text);
    if (!event.isComposing && (this._value.length > LONGEST || !this._value.startsWith(EMPTY))) this._empty();
  }

  _empty() {
    this._value = EMPTY;
    this._typing.value = EMPTY;
    this._typing.setSelectionRange?.(EMPTY.length, EMPTY.length);
  }
}
