/**
 * Playhouse's arena on a page of yours. It makes a frame that plays one session, and tells what happens in it:
 *
 *     import { mount } from "https://play.example/arena.js";
 *     const arena = mount(document.querySelector("#game"), { token: sessionToken });
 *     arena.on("over", ({ winner, reason }) => console.log(winner, reason));
 *
 * The page's origin has to be one that your API key lists. It needs no other file, and no build.
 *
 * @module arena
 */

/**
 * @typedef {object} Options
 * @property {string} token the `sessionToken` that your backend was given
 * @property {string} [player] which of two players who share a token this is; needed then
 * @property {string} [room] watch this room of yours instead of playing
 * @property {string} [serverUrl] where Playhouse is, if not where this module came from
 * @property {string} [title] what the frame is called for screen readers
 * @property {boolean} [playAgain] show "Play again" after the end; you hear `play_again`
 */

/**
 * @typedef {object} Session what the token says
 * @property {string} sessionId
 * @property {string} game
 * @property {"matchmaking"|"private"|"bot"} matchType
 * @property {{id: string, displayName: string}[]} players the first is the token's player
 * @property {Record<string, unknown>} theme
 */

/**
 * @typedef {object} GameState
 * @property {"waiting"|"playing"|"ended"|"failed"} status
 * @property {{id: string, displayName: string, color: string|null}[]} players
 * @property {string|null} currentTurn the id of the player on the move
 * @property {string|null} [winner] null for a draw, left out before the end
 * @property {string} [reason]
 */

/**
 * @typedef {object} Events
 * @property {{}} ready the board is there
 * @property {GameState} state whenever it changes
 * @property {{position: number}} waiting in the queue; 1 is next
 * @property {{wasAsked: boolean}} left no longer waiting
 * @property {{roomId: string, players: object[], playerId: string}} started
 * @property {{roomId: string, players: object[], playerId: string}} reconnected
 * @property {{roomId: string, players: object[]}} watching
 * @property {{playerId: string, move: object, moveCount: number}} move
 * @property {{playerId: string, secondsRemaining: number}} afk_warning
 * @property {{playerId: string}} draw_offered
 * @property {{isConnected: boolean}} connection
 * @property {{winner: string|null, reason: string, score?: number|null, distance?: number|null, coins?: number|null, duration?: number|null}} over
 * @property {{}} play_again the player would like another session
 * @property {{code: string, message: string}} error
 */

const VERSION = 1;
const READY_WITHIN_MS = 15_000;
const HERE = new URL(import.meta.url).origin;

/** One frame with one session. Made by `mount`. */
export class Arena {
  #listeners = new Map();
  #frame;
  #origin;
  #hello;
  #timer;
  #receive = (event) => this.#received(event);

  /**
   * @param {Element} element is filled by the frame; without a height of its own it gets one
   * @param {Options} options
   */
  constructor(element, { token, player, room, serverUrl = HERE, title, playAgain = false }) {
    /** @type {Session} */
    this.session = sessionOf(token);
    /** @type {GameState} */
    this.state = { status: "waiting", players: this.session.players, currentTurn: null };
    const address = new URL("/embed", serverUrl);
    for (const [name, value] of Object.entries({ token, player, room })) if (value) address.searchParams.set(name, value);
    this.#origin = address.origin;
    this.#hello = { playAgain };
    this.#frame = document.createElement("iframe");
    this.#frame.src = address.href;
    this.#frame.title = title ?? `A game of ${this.session.game}`;
    this.#frame.allow = "clipboard-write; fullscreen; gamepad; autoplay";
    this.#frame.style.cssText = "display: block; width: 100%; height: 100%; min-height: 34rem; border: 0; color-scheme: auto;";
    window.addEventListener("message", this.#receive);
    this.#timer = setTimeout(() => this.#tell("error", { code: "not_shown", message: NOT_SHOWN }), READY_WITHIN_MS);
    element.replaceChildren(this.#frame);
  }

  /**
   * Calls `listener` for each event of this name. Returns what ends that.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(data: Events[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Gives the match up. */
  resign() {
    this.#command("resign");
  }

  /**
   * Shows other colours from now on, in the place of the session's.
   * @param {Record<string, string>} tokens
   */
  setTheme(tokens) {
    this.#command("theme", tokens);
  }

  /** Takes the frame away. The player is then gone from the match, and may come back by another `mount` within a minute. */
  destroy() {
    clearTimeout(this.#timer);
    window.removeEventListener("message", this.#receive);
    this.#listeners.clear();
    this.#frame.remove();
  }

  #command(command, data = {}) {
    this.#frame.contentWindow?.postMessage({ arena: VERSION, command, data }, this.#origin);
  }

  #received({ source, origin, data }) {
    if (source !== this.#frame.contentWindow || origin !== this.#origin || data?.arena !== VERSION) return;
    if (data.event === "ready" || data.event === "error") clearTimeout(this.#timer);
    if (data.event === "ready") this.#command("hello", this.#hello);
    if (data.event === "state") this.state = data.data;
    this.#tell(data.event, data.data);
  }

  #tell(event, data) {
    for (const listener of this.#listeners.get(event) ?? []) listener(data);
  }
}

const NOT_SHOWN = `The game did not appear. Is ${location.origin} among the origins of your API key?`;

/**
 * Shows a session in `element`.
 * @param {Element} element
 * @param {Options} options
 * @returns {Arena}
 */
export function mount(element, options) {
  return new Arena(element, options);
}

/**
 * What a session token says, read without its secret: nothing here proves anything.
 * @param {string} token
 * @returns {Session}
 */
export function sessionOf(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    const { sessionId, game, matchType, players, theme } = JSON.parse(new TextDecoder().decode(bytes));
    return { sessionId, game, matchType, players, theme };
  } catch (cause) {
    throw new TypeError("This is not a session token.", { cause });
  }
}
