/** Our own chess pieces, drawn once for both sides. */
import { drawing } from "../dom.js";

export const NAMES = {
  wK: "white king", wQ: "white queen", wR: "white rook", wB: "white bishop", wN: "white knight", wP: "white pawn",
  bK: "black king", bQ: "black queen", bR: "black rook", bB: "black bishop", bN: "black knight", bP: "black pawn",
}; // prettier-ignore

const FOOT = "M11.5 41.5v-2.200c0-1.800 1.500-3.300 3.300-3.300h18.400c1.800 0 3.300 1.500 3.300 3.300v2.200z";

/** For each piece: what is filled, and the lines upon it. */
const SHAPES = {
  P: {
    body: ["M24 9.500a6.500 6.500 0 0 1 4.400 11.300c2.500 1 3.600 2.500 3.600 4.200h-4.100c.3 5 1.700 8 4.600 11h-17c2.900-3 4.300-6 4.600-11H16c0-1.700 1.100-3.200 3.600-4.200A6.500 6.500 0 0 1 24 9.500z"],
    lines: ["M19.600 20.800h8.800"],
  },
  R: {
    body: ["M12.500 8.500h5.200v3.700h3.700V8.500h5.200v3.700h3.700V8.500h5.200v8l-3.700 3.300 1.500 16.200H14.700l1.500-16.200-3.700-3.300z"],
    lines: ["M13 16.500h22M16.200 20h15.600M15 32.500h18"],
  },
  N: {
    body: [
      "M14 36c-.4-6.200 2.400-10.300 7-14-2.200 2-5.200 2.200-7 4.200-.9 1-2 2-3.300 1.600-2.200-.6-3.300-3-2.500-5 1.500-3.600 4.600-6.600 6-10.300.5-1.400-.4-3.300-.2-5.200 2 .4 3.600 1.500 4.700 3 .8-.4 1.500-1.800 1.900-3.300 1.800.8 3 2.100 3.400 3.700C32.500 12.500 37 19.500 36 36z",
    ],
    lines: ["M26 14.500c4 2.500 6 8 6 15.500", "M11.200 24.600l.9-1"],
    dots: [[17.8, 15.6, 1.3]],
  },
  B: {
    body: [
      "M24 5.800a2.600 2.600 0 0 1 1.900 4.400c4.400 3 7.600 7.300 7.600 11.800 0 3-1.300 5.200-3.700 6.600.5 2.700 1.600 5 3.200 7.400H15c1.600-2.400 2.700-4.700 3.200-7.400-2.400-1.400-3.700-3.600-3.700-6.600 0-4.500 3.200-8.800 7.600-11.800A2.600 2.600 0 0 1 24 5.800z",
    ],
    lines: ["M24 15v7.600M20.200 18.800h7.600", "M18.200 28.600h11.600"],
  },
  Q: {
    body: ["M9.600 15l5.900 8 2-11.500 5 9.500L24 9.500 25.500 21l5-9.500 2 11.500 5.900-8-4 21H13.600z"],
    lines: ["M13.200 30.500c6.500-1.700 15.100-1.700 21.600 0"],
    balls: [[9, 13.600], [17.200, 10], [24, 8], [30.800, 10], [39, 13.600]], // prettier-ignore
  },
  K: {
    body: [
      "M24 12.500c3 0 4.600 2.800 3.700 5.700 2.700-2.700 6.300-3.500 9-1.600 3.500 2.400 3.300 7 .3 10.800L33.800 36H14.200L11 27.400c-3-3.800-3.200-8.400.3-10.800 2.700-1.900 6.300-1.100 9 1.600-.9-2.900.7-5.700 3.700-5.700z",
    ],
    lines: ["M24 12.500V4M20.300 7.500h7.400", "M24 19v11", "M13.600 31.500c6.300-1.700 14.500-1.700 20.800 0"],
  },
};

/** `wK`, `bP`: colours come from the style sheet. */
export function drawChessPiece(kind) {
  const { body, lines, dots = [], balls = [] } = SHAPES[kind[1]];
  return drawing(
    "svg",
    { viewBox: "0 0 48 48", class: `chess-piece ${kind[0] === "w" ? "first" : "second"}`, "aria-hidden": "true", focusable: "false" },
    ...body.map((d) => drawing("path", { d, class: "fill" })),
    ...balls.map(([cx, cy]) => drawing("circle", { cx, cy, r: 2.3, class: "fill" })),
    drawing("path", { d: FOOT, class: "fill" }),
    ...lines.map((d) => drawing("path", { d, class: "line" })),
    ...dots.map(([cx, cy, r]) => drawing("circle", { cx, cy, r, class: "dot" })),
  );
}
