/** What each control of a gamepad does: the game's own map with the player's changes over it, remembered for each game. */
import { create } from "./dom.js";
import { CONTROLS } from "./padstate.js";

const NAMES = {
  south: "Button A or ✕", east: "Button B or ○", west: "Button X or □", north: "Button Y or △",
  left_shoulder: "Left shoulder", right_shoulder: "Right shoulder", left_trigger: "Left trigger", right_trigger: "Right trigger",
  select: "Select", start: "Start", home: "Home", left_stick: "Press left stick", right_stick: "Press right stick",
  up: "Cross up", down: "Cross down", left: "Cross left", right: "Cross right",
  left_stick_up: "Left stick up", left_stick_down: "Left stick down", left_stick_left: "Left stick left", left_stick_right: "Left stick right",
  right_stick_up: "Right stick up", right_stick_down: "Right stick down", right_stick_left: "Right stick left", right_stick_right: "Right stick right",
};
const MOUSE = { Mouse0: "Left button", Mouse1: "Middle button", Mouse2: "Right button", Mouse3: "Back", Mouse4: "Forward" };
const GLIDES = { PointerUp: "Pointer up", PointerDown: "Pointer down", PointerLeft: "Pointer left", PointerRight: "Pointer right", WheelUp: "Wheel up", WheelDown: "Wheel down" };
const SPECIAL = ["Enter", "Escape", "Space", "Tab", "Backspace", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "ShiftLeft", "ControlLeft", "AltLeft", "PageUp", "PageDown", "Home", "End", "Insert", "Delete"];
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].map((letter) => `Key${letter}`);
const DIGITS = [..."1234567890"].map((digit) => `Digit${digit}`);
const FUNCTIONS = Array.from({ length: 12 }, (_, place) => `F${place + 1}`);
const ACTIONS = [
  ["Keys", [...SPECIAL, ...LETTERS, ...DIGITS, ...FUNCTIONS].map((code) => [code, keyName(code)])],
  ["Mouse", Object.entries(MOUSE)],
  ["Moves", Object.entries(GLIDES)],
];

/** What stands on the key. Pure. */
export function keyName(code) {
  return code.replace(/^(Key|Digit|Arrow)(?=.)/, (kind) => (kind === "Arrow" ? "Arrow " : "")).replace(/Left$/, "").trim() || code;
}

/** A map with changes over it; a change to "" takes an action away. Pure. */
export function withChanges(map, changes) {
  return Object.fromEntries(Object.entries({ ...map, ...changes }).filter(([control, action]) => CONTROLS.includes(control) && action));
}

export class PadMap {
  /** `table` is a tbody to fill; `onChange(map)` tells the seat. */
  constructor({ table, reset, onChange }) {
    this._table = table;
    this._onChange = onChange;
    this._game = "";
    this._own = {};
    this._changes = {};
    this._rows = new Map();
    reset.addEventListener("click", () => this._change({}));
  }

  /** Which game is played: its changes are remembered apart from others'. */
  setGame(slug) {
    if (slug === this._game) return;
    this._game = slug;
    this._changes = recall(this._key);
    this.tell();
  }

  /** The game's own map, as the seat tells it. */
  setOwn(map) {
    this._own = map;
    this.tell();
  }

  tell() {
    if (Object.keys(this._own).length > 0) this._onChange(withChanges(this._own, this._changes));
    this._draw();
  }

  /** Shows what is pressed now. */
  light(pressed) {
    for (const [control, row] of this._rows) row.classList.toggle("is-pressed", pressed.has(control));
  }

  get _key() {
    return `playhouse:pad:${this._game}`;
  }

  _change(changes) {
    this._changes = changes;
    if (this._game) localStorage.setItem(this._key, JSON.stringify(changes));
    this.tell();
  }

  _draw() {
    if (this._rows.size === 0) this._make();
    const map = withChanges(this._own, this._changes);
    for (const [control, row] of this._rows) row.querySelector("select").value = map[control] ?? "";
  }

  _make() {
    for (const control of CONTROLS) {
      const id = `pad-${control}`;
      const groups = ACTIONS.map(([label, actions]) => create("optgroup", { label }, actions.map(([value, name]) => create("option", { value }, name))));
      const onchange = ({ target }) => this._change({ ...this._changes, [control]: target.value });
      const select = create("select", { id, onchange }, create("option", { value: "" }, "Nothing"), groups);
      const row = create("div", { class: "pad-row" }, create("label", { for: id }, NAMES[control]), select);
      this._rows.set(control, row);
      this._table.append(row);
    }
  }
}

function recall(key) {
  try {
    const known = JSON.parse(localStorage.getItem(key) ?? "{}");
    return known !== null && typeof known === "object" ? known : {};
  } catch {
    return {};
  }
}
