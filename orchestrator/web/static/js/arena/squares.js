/** A board of eight by eight squares with pieces on it: mouse, finger and keyboard. It knows no rules: what may be moved where is told to it. */
import { create } from "../dom.js";

const DRAG_PX = 6;
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * Squares are numbered 0 to 63, row by row from the top left as the player of the first side sees them; `isTurned` shows them from the other side.
 * `draw(kind)` makes a piece, `choose(from, to)` is called for a move, `describe(index, kind)` names a square for a screen reader.
 */
export class Squares {
  #pieces = new Map(); // index -> {kind, element}
  #buttons = new Map();
  #targets = new Map();
  #selected = null;
  #drag = null;
  #wasDragged = false;

  constructor(root, { label, isTurned, draw, choose, describe, edge }) {
    Object.assign(this, { draw, choose, describe });
    this.isTurned = isTurned;
    this.grid = create("div", { class: "squares", role: "grid", "aria-label": label });
    this.layer = create("div", { class: "pieces", "aria-hidden": "true" });
    for (let row = 0; row < 8; row += 1) this.grid.append(this.#row(row, edge));
    this.#buttons.get(this.#indexAt(7, 0)).tabIndex = 0;
    this.grid.append(this.layer);
    root.replaceChildren(this.grid);
    this.grid.addEventListener("click", (event) => this.#clicked(event));
    this.grid.addEventListener("keydown", (event) => this.#pressed(event));
    this.grid.addEventListener("pointerdown", (event) => this.#grabbed(event));
    this.grid.addEventListener("pointermove", (event) => this.#dragged(event));
    this.grid.addEventListener("pointerup", (event) => this.#dropped(event));
    this.grid.addEventListener("pointercancel", () => this.#letGo());
  }

  /** `pieces` has 64 kinds or nulls, `targets` is a Map from squares to the squares that may be moved to, `last` the move that led here. */
  show({ pieces, targets, last, alarmed = null, showsMovable = false }) {
    this.#targets = targets;
    this.#letGo();
    if (!targets.has(this.#selected)) this.#selected = null;
    this.#movePieces(pieces, last);
    for (const [index, button] of this.#buttons) {
      button.setAttribute("aria-label", this.describe(index, pieces[index]));
      button.classList.toggle("last", last !== null && (last.from === index || last.to === index));
      button.classList.toggle("alarmed", index === alarmed);
      button.classList.toggle("mine", targets.has(index));
      button.classList.toggle("may", showsMovable && targets.has(index));
    }
    this.#hint();
  }

  #row(row, edge) {
    const squares = Array.from({ length: 8 }, (_, column) => {
      const index = this.#indexAt(row, column);
      const isDark = (Math.floor(index / 8) + (index % 8)) % 2 === 1;
      const button = create("button", { type: "button", role: "gridcell", tabindex: -1, class: `square ${isDark ? "dark" : "light"}`, "data-index": index });
      const words = edge(index, { isBottom: row === 7, isLeft: column === 0 });
      button.append(...words.map(([place, word]) => create("span", { class: `edge ${place}`, "aria-hidden": "true" }, word)));
      this.#buttons.set(index, button);
      return button;
    });
    return create("div", { class: "rank", role: "row" }, squares);
  }

  #indexAt(row, column) {
    const index = row * 8 + column;
    return this.isTurned ? 63 - index : index;
  }

  #placeOf(index) {
    const seen = this.isTurned ? 63 - index : index;
    return [Math.floor(seen / 8), seen % 8];
  }

  #movePieces(pieces, last) {
    const coming = new Set([...pieces.keys()].filter((index) => pieces[index] !== null && this.#pieces.get(index)?.kind !== pieces[index]));
    const going = new Map([...this.#pieces].filter(([index, piece]) => pieces[index] !== piece.kind));
    const stays = new Map([...this.#pieces].filter(([index]) => !going.has(index)));
    const settle = (from, to) => {
      const piece = going.get(from);
      going.delete(from);
      coming.delete(to);
      this.#put(piece.element, to);
      stays.set(to, { kind: pieces[to], element: piece.kind === pieces[to] ? piece.element : this.#redrawn(piece.element, pieces[to]) });
    };
    if (last !== null && going.has(last.from) && coming.has(last.to)) settle(last.from, last.to);
    for (const to of [...coming]) {
      const from = [...going.keys()].find((index) => going.get(index).kind === pieces[to]);
      if (from !== undefined) settle(from, to);
    }
    for (const { element } of going.values()) this.#fade(element);
    for (const to of coming) {
      const element = this.#drawn(pieces[to]);
      this.#put(element, to);
      this.layer.append(element);
      stays.set(to, { kind: pieces[to], element });
    }
    this.#pieces = stays;
  }

  #drawn(kind) {
    const element = create("div", { class: "piece", "data-kind": kind });
    element.append(this.draw(kind));
    return element;
  }

  #redrawn(element, kind) {
    element.dataset.kind = kind;
    element.replaceChildren(this.draw(kind));
    return element;
  }

  #put(element, index) {
    const [row, column] = this.#placeOf(index);
    element.style.transform = `translate(${column * 100}%, ${row * 100}%)`;
  }

  #fade(element) {
    element.classList.add("gone");
    setTimeout(() => element.remove(), 200);
  }

  #hint() {
    const targets = this.#selected === null ? [] : this.#targets.get(this.#selected);
    for (const [index, button] of this.#buttons) {
      const isTarget = targets.includes(index);
      button.setAttribute("aria-selected", String(index === this.#selected));
      button.classList.toggle("can", isTarget && (!this.#pieces.has(index) || index === this.#selected));
      button.classList.toggle("takes", isTarget && this.#pieces.has(index) && index !== this.#selected);
    }
  }

  #clicked(event) {
    const button = event.target.closest(".square");
    if (button === null) return;
    if (this.#wasDragged) {
      this.#wasDragged = false;
      return;
    }
    this.#focus(button);
    this.#activate(Number(button.dataset.index));
  }

  #activate(index) {
    const from = this.#selected;
    if (from !== null && this.#targets.get(from)?.includes(index)) {
      this.#selected = null;
      this.#hint();
      this.choose(from, index);
      return;
    }
    this.#selected = this.#targets.has(index) && index !== from ? index : null;
    this.#hint();
  }

  #focus(button) {
    for (const each of this.#buttons.values()) each.tabIndex = each === button ? 0 : -1;
    button.focus({ preventScroll: true });
  }

  #pressed(event) {
    const button = event.target.closest(".square");
    if (button === null || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Escape") {
      this.#selected = null;
      this.#hint();
      return;
    }
    let [row, column] = this.#placeOf(Number(button.dataset.index));
    if (event.key === "Home") column = 0;
    else if (event.key === "End") column = 7;
    else if (event.key in STEPS) {
      row += STEPS[event.key][0];
      column += STEPS[event.key][1];
    } else return;
    event.preventDefault();
    if (row >= 0 && row < 8 && column >= 0 && column < 8) this.#focus(this.#buttons.get(this.#indexAt(row, column)));
  }

  #grabbed(event) {
    this.#wasDragged = false;
    const button = event.target.closest(".square");
    if (button === null || event.button !== 0) return;
    const index = Number(button.dataset.index);
    if (!this.#targets.has(index)) return;
    this.#drag = { index, x: event.clientX, y: event.clientY, element: this.#pieces.get(index).element, isMoving: false };
  }

  #dragged(event) {
    const drag = this.#drag;
    if (drag === null) return;
    if (!drag.isMoving) {
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < DRAG_PX) return;
      drag.isMoving = true;
      this.grid.setPointerCapture(event.pointerId);
      drag.element.classList.add("held");
      this.#selected = drag.index;
      this.#hint();
    }
    const box = this.grid.getBoundingClientRect();
    const side = box.width / 8;
    drag.element.style.transform = `translate(${event.clientX - box.left - side / 2}px, ${event.clientY - box.top - side / 2}px)`;
  }

  #dropped(event) {
    const drag = this.#drag;
    if (drag === null || !drag.isMoving) {
      this.#drag = null;
      return;
    }
    const box = this.grid.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * 8);
    const column = Math.floor(((event.clientX - box.left) / box.width) * 8);
    const to = row < 0 || row > 7 || column < 0 || column > 7 ? null : this.#indexAt(row, column);
    const isMove = to !== null && this.#targets.get(drag.index)?.includes(to) && to !== drag.index;
    this.#wasDragged = true;
    setTimeout(() => (this.#wasDragged = false)); // the click that follows, where there is one, comes before
    this.#letGo();
    if (isMove) this.#activate(to);
  }

  #letGo() {
    if (this.#drag?.isMoving) {
      this.#drag.element.classList.remove("held");
      this.#put(this.#drag.element, this.#drag.index);
    }
    this.#drag = null;
  }
}
