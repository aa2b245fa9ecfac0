/** The last minute of a few figures, one value a second, and how they look as lines. Pure. */

const SECONDS = 60;

/** Keeps the newest `SECONDS` values of each figure; the oldest goes. */
export class Minute {
  constructor() {
    this._seconds = [];
  }

  /** `figures` is an object of numbers and nulls. */
  push(figures) {
    this._seconds.push(figures);
    if (this._seconds.length > SECONDS) this._seconds.shift();
  }

  /** Oldest first. */
  valuesOf(key) {
    return this._seconds.map((second) => second[key]);
  }
}

/** The largest known value, or null. */
export function peakOf(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.max(...known) : null;
}

/**
 * An SVG path for values, the newest at the right edge of a box `SECONDS - 1` wide and `height` high, 0 at its foot. It reaches up to
 * `scale`, or to the largest value where that is more. Unknown seconds are gaps.
 */
export function pathOf(values, scale, height) {
  const top = Math.max(scale, peakOf(values) ?? 0);
  const left = SECONDS - values.length;
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDrawing = false;
      return;
    }
    const y = (height * (1 - Math.max(0, value) / top)).toFixed(1);
    path += isDrawing ? `L${left + index} ${y}` : `M${left + index - 0.4} ${y}L${left + index} ${y}`;
    isDrawing = true;
  });
  return path;
}

export const GRAPH_WIDTH = SECONDS - 1;
