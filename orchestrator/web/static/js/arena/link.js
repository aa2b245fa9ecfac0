/** The connection of one frame to its game. A refusal that can be waited out is waited out here, however many come. */
import { io } from "../vendor/socket.io.esm.min.js";
import { isFinal } from "./words.js";

const AGAIN_MS = 3_000;

export class Link {
  #timer = null;

  /** `fail(code, message)` hears that the server will never take this connection. */
  constructor(game, token, fail) {
    this.socket = io(`/${game}`, { transports: ["websocket", "polling"], auth: { token }, reconnectionDelay: 400, reconnectionDelayMax: 5_000, timeout: 6_000 });
    this.socket.on("connect_error", (error) => {
      if (this.socket.active) return; // a network that is away; after a refusal the client tries no more by itself
      const code = error.data?.code ?? "unavailable";
      if (isFinal(code)) fail(code, error.message);
      else setTimeout(() => this.socket.connect(), AGAIN_MS);
    });
  }

  /** Calls `act` after a moment, if there is a connection then. Until then further calls are dropped. */
  soon(act) {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.socket.connected) act();
    }, AGAIN_MS);
  }
}
