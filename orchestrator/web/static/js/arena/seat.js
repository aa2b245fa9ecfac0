/** One place at one match, at the board or beside it: what the server says becomes a whole state, what the player does becomes a message. It draws nothing. */
import { Link } from "./link.js";
import { failureWords, isFinal } from "./words.js";

const HAS_HINTS = new Set(["chess", "checkers"]);
const AWAY_MS = 60_000;

/**
 * @typedef {object} State What the page shows, replaced whole at each change.
 * @property {"connecting"|"waiting"|"left"|"playing"|"over"|"failed"} phase
 * @property {boolean} isConnected
 * @property {number|null} position in the queue; 1 is next
 * @property {object|null} match as `game:started` tells it, kept up to date
 * @property {0|1|null} seat this player's index into `match.players`; null for whoever watches
 * @property {{left: number[], atMs: number}|null} clocks ms of each seat when they were told
 * @property {{seat: number, untilMs: number}|null} afk who will lose for idling, and when
 * @property {{seat: number, untilMs: number}|null} away whose connection broke, and when that loses
 * @property {"mine"|"theirs"|null} draw whose offer lies on the table
 * @property {object[]|null} legal the moves of this turn, in chess and checkers; null while they are not known
 * @property {object|null} pending a move that was sent and not answered
 * @property {{winner: string|null, reason: string, cells: number[]|null}|null} over
 * @property {{title: string, text: string}|null} failure
 */

/** @type {State} */
const EMPTY = {
  phase: "connecting",
  isConnected: false,
  position: null,
  match: null,
  seat: null,
  clocks: null,
  afk: null,
  away: null,
  draw: null,
  legal: null,
  pending: null,
  over: null,
  failure: null,
};

/** `changed(state)` is called with every state; `tell(event, data)` with what the framing page may want to know. */
export class Seat {
  constructor(view, token, { changed, tell, note }) {
    this.view = view;
    this.changed = changed;
    this.tell = tell;
    this.note = note;
    this.state = EMPTY;
    this.isLeaving = false;
    this.isArriving = false; // until the whole match was told; later it comes again when the other player comes back
    this.link = new Link(view.game, token, (code, message) => this.#fail(code, message));
    this.socket = this.link.socket;
    this.#listen();
  }

  /** Sends a move; `pending` is how the board shows it until the answer. */
  move(fields, pending) {
    const { match, seat, over } = this.state;
    if (match === null || seat === null || over !== null || match.currentTurn !== seat) return;
    this.#become({ pending, legal: null });
    this.#say("game:move", fields);
  }

  resign() {
    this.#say("game:resign");
  }

  offerDraw() {
    this.#say("game:draw:offer");
    this.#become({ draw: "mine" });
  }

  acceptDraw() {
    this.#say("game:draw:accept");
    this.#become({ draw: null });
  }

  declineDraw() {
    this.#say("game:draw:decline");
    this.#become({ draw: null });
  }

  stopWaiting() {
    this.isLeaving = true;
    this.socket.emit("matchmaking:leave", { playerId: this.view.me?.id });
  }

  joinAgain() {
    this.#become({ ...EMPTY, isConnected: this.state.isConnected });
    this.#arrive();
  }

  #say(event, fields = {}) {
    const { match, seat } = this.state;
    this.socket.emit(event, { roomId: match.roomId, playerId: match.players[seat].id, ...fields });
  }

