/** Sound: silent until the first gesture (browsers want one), then on and as loud as the player last had it, unless they turned it off. */

const REMEMBERED = "playhouse:sound";
const REMEMBERED_VOLUME = "playhouse:volume";

/** A remembered volume in percent; whatever is none is the whole. Pure. */
export function volumeFrom(text) {
  const percent = Number.parseInt(text, 10);
  return percent >= 0 && percent <= 100 ? percent : 100;
}

export class Sound {
  /** `button` shows and changes it; `hint` is shown while sound waits for a gesture; `volume` is a slider from 0 to 100. */
  constructor({ audio, button, hint, volume }) {
    this._audio = audio;
    this._button = button;
    this._hint = hint;
    this._isWanted = localStorage.getItem(REMEMBERED) !== "off";
    this._hasGesture = false;
    this._hasTrack = false;
    audio.muted = true;
    const isTouch = matchMedia("(pointer: coarse)").matches;
    hint.lastChild.textContent = isTouch ? "Tap for sound" : "Click or press a key for sound";
    volume.value = volumeFrom(localStorage.getItem(REMEMBERED_VOLUME));
    audio.volume = volume.value / 100;
    volume.addEventListener("input", () => this._setVolume(volume.value));
    button.addEventListener("click", () => this._toggle());
    hint.addEventListener("click", () => this._gesture());
    for (const kind of ["pointerdown", "keydown", "touchend"]) {
      document.addEventListener(kind, (event) => event.isTrusted && this._gesture(event), { capture: true });
    }
    this._show();
  }

  attach(track) {
    this._audio.srcObject = new MediaStream([track]);
    this._hasTrack = true;
    this._apply();
  }

  _gesture(event) {
    if (this._hasGesture || (event && this._button.contains(event.target))) return;
    this._hasGesture = true;
    this._apply();
  }

  _toggle() {
    this._isWanted = this._audio.muted;
    this._hasGesture = true;
    localStorage.setItem(REMEMBERED, this._isWanted ? "on" : "off");
    this._apply();
  }

  /** Whoever moves the slider wants to hear. */
  _setVolume(percent) {
    this._audio.volume = percent / 100;
    localStorage.setItem(REMEMBERED_VOLUME, percent);
    if (this._audio.muted) this._toggle();
  }

  _apply() {
    this._audio.muted = !(this._isWanted && this._hasGesture);
    this._audio.play().catch(() => {
      // Refused without a gesture: stay silent and wait for the next one.
      this._audio.muted = true;
      this._hasGesture = false;
      this._show();
    });
    this._show();
  }

  _show() {
    this._button.setAttribute("aria-pressed", String(!this._audio.muted));
    this._hint.hidden = !(this._hasTrack && this._isWanted && !this._hasGesture);
  }
}
