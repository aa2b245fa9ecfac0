/** How long to wait before the next try: doubled from the first to the longest wait, with a little chance so that many pages do not come at once. Pure. */
export function backoffMs(attempt, random = Math.random(), { firstMs = 250, longestMs = 2000 } = {}) {
  const base = Math.min(longestMs, firstMs * 2 ** Math.max(0, attempt));
  return Math.round(base * (0.85 + 0.15 * random));
}
