/** From a click on Play to the play page: the order, what the tab remembers about it, and who may be in the way. */
import { launch, newKey } from "./api.js";
import { knownDistances } from "./distances.js";

const remembered = (sessionId) => `playhouse:session:${sessionId}`;

/** The wall clock, to the fraction of a millisecond, comparable across pages of one machine. */
export const wallMs = () => performance.timeOrigin + performance.now();

/** Orders a session and goes to its page. Throws the refusal. A lost answer is asked for once more with the same key. */
export async function launchAndGo({ gameSlug, title, thumbnail, saveSlotId, fresh }) {
  const clickedAt = wallMs();
  const key = newKey();
  const { timeZone: timezone } = Intl.DateTimeFormat().resolvedOptions();
  const order = { gameSlug, ...(timezone ? { timezone } : {}), ...(saveSlotId ? { saveSlotId } : {}), ...(fresh ? { fresh: true } : {}) };
  const latencies = knownDistances();
  const ask = () => launch(Object.keys(latencies).length ? { ...order, latencies } : order, key);
  const { sessionId } = await ask().catch((failure) => (failure.code === "offline" ? ask() : Promise.reject(failure)));
  sessionStorage.setItem(remembered(sessionId), JSON.stringify({ clickedAt, orderedAt: wallMs(), order, gameSlug, title, thumbnail }));
  location.assign(`/play/${encodeURIComponent(sessionId)}`);
}

/** What this tab knows of a session that it launched: `{clickedAt, orderedAt, order, gameSlug, title, thumbnail}`, or null. */
export function recall(sessionId) {
  try {
    return JSON.parse(sessionStorage.getItem(remembered(sessionId)));
  } catch {
    return null;
  }
}

/** Keeps more of a session than the launch knew (a page opened from the library's banner). */
export function remember(sessionId, facts) {
  sessionStorage.setItem(remembered(sessionId), JSON.stringify({ ...recall(sessionId), ...facts }));
}
