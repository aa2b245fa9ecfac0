/**
 * Tells the server that somebody plays: each 30 s, and each 3 s while it cannot hear the game's machine, with how many frames were
 * decoded since the last report. Frames are the proof that the game is still there.
 */
import { keepAlive } from "./api.js";

const EVERY_MS = 30_000;
const WHILE_SILENT_MS = 3000;

/** Pure: how often to report, by the newest status. */
export function paceOf(status) {
  return status?.hostSilent ? WHILE_SILENT_MS : EVERY_MS;
}

/** Pure: frames between two counts `{connection, frames}`; a new connection counts from zero, and null is no connection. */
export function framesBetween(before, now) {
  if (now === null) return 0;
  return before?.connection === now.connection ? Math.max(0, now.frames - before.frames) : now.frames;
}

export class Keepalive {
  /** `count()` answers `{connection, frames}` or null; `onAnswer(answer)` and `onFailure(failure)` tell what came of a report. */
  constructor(sessionId, { isNeeded, count, onAnswer, onFailure }) {
    this._sessionId = sessionId;
    this._isNeeded = isNeeded;
    this._count = count;
    this._onAnswer = onAnswer;
    this._onFailure = onFailure;
    this._before = null;
    this._pace(EVERY_MS);
  }

  /** To be called with each status: a silent machine is reported about at once. */
  follow(status) {
    const everyMs = paceOf(status);
    if (everyMs === this._everyMs) return;
    this._pace(everyMs);
    if (everyMs === WHILE_SILENT_MS) this._report();
  }

  _pace(everyMs) {
    clearInterval(this._timer);
    this._everyMs = everyMs;
    this._timer = setInterval(() => this._report(), everyMs);
  }

  async _report() {
    if (!this._isNeeded()) return;
    const now = await this._count().catch(() => null);
    const framesDecoded = framesBetween(this._before, now);
    this._before = now;
    try {
      this._onAnswer(await keepAlive(this._sessionId, framesDecoded));
    } catch (failure) {
      this._onFailure(failure);
    }
  }
}
