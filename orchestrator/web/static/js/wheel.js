/** A wheel's movement as the seat counts it: a notch is 100 pixels. Pure. */

const NOTCH_PX = 100;
const NOTCH_UNITS = 120; // of the older `wheelDelta`, which every browser still gives, by which a wheel with notches is known
const LINE_PX = 40;
const PAGE_PX = 600;

/** `{dx, dy}` of a WheelEvent: whole notches for a wheel that has them, whatever the browser's settings make of it, else its pixels. */
export function wheelPixels({ deltaX, deltaY, deltaMode, wheelDeltaX = 0, wheelDeltaY = 0 }) {
  const unit = deltaMode === 1 ? LINE_PX : deltaMode === 2 ? PAGE_PX : 1;
  return { dx: axis(deltaX, wheelDeltaX, unit), dy: axis(deltaY, wheelDeltaY, unit) };
}

function axis(delta, units, unit) {
  if (delta !== 0 && units !== 0 && units % NOTCH_UNITS === 0) return (-units / NOTCH_UNITS) * NOTCH_PX;
  return delta * unit;
}
