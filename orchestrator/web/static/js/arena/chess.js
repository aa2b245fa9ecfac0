/** Chess on the page: the position of a FEN, moves as the server lists them, what was captured, the score sheet. */
import { create } from "../dom.js";
import { drawChessPiece, NAMES } from "./chesspieces.js";
import { Squares } from "./squares.js";

const FILES = "abcdefgh";
const VALUES = { p: 1, n: 3, b: 3, r: 5, q: 9, k: 0 };
const ORDER = "qrbnp";
const PROMOTIONS = ["q", "n", "r", "b"];
const START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR";

export const indexOf = (square) => (8 - Number(square[1])) * 8 + FILES.indexOf(square[0]);
export const squareOf = (index) => FILES[index % 8] + (8 - Math.floor(index / 8));

/** 64 kinds such as `wK` or null, of the first field of a FEN. */
export function piecesOf(fen) {
  const letters = fen.split(" ")[0].replaceAll("/", "").replace(/\d/g, (digits) => ".".repeat(Number(digits)));
  return [...letters].map((letter) => (letter === "." ? null : (letter < "a" ? "w" : "b") + letter.toUpperCase()));
}

/** The pieces after a move, as they will look: castling brings its rook, en passant takes its pawn. */
export function after(pieces, { from, to, promotion }) {
  const [start, end] = [indexOf(from), indexOf(to)];
  const next = [...pieces];
  const kind = pieces[start];
  if (kind === null) return { pieces, captured: null };
  let captured = pieces[end];
  if (kind[1] === "P" && from[0] !== to[0] && captured === null) {
    const passed = Math.floor(start / 8) * 8 + (end % 8);
    captured = pieces[passed];
    next[passed] = null;
  }
  if (kind[1] === "K" && Math.abs(end - start) === 2) {
    const [rook, beside] = end > start ? [end + 1, end - 1] : [end - 2, end + 1];
    next[beside] = pieces[rook];
    next[rook] = null;
  }
  next[end] = promotion ? kind[0] + promotion.toUpperCase() : kind;
  next[start] = null;
  return { pieces: next, captured };
}

/** What each seat has captured, the dearest first, and by how much it leads in pawns. */
export function captures(moveHistory) {
  const taken = [[], []];
  const worth = [0, 0];
  let pieces = piecesOf(START);
  for (const [ply, { move }] of moveHistory.entries()) {
    const done = after(pieces, move);
    pieces = done.pieces;
    if (done.captured !== null) {
      taken[ply % 2].push(done.captured);
      worth[ply % 2] += VALUES[done.captured[1].toLowerCase()];
    }
    if (move.promotion) worth[ply % 2] += VALUES[move.promotion] - VALUES.p;
  }
  const byWorth = (one, other) => ORDER.indexOf(one[1].toLowerCase()) - ORDER.indexOf(other[1].toLowerCase());
  return taken.map((kinds, seat) => ({ kinds: kinds.toSorted(byWorth), lead: Math.max(0, worth[seat] - worth[1 - seat]) }));
}

export const chess = {
  opening: { fen: `${START} w KQkq - 0 1` },
  marks: ["wK", "bK"].map((kind) => () => drawChessPiece(kind)),
  drawCaptured: drawChessPiece,
  captures: (match) => captures(match.moveHistory),
  nameOf: ({ move }) => move.san,
  spoken: ({ move }) => spokenSan(move.san),

  board(root, { seat, move }) {
    let state = null;
    const squares = new Squares(root, {
      label: "Chess board",
      isTurned: seat === 1,
      draw: drawChessPiece,
      describe: (index, kind) => `${squareOf(index)}${kind === null ? "" : `, ${NAMES[kind]}`}`,
      edge: (index, { isBottom, isLeft }) => [...(isLeft ? [["rank-name", squareOf(index)[1]]] : []), ...(isBottom ? [["file-name", squareOf(index)[0]]] : [])],
      choose: async (from, to) => {
        const fitting = state.legal.filter((each) => each.from === squareOf(from) && each.to === squareOf(to));
        const chosen = fitting.length > 1 ? await promoted(fitting, seat) : fitting[0];
        if (chosen !== undefined) move({ move: { from: chosen.from, to: chosen.to, ...(chosen.promotion && { promotion: chosen.promotion }) } }, chosen);
      },
    });
    return {
      show(next) {
        state = next;
        const { match, pending } = next;
        const told = match.moveHistory.at(-1)?.move;
        const newest = pending ?? told ?? null;
        const standing = piecesOf(match.fen);
        const pieces = pending === null ? standing : after(standing, pending).pieces;
        const king = pending === null && /[+#]$/.test(told?.san ?? "") ? standing.indexOf(`${match.currentTurn === 0 ? "w" : "b"}K`) : null;
        squares.show({ pieces, targets: targetsOf(next.legal), last: newest && { from: indexOf(newest.from), to: indexOf(newest.to) }, alarmed: king });
      },
    };
  },
};

function targetsOf(legal) {
  const targets = new Map();
  for (const { from, to } of legal ?? []) {
    const start = indexOf(from);
    targets.set(start, [...(targets.get(start) ?? []), indexOf(to)]);
  }
  return targets;
}

/** Which piece a pawn becomes; nothing when the player thinks better of it. */
async function promoted(fitting, seat) {
  const side = seat === 0 ? "w" : "b";
  const choices = PROMOTIONS.map((letter) => {
    const kind = side + letter.toUpperCase();
    return create("button", { class: "choice", value: letter, "aria-label": NAMES[kind].split(" ")[1] }, drawChessPiece(kind));
  });
  const form = create("form", { method: "dialog", class: "choices" }, choices);
  const dialog = create("dialog", { class: "promotion", "aria-label": "The pawn becomes" }, create("p", {}, "The pawn becomes"), form);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve));
  dialog.remove();
  return fitting.find((each) => each.promotion === dialog.returnValue);
}

const SPOKEN = { K: "king", Q: "queen", R: "rook", B: "bishop", N: "knight" };

function spokenSan(san) {
  if (san.startsWith("O-O-O")) return "castles queenside";
  if (san.startsWith("O-O")) return "castles kingside";
  return san
    .replace(/^[KQRBN]/, (letter) => `${SPOKEN[letter]} `)
    .replace("x", " takes ")
    .replace(/=([QRBN])/, (_, letter) => ` becomes a ${SPOKEN[letter]}`)
    .replace("#", ", checkmate")
    .replace("+", ", check")
    .replace(/\s+/g, " ")
    .trim();
}
