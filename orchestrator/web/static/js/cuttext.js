/** Text that fits into a message. Pure. */

const encoder = new TextEncoder();

/** The longest beginning of `text`, by whole characters, whose JSON takes at most `bytes` bytes. */
export function cutToBytes(text, bytes) {
  const fits = (part) => encoder.encode(JSON.stringify(part)).length <= bytes;
  if (fits(text)) return text;
  let [shortest, longest] = [0, Math.min(text.length, bytes)];
  while (shortest < longest) {
    const middle = Math.ceil((shortest + longest) / 2);
    if (fits(text.slice(0, middle))) shortest = middle;
    else longest = middle - 1;
  }
  const cut = text.slice(0, shortest);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}
