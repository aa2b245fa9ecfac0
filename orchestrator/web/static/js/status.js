/**
 * News of one session: each answer of session-status as it comes.
 *
 * The server holds a request until the session is no longer as the revision we know says it is, so nothing is missed between two
 * holds. When the server cannot be reached, plain looks every 2 s go on.
 */
import { readStatus } from "./api.js";

const HOLD_S = 20;
const POLL_MS = 2000;
const FINAL = new Set(["stopped", "error"]);

export class StatusFeed {
  /** `onStatus(status)` for each answer, `onTrouble(failure)` when one could not be had. */
  constructor(sessionId, { onStatus, onTrouble }) {
    this._sessionId = sessionId;
    this._onStatus = onStatus;
    this._onTrouble = onTrouble;
    this._abort = new AbortController();
    this._answers = 0;
  }

  /** Follows the session to its end, or until `stop()`, or until the server says that it is not ours. */
  async follow() {
    let known;
    while (!this._abort.signal.aborted) {
      try {
        const hold = known === undefined ? {} : { waitS: HOLD_S, after: known };
        const status = await readStatus(this._sessionId, { ...hold, signal: this._abort.signal });
        this._answers += 1;
        this._tell(status);
        if (FINAL.has(status.status)) return;
        known = status.revision;
      } catch (failure) {
        if (this._abort.signal.aborted) return;
        this._onTrouble(failure);
        if ([401, 403, 404].includes(failure.status)) return;
        known = undefined;
        await pause(POLL_MS, this._abort.signal);
      }
    }
  }

  /** One answer now, given to `onStatus` unless a held request was answered meanwhile: that one may be newer. */
  async look() {
    const answersBefore = this._answers;
    const status = await readStatus(this._sessionId, { signal: this._abort.signal });
    if (answersBefore === this._answers) this._tell(status);
  }

  stop() {
    this._abort.abort();
  }

  _tell(status) {
    if (this._abort.signal.aborted) return;
    this._onStatus(status);
  }
}

/** Ends after `ms`, or at once when `signal` aborts. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
