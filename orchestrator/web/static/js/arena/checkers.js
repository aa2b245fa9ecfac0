/** Checkers on the page: the board's 64 cells, turns as the server lists them, what was captured. */
import { drawing } from "../dom.js";
import { Squares } from "./squares.js";

const MEN = 12;

const isDark = (index) => (Math.floor(index / 8) + (index % 8)) % 2 === 1;

const kindOf = (cell) => cell && `${cell.player}-${cell.type}`;

/** The numbers of draughts: 1 to 32 over the dark squares, from the top. */
export const numberOf = (index) => Math.floor(index / 2) + 1;

/** The board after a turn, as it will look. */
export function after(board, { from, to, captures = [] }) {
  const next = [...board];
  const piece = board[from];
  for (const index of captures) next[index] = null;
  next[from] = null;
  const isCrowned = piece !== null && (to < 8 ? piece.player === "red" : to >= 56 && piece.player === "black");
  next[to] = isCrowned ? { ...piece, type: "king" } : piece;
  return next;
}

export const checkers = {
  opening: {
    board: Array.from({ length: 64 }, (_, index) => {
      if (!isDark(index) || (index >= 24 && index < 40)) return null;
      return { player: index < 24 ? "black" : "red", type: "man" };
    }),
  },
  marks: ["red-man", "black-man"].map((kind) => () => drawDisc(kind)),
  drawCaptured: drawDisc,
  captures({ board }) {
    return ["black", "red"].map((player) => {
      const left = board.filter((cell) => cell?.player === player).length;
      return { kinds: Array(MEN - left).fill(`${player}-man`), lead: 0 };
    });
  },
  nameOf: ({ move }) => `${numberOf(move.from)}${move.captures ? "×" : "–"}${numberOf(move.to)}`,
  spoken: ({ move }) => `${numberOf(move.from)} to ${numberOf(move.to)}${move.captures ? `, captures ${move.captures.length}` : ""}`,

  board(root, { seat, move }) {
    let state = null;
    const squares = new Squares(root, {
      label: "Checkers board",
      isTurned: seat === 1,
      draw: drawDisc,
      describe: (index, kind) => (isDark(index) ? `${numberOf(index)}${kind === null ? "" : `, ${kind.replace("-", " ")}`}` : "not used"),
      edge: () => [],
      choose: (from, to) => {
        const fitting = state.legal.filter((each) => each.from === from && each.to === to);
        const most = fitting.toSorted((one, other) => (other.captures?.length ?? 0) - (one.captures?.length ?? 0))[0];
        move({ move: most }, most);
      },
    });
    return {
      show(next) {
        state = next;
        const { match, pending, legal } = next;
        const board = pending === null ? match.board : after(match.board, pending);
        const targets = new Map();
        for (const { from, to } of legal ?? []) targets.set(from, [...(targets.get(from) ?? []), to]);
        squares.show({ pieces: board.map(kindOf), targets, last: pending ?? match.moveHistory.at(-1)?.move ?? null, showsMovable: true });
      },
    };
  },
};

function drawDisc(kind) {
  const [player, type] = kind.split("-");
  const attributes = { viewBox: "0 0 48 48", class: `disc-piece ${player === "red" ? "first" : "second"}`, "aria-hidden": "true", focusable: "false" };
  return drawing(
    "svg",
    attributes,
    drawing("circle", { cx: 24, cy: 26.4, r: 19, class: "side" }),
    drawing("circle", { cx: 24, cy: 23.4, r: 19, class: "fill" }),
    drawing("circle", { cx: 24, cy: 23.4, r: 14.5, class: "line" }),
    type === "king"
      ? drawing("path", { d: "M15 29.500h18l1.800-11.500-5.800 4.600-5-7.600-5 7.600-5.800-4.600z", class: "crown" })
      : drawing("circle", { cx: 24, cy: 23.4, r: 8.5, class: "line" }),
  );
}
