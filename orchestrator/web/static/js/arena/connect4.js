/** Connect four on the page: seven columns to drop discs into. */
import { create, drawing } from "../dom.js";

const COLUMNS = 7;
const ROWS = 6;
const SIDES = ["red", "yellow"];

/** The cell where a disc of this column comes to lie, or null where it is full. */
export function landing(board, column) {
  for (let row = ROWS - 1; row >= 0; row -= 1) if (board[row * COLUMNS + column] === null) return row * COLUMNS + column;
  return null;
}

export const connect4 = {
  opening: { board: Array(COLUMNS * ROWS).fill(null) },
  marks: SIDES.map((side) => () => drawDisc(side)),
  captures: () => null,
  nameOf: ({ move }) => `column ${move.column + 1}`,
  spoken: ({ move }) => `column ${move.column + 1}`,

  board(root, { seat, move }) {
    const discs = new Map();
    const layer = drawing("g", { class: "discs" });
    const winning = drawing("g", { class: "winning" });
    const columns = Array.from({ length: COLUMNS }, (_, column) =>
      create("button", { type: "button", class: "column", "data-column": column, tabindex: column === 3 ? 0 : -1, onclick: () => drop(column) }, create("span", { class: "arrow", "aria-hidden": "true" }, ghost(seat))),
    );
    const group = create("div", { class: "columns", role: "group", "aria-label": "Connect four board, seven columns" }, columns);
    const frame = create("div", { class: "four" }, front(layer, winning), group);
    root.replaceChildren(frame);
    let state = null;

    function drop(column) {
      const cell = landing(state.match.board, column);
      if (cell !== null) move({ column }, { column, cell, side: SIDES[seat] });
    }

    group.addEventListener("keydown", (event) => {
      const at = columns.indexOf(event.target.closest(".column"));
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: COLUMNS - 1 }[event.key] ?? (/^[1-7]$/.test(event.key) ? Number(event.key) - 1 : null);
      if (at < 0 || to === null || to < 0 || to >= COLUMNS || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      for (const [index, each] of columns.entries()) each.tabIndex = index === to ? 0 : -1;
      columns[to].focus();
    });

    return {
      show(next) {
        state = next;
        const { match, pending, over, isConnected } = next;
        const board = [...match.board];
        if (pending !== null) board[pending.cell] = pending.side;
        const isMine = seat !== null && match.currentTurn === seat && over === null && pending === null && isConnected;
        frame.classList.toggle("live", isMine);
        for (const [index, cell] of board.entries()) {
          if (cell === null) {
            discs.get(index)?.remove();
            discs.delete(index);
          } else if (!discs.has(index)) {
            const disc = dropped(index, cell, discs.size > 0 || match.moveHistory.length <= 1);
            discs.set(index, disc);
            layer.append(disc);
          }
        }
        const last = pending?.cell ?? lastCell(match);
        for (const [index, disc] of discs) disc.classList.toggle("last", index === last);
        winning.replaceChildren(...(over?.cells ?? []).map(ring));
        frame.classList.toggle("won", (over?.cells ?? null) !== null);
        for (const [column, button] of columns.entries()) {
          const pile = Array.from({ length: ROWS }, (_, row) => board[(ROWS - 1 - row) * COLUMNS + column]).filter((cell) => cell !== null);
          button.setAttribute("aria-label", `Column ${column + 1}: ${pile.length === 0 ? "empty" : `from below ${pile.join(", ")}`}`);
          button.setAttribute("aria-disabled", String(!isMine || pile.length === ROWS));
        }
      },
    };
  },
};

/** Where the newest disc lies: the top of its column. */
function lastCell(match) {
  const column = match.moveHistory.at(-1)?.move.column;
  if (column === undefined) return null;
  return match.board.findIndex((cell, index) => index % COLUMNS === column && cell !== null);
}

const centre = (index) => [50 + (index % COLUMNS) * 100, 50 + Math.floor(index / COLUMNS) * 100];

function front(layer, winning) {
  const holes = Array.from({ length: COLUMNS * ROWS }, (_, index) => {
    const [cx, cy] = centre(index);
    return `M${cx - 40} ${cy}a40 40 0 1 0 80 0a40 40 0 1 0-80 0z`;
  });
  const rims = holes.map((d) => drawing("path", { d, class: "rim" }));
  return drawing(
    "svg",
    { viewBox: "-16 -16 732 632", class: "connect4-board", "aria-hidden": "true", focusable: "false" },
    drawing("rect", { x: -4, y: -4, width: 708, height: 608, rx: 30, class: "back" }),
    layer,
    drawing("path", { d: `M20-14h660a34 34 0 0 1 34 34v560a34 34 0 0 1-34 34H20a34 34 0 0 1-34-34V20a34 34 0 0 1 34-34z${holes.join("")}`, class: "front", "fill-rule": "evenodd" }),
    ...rims,
    winning,
  );
}

function dropped(index, side, isFalling) {
  const [cx, cy] = centre(index);
  const disc = drawing(
    "g",
    { class: `disc ${side === "red" ? "first" : "second"}${isFalling ? " falling" : ""}` },
    drawing("circle", { cx, cy, r: 46, class: "fill" }),
    drawing("circle", { cx, cy, r: 31, class: "line" }),
  );
  disc.style.setProperty("--fall", `${-(Math.floor(index / COLUMNS) + 1) * 100}px`);
  disc.style.setProperty("--rows", String(Math.floor(index / COLUMNS) + 1));
  return disc;
}

function ring(index) {
  const [cx, cy] = centre(index);
  return drawing("circle", { cx, cy, r: 36, class: "ring" });
}

function drawDisc(side) {
  return drawing(
    "svg",
    { viewBox: "0 0 48 48", class: `disc-piece ${side === "red" ? "first" : "second"}`, "aria-hidden": "true", focusable: "false" },
    drawing("circle", { cx: 24, cy: 24, r: 19, class: "fill" }),
    drawing("circle", { cx: 24, cy: 24, r: 12.5, class: "line" }),
  );
}

const ghost = (seat) => (seat === null ? "" : drawDisc(SIDES[seat]));
