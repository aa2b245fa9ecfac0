/** A row of keys for thumbs: what a game needs and a phone has not. Control, Shift and Alt stay down until the next key or a second tap. */
import { create } from "./dom.js";

const KEYS = [
  ["Escape", "Esc"], ["Tab", "Tab"], ["ShiftLeft", "Shift"], ["ControlLeft", "Ctrl"], ["AltLeft", "Alt"], ["Backspace", "⌫"],
  ["ArrowLeft", "←"], ["ArrowUp", "↑"], ["ArrowDown", "↓"], ["ArrowRight", "→"], ["Space", "Space"], ["Enter", "Enter"],
];
const WORDS = { Backspace: "Backspace", ArrowLeft: "Left", ArrowUp: "Up", ArrowDown: "Down", ArrowRight: "Right" };
const STAYING = new Set(["ShiftLeft", "ControlLeft", "AltLeft"]);
const REMEMBERED = "playhouse:keys";

export class OnScreenKeys {
  constructor({ bar, toggle, held }) {
    this._bar = bar;
    this._toggle = toggle;
    this._held = held;
    this._isWanted = (localStorage.getItem(REMEMBERED) ?? (matchMedia("(pointer: coarse)").matches ? "on" : "off")) === "on";
    this._buttons = new Map(KEYS.map(([code, text]) => [code, this._button(code, text)]));
    bar.append(...this._buttons.values());
    toggle.addEventListener("click", () => {
      this._isWanted = !this._isWanted;
      localStorage.setItem(REMEMBERED, this._isWanted ? "on" : "off");
      this.show(true);
    });
  }

  show(isPlaying) {
    this._bar.hidden = !(isPlaying && this._isWanted);
    this._toggle.setAttribute("aria-pressed", String(this._isWanted));
    document.body.classList.toggle("has-keys", !this._bar.hidden);
    if (this._bar.hidden) this.release();
  }

  /** Everything was let go: the keys look so, too. */
  release() {
    for (const button of this._buttons.values()) button.setAttribute("aria-pressed", "false");
  }

  _button(code, text) {
    const button = create("button", { type: "button", class: "key", "data-code": code, "aria-pressed": "false", "aria-label": WORDS[code] }, text);
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the stage, or the typing field, keeps the focus
      button.setPointerCapture(event.pointerId);
      this._press(code);
    });
    for (const kind of ["pointerup", "pointercancel"]) button.addEventListener(kind, () => !STAYING.has(code) && this._set(code, false));
    button.addEventListener("click", (event) => event.detail === 0 && this._tap(code)); // by keyboard or a helper
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    return button;
  }

  _press(code) {
    if (STAYING.has(code)) this._set(code, !this._isDown(code));
    else this._set(code, true);
  }

  _tap(code) {
    if (STAYING.has(code)) this._press(code);
    else this._held.tapKey(code);
  }

  _isDown(code) {
    return this._buttons.get(code).getAttribute("aria-pressed") === "true";
  }

  _set(code, isDown) {
    if (this._isDown(code) === isDown) return;
    this._buttons.get(code).setAttribute("aria-pressed", String(isDown));
    this._held.onScreenKey(code, isDown);
    if (!isDown && !STAYING.has(code)) for (const staying of STAYING) this._set(staying, false);
  }
}
