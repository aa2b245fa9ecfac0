/** Tic-tac-toe on the page. */
import { create, drawing } from "../dom.js";

const NAMES = ["top left", "top middle", "top right", "middle left", "centre", "middle right", "bottom left", "bottom middle", "bottom right"];
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -3, ArrowDown: 3 };

export const tictactoe = {
  opening: { board: Array(9).fill(null) },
  marks: ["X", "O"].map((mark) => () => drawMark(mark)),
  captures: () => null,
  nameOf: ({ move }) => NAMES[move.position],
  spoken: ({ move }) => NAMES[move.position],

  board(root, { seat, move }) {
    const mine = seat === 1 ? "O" : "X";
    let state = null;
    const cells = NAMES.map((name, position) =>
      create("button", {
        type: "button",
        role: "gridcell",
        class: "cell",
        tabindex: position === 4 ? 0 : -1,
        onclick: () => state.match.board[position] === null && move({ position }, { position, mark: mine }),
      }),
    );
    const rows = [0, 3, 6].map((start) => create("div", { class: "rank", role: "row" }, cells.slice(start, start + 3)));
    const grid = create("div", { class: "noughts", role: "grid", "aria-label": "Tic-tac-toe board" }, rows);
    root.replaceChildren(grid);
    grid.addEventListener("keydown", (event) => {
      const at = cells.indexOf(event.target.closest(".cell"));
      const to = at + (STEPS[event.key] ?? Number.NaN);
      if (!(to in cells) || (Math.abs(STEPS[event.key]) === 1 && Math.floor(to / 3) !== Math.floor(at / 3))) return;
      event.preventDefault();
      for (const [index, each] of cells.entries()) each.tabIndex = index === to ? 0 : -1;
      cells[to].focus();
    });

    return {
      show(next) {
        state = next;
        const { match, pending, over, isConnected } = next;
        const board = [...match.board];
        if (pending !== null) board[pending.position] = pending.mark;
        grid.classList.toggle("live", seat !== null && match.currentTurn === seat && over === null && pending === null && isConnected);
        grid.classList.toggle("won", (over?.cells ?? null) !== null);
        grid.dataset.mine = mine;
        for (const [position, cell] of cells.entries()) {
          const mark = board[position];
          cell.setAttribute("aria-label", `${NAMES[position]}, ${mark ?? "empty"}`);
          cell.classList.toggle("winning", (over?.cells ?? []).includes(position));
          if (cell.dataset.mark === (mark ?? "")) continue;
          cell.dataset.mark = mark ?? "";
          cell.replaceChildren(...(mark === null ? [] : [drawMark(mark)]));
        }
      },
    };
  },
};

function drawMark(mark) {
  const strokes = mark === "X" ? ["M12 12 36 36", "M36 12 12 36"] : ["M24 10.500a13.500 13.500 0 1 1-.01 0z"];
  return drawing(
    "svg",
    { viewBox: "0 0 48 48", class: `mark ${mark === "X" ? "first" : "second"}`, "aria-hidden": "true", focusable: "false" },
    ...strokes.map((d, index) => drawing("path", { d, class: `stroke stroke-${index}`, pathLength: 1 })),
  );
}
