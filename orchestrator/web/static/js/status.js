/**
 * News of one session: each answer of session-status as it comes.
 *
 * The server holds a request until the session is no longer as the revision we know says it is, so nothing is missed between two
 * holds. When the server cannot be reached, plain looks go on, rarer and rarer, and at once when the network is back.
 */
import { readStatus } from "./api.js";
import { backoffMs } from "./backoff.js";

const HOLD_S = 20;
const ANSWER_MS = 10_000;
const LOOKS = { firstMs: 1000, longestMs: 15_000 };
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
    let failures = 0;
    while (!this._abort.signal.aborted) {
      try {
        const hold = known === undefined ? {} : { waitS: HOLD_S, after: known };
        const status = await this._read(hold);
        failures = 0;
        this._answers += 1;
        this._tell(status);
        if (FINAL.has(status.status)) return;
        known = status.revision;
      } catch (failure) {
        if (this._abort.signal.aborted) return;
        this._onTrouble(failure);
        if ([401, 403, 404].includes(failure.status)) return;
        known = undefined;
        await pauseOrNetwork(backoffMs(failures, undefined, LOOKS), this._abort.signal);
        failures += 1;
      }
    }
  }

  /** One answer now, given to `onStatus` unless a held request was answered meanwhile: that one may be newer. */
  async look() {
    const answersBefore = this._answers;
    const status = await this._read({});
    if (answersBefore === this._answers) this._tell(status);
  }

  stop() {
    this._abort.abort();
  }

  /** Like `readStatus`, and a server that never answers is one that cannot be reached. */
  async _read(hold) {
    const limit = new AbortController();
    const giveUp = () => limit.abort();
    const timer = setTimeout(giveUp, (hold.waitS ?? 0) * 1000 + ANSWER_MS);
    this._abort.signal.addEventListener("abort", giveUp);
    try {
      return await readStatus(this._sessionId, { ...hold, signal: limit.signal });
    } finally {
      clearTimeout(timer);
      this._abort.signal.removeEventListener("abort", giveUp);
    }
  }

  _tell(status) {
    if (this._abort.signal.aborted) return;
    this._onStatus(status);
  }
}

/** Ends after `ms`, when `signal` aborts, or when the network is back. */
export function pauseOrNetwork(ms, signal) {
  const woken = new AbortController();
  const wake = () => woken.abort();
  signal.addEventListener("abort", wake);
  window.addEventListener("online", wake);
  return pause(ms, woken.signal).finally(() => {
    signal.removeEventListener("abort", wake);
    window.removeEventListener("online", wake);
  });
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
