/** Fullscreen with, where the browser offers it, the whole keyboard for the game (Escape included: hold it to leave). */

export class Fullscreen {
  /** `onKeyboardLock(isLocked)` tells whether keys that a browser usually keeps now reach the page. */
  constructor({ element, button, onKeyboardLock }) {
    this._element = element;
    button.hidden = !document.fullscreenEnabled;
    button.addEventListener("click", () => this._toggle());
    document.addEventListener("fullscreenchange", async () => {
      const isFull = document.fullscreenElement !== null;
      button.setAttribute("aria-pressed", String(isFull));
      onKeyboardLock(isFull && (await this._lockKeyboard()));
      if (!isFull) navigator.keyboard?.unlock?.();
    });
  }

  async _toggle() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this._element.requestFullscreen({ navigationUI: "hide" }).catch(() => {});
  }

  async _lockKeyboard() {
    if (!navigator.keyboard?.lock) return false;
    return navigator.keyboard.lock().then(
      () => true,
      () => false,
    );
  }
}
