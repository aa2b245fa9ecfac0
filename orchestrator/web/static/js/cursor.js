/** The game's own cursor, drawn by the browser, so that it moves without waiting for the network. */

const LARGEST_PX = 128; // browsers ignore larger ones

/** The CSS value of a `cursor` message. Pure. */
export function cursorStyle({ visible, png, hot_x: hotX = 0, hot_y: hotY = 0, width = 0, height = 0 }) {
  if (!visible) return "none";
  if (!png || !/^[A-Za-z0-9+/=]+$/.test(png) || width > LARGEST_PX || height > LARGEST_PX) return "default";
  return `url("data:image/png;base64,${png}") ${Math.trunc(hotX)} ${Math.trunc(hotY)}, default`;
}
