/** The toolbar over the stage: it goes away while one plays, comes back at the top edge, by its handle, or by Control + Alt + Enter. */

import { isToolbarKey } from "./keys.js";

const TUCK_AFTER_MS = 2500;
const EDGE_PX = 6;

export class Toolbar {
  constructor({ toolbar, bar, handle, stage }) {
    this._toolbar = toolbar;
    this._bar = bar;
    this._handle = handle;
    this._stage = stage;
    this._canTuck = false;
    handle.addEventListener("click", () => (this.isTucked ? this.show({ focus: false }) : this.tuck()));
    toolbar.addEventListener("focusin", () => this.show({ focus: false }));
    toolbar.addEventListener("focusout", () => this._tuckLater());
    toolbar.addEventListener("pointerenter", () => clearTimeout(this._timer));
    toolbar.addEventListener("pointerleave", () => this._tuckLater());
    toolbar.addEventListener("keydown", (event) => {
      if (event.code === "Escape" && this._canTuck) {
        this.tuck();
        stage.focus();
      }
    });
    // While the stage has the focus, input.js sees the key first and tells us; from anywhere else it arrives here.
    document.addEventListener("keydown", (event) => {
      if (!isToolbarKey(event)) return;
      event.preventDefault();
      this.show({ focus: true });
    });
    stage.addEventListener("pointermove", (event) => event.pointerType === "mouse" && event.clientY <= EDGE_PX && this.show({ focus: false }));
  }

  get isTucked() {
    return this._toolbar.classList.contains("is-tucked");
  }

  /** While a game is played the toolbar may go away; before and after it stays. */
  allowTucking(isAllowed) {
    this._canTuck = isAllowed;
    this._handle.hidden = !isAllowed;
    if (isAllowed) this._tuckLater();
    else this.show({ focus: false });
  }

  show({ focus }) {
    this._toolbar.classList.remove("is-tucked");
    this._handle.setAttribute("aria-expanded", "true");
    if (focus) this._bar.querySelector("button:not([hidden])").focus();
    this._tuckLater();
  }

  tuck() {
    if (!this._canTuck) return;
    this._toolbar.classList.add("is-tucked");
    this._handle.setAttribute("aria-expanded", "false");
    this._toolbar.style.setProperty("--bar-height", `${this._bar.offsetHeight}px`);
  }

  _tuckLater() {
    clearTimeout(this._timer);
    if (!this._canTuck) return;
    this._timer = setTimeout(() => {
      const isInUse = this._toolbar.matches(":hover") || this._bar.contains(document.activeElement);
      if (!isInUse) this.tuck();
    }, TUCK_AFTER_MS);
  }
}
