/** A file sent in parts by tus 1.0 (https://tus.io): what breaks is gone on with where it broke. */
import { ApiFailure } from "./api.js";
import { backoffMs } from "./backoff.js";

const PART_BYTES = 8 * 1024 * 1024;
const TRIES = 8;
const WORTH_REPEATING = new Set([409, 429, 500, 502, 503, 504]);
const TUS = { "tus-resumable": "1.0.0" };

export class PartedUpload {
  #key;
  #file;
  #progress;
  #abort = new AbortController();

  /** `progress(sentBytes, isWaiting)` is told of each part, and of a wait for the network. */
  constructor({ key, file, progress }) {
    this.#key = key;
    this.#file = file;
    this.#progress = progress;
  }

  /** Begins anew at `uploads`, or goes on at the address of an upload. Resolves when all has arrived; throws an ApiFailure. */
  async run(uploads, { version = "", address = null } = {}) {
    const at = address ?? (await this.#begin(uploads, version));
    let tries = 0;
    let offset = null;
    while (offset === null || offset < this.#file.size) {
      try {
        offset ??= await this.#offset(at);
        this.#progress(offset, false);
        if (offset >= this.#file.size) break;
        offset = await this.#send(at, offset);
        tries = 0;
      } catch (failure) {
        const isPassing = failure.code === "offline" || WORTH_REPEATING.has(failure.status);
        if (!isPassing || failure.code === "upload_closed" || (tries += 1) > TRIES) throw failure;
        offset = null; // only the server knows how much has arrived
        this.#progress(null, true);
        await this.#pause(failure.retryAfterS === null ? backoffMs(tries, Math.random(), { firstMs: 500, longestMs: 15_000 }) : failure.retryAfterS * 1000);
      }
    }
    this.#progress(this.#file.size, false);
  }

  /** Sends nothing more; what has arrived stays for a day. */
  stop() {
    this.#abort.abort();
  }

  async #begin(uploads, version) {
    const said = version ? { "upload-metadata": `version ${base64(version)}` } : {};
    const answer = await this.#ask("POST", uploads, { headers: { "upload-length": String(this.#file.size), ...said } });
    return answer.headers.get("location");
  }

  async #offset(at) {
    return offsetOf(await this.#ask("HEAD", at, {}));
  }

  async #send(at, offset) {
    const headers = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
    return offsetOf(await this.#ask("PATCH", at, { headers, body: this.#file.slice(offset, offset + PART_BYTES) }));
  }

  async #ask(method, path, { headers = {}, body }) {
    let answer;
    try {
      answer = await fetch(path, { method, body, headers: { ...TUS, authorization: `Bearer ${this.#key}`, ...headers }, credentials: "same-origin", cache: "no-store", signal: this.#abort.signal });
    } catch (cause) {
      if (this.#abort.signal.aborted) throw cause;
      throw new ApiFailure(0, "offline", "The network could not be reached.");
    }
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    const retryAfterS = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
    throw new ApiFailure(answer.status, said.error ?? "internal_error", said.message ?? "", { details: said, retryAfterS: Number.isNaN(retryAfterS) ? null : retryAfterS });
  }

  #pause(ms) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      this.#abort.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(this.#abort.signal.reason);
      });
    });
  }
}

const offsetOf = (answer) => Number.parseInt(answer.headers.get("upload-offset") ?? "0", 10);
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
