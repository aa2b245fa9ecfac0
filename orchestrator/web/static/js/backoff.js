/** How long to wait before the next try: 250 ms, doubled up to 2 s, with a little chance so that many pages do not come at once. Pure. */
export function backoffMs(attempt, random = Math.random()) {
  const base = Math.min(2000, 250 * 2 ** Math.max(0, attempt));
  return Math.round(base * (0.85 + 0.15 * random));
}
