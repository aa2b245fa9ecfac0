/**
 * The toolbar at the top: where it would cover the picture it goes away while one plays, and comes back at the top edge, when the
 * mouse is on its handle or a finger taps it, or by Control + Alt + Enter. Where there is room above the picture it stays.
 */

import { isToolbarKey } from "./keys.js";

const TUCK_AFTER_MS = 2500;
const EDGE_PX = 6;
const SLIDING_MS = 400;
const SAID_MS = 8000; // what is behind the handle, to whoever has just begun to play

/** What lies below the bar learns how high it is. */
export function tellHeight(bar) {
  new ResizeObserver(() => document.body.style.setProperty("--bar-height", `${bar.offsetHeight}px`)).observe(bar);
}

export class Toolbar {
  /** `marginAbove()` is how many pixels there are above the picture. */
  constructor({ toolbar, bar, handle, stage, marginAbove }) {
    this._toolbar = toolbar;
    this._bar = bar;
    this._handle = handle;
    this._stage = stage;
    this._marginAbove = marginAbove;
    this._isPlaying = false;
    this._canTuck = false;
    this._settledAt = 0;
    tellHeight(bar);
    handle.addEventListener("click", () => (this.isTucked ? this.show({ focus: false }) : this.tuck()));
    handle.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.isTucked && this._slideUnderMouse());
    // A click that was meant for the handle hits nothing that has just slid under the mouse.
    toolbar.addEventListener("click", (event) => performance.now() < this._settledAt && swallow(event), { capture: true });
    bar.addEventListener("focusin", () => this.show({ focus: false }));
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

  /** Before and after a game the toolbar stays. When the game begins it clears the picture at once. */
  allowTucking(isPlaying) {
    const isNew = isPlaying && !this._isPlaying;
    this._isPlaying = isPlaying;
    this.settle();
    if (isNew) this._sayWhatIsThere();
    if (isNew && !this._isInUse()) this.tuck();
  }

  /** To be called when the place of the picture has changed. */
  settle() {
    const couldTuck = this._canTuck;
    this._canTuck = this._isPlaying && this._marginAbove() < this._bar.offsetHeight;
    this._handle.hidden = !this._canTuck;
    if (!this._canTuck) this.show({ focus: false });
    else if (!couldTuck) this._tuckLater();
  }

  show({ focus }) {
    this._toolbar.classList.remove("is-tucked");
    this._handle.setAttribute("aria-expanded", "true");
    if (focus) this._bar.querySelector("button:not([hidden])").focus({ focusVisible: true }); // keys with Control show none by themselves
    this._tuckLater();
  }

  tuck() {
    if (!this._canTuck) return;
    if (this._bar.contains(document.activeElement)) this._stage.focus(); // the next key is for the game
    this._toolbar.classList.add("is-tucked");
    this._handle.setAttribute("aria-expanded", "false");
  }

  _sayWhatIsThere() {
    this._handle.classList.add("is-said");
    setTimeout(() => this._handle.classList.remove("is-said"), SAID_MS);
  }

  _slideUnderMouse() {
    this._settledAt = performance.now() + SLIDING_MS;
    this.show({ focus: false });
  }

  _tuckLater() {
    clearTimeout(this._timer);
    if (!this._canTuck) return;
    this._timer = setTimeout(() => {
      if (!this._isInUse()) this.tuck();
    }, TUCK_AFTER_MS);
  }

  _isInUse() {
    // A button that was clicked keeps the focus, and is not in use for that.
    return this._bar.matches(":hover") || this._toolbar.querySelector(":focus-visible") !== null || this._toolbar.querySelector(":popover-open, dialog[open]") !== null;
  }
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}
