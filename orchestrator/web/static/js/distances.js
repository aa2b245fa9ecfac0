/** How far the hosts are from this browser: measured while a game's page is read, so that a launch waits for none of it. */
import { listProbes } from "./api.js";

const KEPT = "playhouse:latencies";
const GOOD_FOR_MS = 10 * 60_000;
const GIVE_UP_MS = 1000;

/** Measures unless that was done lately. Never throws: what was not measured is not sent. */
export async function measureDistances() {
  if (kept() !== null) return;
  try {
    const { probes } = await listProbes();
    const found = await Promise.all(probes.map(async ({ hostId, url }) => [hostId, await secondsTo(url)]));
    const latencies = Object.fromEntries(found.filter(([, seconds]) => seconds !== null));
    sessionStorage.setItem(KEPT, JSON.stringify({ atMs: Date.now(), latencies }));
  } catch {
    // The launch goes without.
  }
}

/** `{hostId: seconds}` as measured lately; empty when nothing was. */
export const knownDistances = () => kept()?.latencies ?? {};

/** There and back; the first answer only opens the connection. A host that does not answer in time is as far as can be; null when none came. */
async function secondsTo(url) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), 2 * GIVE_UP_MS);
  try {
    await ask(url, limit.signal);
    const beganMs = performance.now();
    await ask(url, limit.signal);
    return (performance.now() - beganMs) / 1000;
  } catch {
    return limit.signal.aborted ? GIVE_UP_MS / 1000 : null;
  } finally {
    clearTimeout(timer);
  }
}

async function ask(url, signal) {
  const answer = await fetch(url, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal });
  await answer.text();
}

function kept() {
  try {
    const known = JSON.parse(sessionStorage.getItem(KEPT));
    return known !== null && Date.now() - known.atMs < GOOD_FOR_MS ? known : null;
  } catch {
    return null;
  }
}
