/** Where a point of the page is in the game's picture, and how a pointer message is written. Pure. */

/** The rectangle that a picture of `aspect` (width / height) takes inside `box` when it is letterboxed: `{left, top, width, height}`. */
export function letterbox(box, aspect) {
  const width = Math.min(box.width, box.height * aspect);
  const height = width / aspect;
  return { left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height };
}

/** A point of the page as fractions 0..1 of the picture; a point beside it becomes the nearest one on its edge. */
export function fractionsOf(clientX, clientY, picture) {
  const within = (value) => Math.min(1, Math.max(0, value));
  return {
    x: within((clientX - picture.left) / picture.width),
    y: within((clientY - picture.top) / picture.height),
  };
}

/** Nine bytes, little-endian: u8 kind = 1, u32 sequence, u16 x, u16 y; x and y are fractions of the picture times 65535. */
export function encodePointer(sequence, x, y) {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint8(0, 1);
  view.setUint32(1, sequence >>> 0, true);
  view.setUint16(5, Math.round(x * 65535), true);
  view.setUint16(7, Math.round(y * 65535), true);
  return view.buffer;
}

/** Thirteen bytes: u8 kind = 2, u32 sequence, i32 x, i32 y; totals of a captured mouse in 1/64 pixel, wrapping. */
export function encodeMotion(sequence, x, y) {
  const view = new DataView(new ArrayBuffer(13));
  view.setUint8(0, 2);
  view.setUint32(1, sequence >>> 0, true);
  view.setInt32(5, x | 0, true);
  view.setInt32(9, y | 0, true);
  return view.buffer;
}

/** True when every pixel of an RGBA buffer is one colour (within `tolerance` a channel): a display that nobody has drawn on. */
export function isOneColour(rgba, tolerance = 6) {
  for (let index = 4; index < rgba.length; index += 4) {
    for (let channel = 0; channel < 3; channel += 1) {
      if (Math.abs(rgba[index + channel] - rgba[channel]) > tolerance) return false;
    }
  }
  return true;
}

/** How many physical pixels a pixel of the game takes; whole numbers from 2 up are drawn with hard edges. */
export function isExactEnlargement(shownWidth, gameWidth, devicePixelRatio) {
  const scale = (shownWidth * devicePixelRatio) / gameWidth;
  return scale >= 2 && Math.abs(scale - Math.round(scale)) < 0.001;
}