  #become(change) {
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }

  #arrive() {
    const { room, me, sessionId, status } = this.view;
    this.isArriving = true;
    if (room !== null) this.socket.emit("game:spectate", { roomId: room, username: me?.displayName ?? "Spectator" });
    else if (this.state.match !== null || status === "ended") this.socket.emit("game:reconnect", { playerId: me.id });
    else this.socket.emit("matchmaking:join", { username: me.displayName, playerId: me.id, sessionId });
  }

  #listen() {
    const { game } = this.view;
    const hears = {
      connect: () => this.#connected(),
      disconnect: () => this.#disconnected(),
      "matchmaking:waiting": ({ position }) => {
        this.#become({ phase: "waiting", position });
        this.tell("waiting", { position });
      },
      "matchmaking:left": () => this.#left(),
      "game:started": (match) => this.#whole(match, "started"),
      "game:reconnected": (match) => this.#whole(match, "reconnected"),
      "game:spectate:joined": (match) => this.#whole(match, "watching"),
      "game:move:made": (made) => this.#moved(made),
      "game:valid_moves": ({ position, moves }) => position === null && this.#become({ legal: moves }),
      "timer:update": ({ playerTimers }) => this.#become({ clocks: this.#clocksOf(playerTimers) }),
      [`${game}:afk_warning`]: ({ playerId, secondsRemaining }) => {
        this.#become({ afk: this.#until(playerId, secondsRemaining * 1000) });
        this.tell("afk_warning", { playerId, secondsRemaining });
      },
      [`${game}:afk_warning_cleared`]: () => this.#become({ afk: null }),
      "afk:status": (status) => this.#become({ afk: status && this.#until(status.playerId, status.expiresAt - Date.now()) }),
      "player:disconnected": ({ playerId }) => this.#become({ away: this.#until(playerId, AWAY_MS) }),
      "player:reconnected": () => this.#become({ away: null }),
      "game:draw:offered": ({ playerId }) => {
        this.#become({ draw: "theirs" });
        this.tell("draw_offered", { playerId });
      },
      "game:draw:declined": () => {
        this.#become({ draw: null });
        this.note("The draw was declined.");
      },
      "game:over": (over) => this.#over(over),
      error: (error) => this.#refused(error),
    };
    for (const [event, hear] of Object.entries(hears)) this.socket.on(event, hear);
  }

  #connected() {
    this.#become({ isConnected: true });
    this.tell("connection", { isConnected: true });
    if (this.state.over === null) this.#arrive();
  }

  #disconnected() {
    this.#become({ isConnected: false, pending: null, afk: null });
    this.tell("connection", { isConnected: false });
  }

  #left() {
    const wasAsked = this.isLeaving;
    this.isLeaving = false;
    this.#become({ phase: "left", position: null });
    this.tell("left", { wasAsked });
  }

  #whole(match, event) {
    const place = match.players.findIndex((player) => player.id === match.playerId);
    const isSame = this.state.match?.moveHistory.length === match.moveHistory.length;
    this.#become({
      phase: this.state.over === null ? "playing" : "over",
      match,
      seat: event === "watching" || place < 0 ? null : place,
      clocks: this.#clocksOf(match.playerTimers, match),
      draw: this.#drawOf(match),
      legal: isSame ? this.state.legal : null,
      pending: isSame ? this.state.pending : null,
      away: null,
      position: null,
    });
    if (this.isArriving) {
      const { roomId, players, playerId = null } = match;
      this.isArriving = false;
      this.tell(event, { roomId, players, playerId });
      this.socket.emit("afk:check", { roomId });
    }
    this.#askForMoves();
  }

  #moved(made) {
    if (this.state.match === null) return;
    this.#become({
      match: { ...this.state.match, ...made, playerId: this.state.match.playerId },
      clocks: this.#clocksOf(made.playerTimers),
      afk: null,
      draw: null,
      legal: null,
      pending: null,
    });
    this.tell("move", { playerId: made.playerId, move: made.move, moveCount: made.moveHistory.length });
    this.#askForMoves();
  }

  #askForMoves() {
    const { match, seat, over, legal, pending } = this.state;
    const isUnknown = HAS_HINTS.has(this.view.game) && legal === null && pending === null && over === null;
    if (isUnknown && match?.currentTurn === seat) this.#say("game:get_moves");
  }

  /** What was refused for a moment: to arrive, or to hear the moves. */
  #tryAgain() {
    this.link.soon(() => (this.isArriving ? this.#arrive() : this.#askForMoves()));
  }

  #over({ winner, reason, winningLine, winningCells }) {
    const over = { winner, reason, cells: winningLine ?? winningCells ?? null };
    this.#become({ phase: "over", over, afk: null, away: null, draw: null, legal: null, pending: null });
    this.tell("over", { winner, reason });
  }

  #refused({ code, message }) {
    const { match, pending, draw } = this.state;
    const { result, room } = this.view;
    const isComing = match === null || this.isArriving;
    const isLost = code === "unknown_room" && match !== null && room === null; // the server has to take this connection in again
    if (code === "nothing_to_reconnect" && result?.reason === "expired") {
      this.#fail("session_expired");
    } else if (code === "nothing_to_reconnect" && result !== null) {
      this.#become({ phase: "over", over: { winner: result.winner, reason: result.reason, cells: null } });
    } else if (code === "nothing_to_reconnect" && this.view.status !== "ended") {
      this.#become({ match: null });
      this.#arrive();
    } else if (code === "disconnected" || code === "match_over") {
      this.#become({ pending: null });
      this.#arrive();
    } else if (isLost || (isComing && !isFinal(code))) {
      this.isArriving = true;
      this.#become({ pending: null });
      if (match !== null) this.note(failureWords(isLost ? "unavailable" : code, message).text);
      this.#tryAgain();
    } else if (isComing) {
      this.#fail(code, message);
    } else {
      this.#become({ pending: null, draw: draw === "mine" && code.includes("draw") ? null : draw });
      this.note(failureWords(code, message).text);
      if (pending !== null) this.#askForMoves();
      else this.#tryAgain();
    }
    this.tell("error", { code, message });
  }

  #fail(code, message) {
    this.#become({ phase: "failed", failure: failureWords(code, message) });
    this.socket.disconnect();
  }

  #until(playerId, ms) {
    const { match } = this.state;
    if (match === null) return null;
    const other = this.state.seat === null ? match.currentTurn : 1 - this.state.seat;
    const seat = playerId === undefined ? other : match.players.findIndex((player) => player.id === playerId);
    return { seat, untilMs: performance.now() + Math.max(0, ms) };
  }

  #clocksOf(timers, match = this.state.match) {
    if (timers === undefined || match === null) return null;
    return { left: match.players.map((player) => timers[player.id]), atMs: performance.now() };
  }

  #drawOf({ drawOfferedBy = null, playerId }) {
    if (drawOfferedBy === null) return null;
    return drawOfferedBy === playerId ? "mine" : "theirs";
  }
}

/** What one seat's clock shows now, in ms: it runs in its own turn alone. */
export function clockMs(state, seat, nowMs = performance.now()) {
  const { clocks, match, over } = state;
  if (clocks === null) return null;
  const runs = over === null && match.currentTurn === seat;
  return Math.max(0, clocks.left[seat] - (runs ? nowMs - clocks.atMs : 0));
}
