/** What a player may choose of the picture, and how the seat is told. A choice is a ceiling: the network decides below it. Pure. */

const HEIGHTS = [1080, 720];
const RATES = [60, 30];
const CEILINGS_BPS = [8e6, 4e6, 2e6, 1e6];
const GB_PER_HOUR_AND_BPS = 3600 / 8 / 1e9;

export const AUTOMATIC = { height: null, fps: null, bitrateBps: null };

/** The choices that a game's display has: `[{value, label, height, fps}]`, Automatic first, then from the best down. */
export function picturesFor(display) {
  const heights = HEIGHTS.filter((height) => height <= display.height);
  const rates = RATES.filter((fps) => fps <= display.fps);
  const pictures = (heights.length > 0 ? heights : [display.height]).flatMap((height) =>
    (rates.length > 0 ? rates : [display.fps]).map((fps) => ({ value: `${height}p${fps}`, label: `${height}p, ${fps} pictures a second`, height, fps })),
  );
  return [{ value: "", label: "Automatic", height: null, fps: null }, ...pictures];
}

/** `[{value, label, bitrateBps}]`: no limit first. */
export function ceilings() {
  const limits = CEILINGS_BPS.map((bitrateBps) => {
    const gigabytes = (bitrateBps * GB_PER_HOUR_AND_BPS).toFixed(1);
    return { value: String(bitrateBps), label: `${bitrateBps / 1e6} Mbit/s, at most ${gigabytes} GB an hour`, bitrateBps };
  });
  return [{ value: "", label: "No limit", bitrateBps: null }, ...limits];
}

export const isAutomatic = ({ height, fps, bitrateBps }) => height === null && fps === null && bitrateBps === null;

/** The seat's message; null leaves it to the seat. */
export const messageFor = ({ height, fps, bitrateBps }) => ({ type: "quality", bitrate_bps: bitrateBps, fps, height });

/** A remembered wish; whatever is no number is left to the seat. */
export function wishFrom(text) {
  const remembered = parsed(text);
  const number = (value) => (Number.isInteger(value) && value > 0 ? value : null);
  return { height: number(remembered.height), fps: number(remembered.fps), bitrateBps: number(remembered.bitrateBps) };
}

/** What is sent now, in words: from the seat's `picture` message. */
export function sentWords({ width, height, fps, bitrate_bps: bitrateBps }) {
  return `Now: ${width} × ${height}, up to ${Math.round(fps)} pictures a second and ${(bitrateBps / 1e6).toFixed(1)} Mbit/s.`;
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
