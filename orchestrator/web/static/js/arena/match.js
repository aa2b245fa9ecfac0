/** A board game in a tenant's frame: it puts seat, table and board together. */
import { checkers } from "./checkers.js";
import { chess } from "./chess.js";
import { connect4 } from "./connect4.js";
import { Seat } from "./seat.js";
import { Table } from "./table.js";
import { tictactoe } from "./tictactoe.js";

const GAMES = { chess, checkers, connect4, tictactoe };

export class SessionPage {
  #board = null;
  #seatShown = null;
  #told = null;

  /** `tell(event, data)` is what the page around hears; `playAgain()` asks it for another session, where `playAgain.isWanted()`. */
  constructor(root, view, token, { tell, playAgain }) {
    this.view = view;
    this.tell = tell;
    this.game = GAMES[view.game];
    this.table = new Table(root, view, this.game, {
      offerDraw: () => this.seat.offerDraw(),
      acceptDraw: () => this.seat.acceptDraw(),
      declineDraw: () => this.seat.declineDraw(),
      resign: () => this.seat.resign(),
      stopWaiting: () => this.seat.stopWaiting(),
      joinAgain: () => this.seat.joinAgain(),
      playAgain,
    });
    this.seat = new Seat(view, token, { changed: (state) => this.#show(state), tell, note: (text) => this.table.note(text) });
    this.#show(this.seat.state);
  }

  resign() {
    const { match, over, seat } = this.seat.state;
    if (match !== null && over === null && seat !== null) this.seat.resign();
  }

  #show(state) {
    if (this.#board === null || this.#seatShown !== state.seat) {
      this.#board = this.game.board(this.table.board, { seat: state.seat, move: (fields, pending) => this.seat.move(fields, pending) });
      this.#seatShown = state.seat;
    }
    this.#board.show(state.match === null ? { ...state, match: { ...this.game.opening, moveHistory: [], currentTurn: null } } : state);
    this.table.board.inert = state.match === null; // it is only looked at until there is a match
    this.table.show(state);
    this.#tellState(state);
  }

  /** What `useGameState` of the documented client has, whenever it changes. */
  #tellState({ phase, match, over, failure }) {
    const state = {
      status: failure !== null ? "failed" : phase === "over" ? "ended" : match === null ? "waiting" : "playing",
      players: (match?.players ?? this.view.players).map(({ id, displayName, color = null }) => ({ id, displayName, color })),
      currentTurn: match === null || over !== null ? null : match.players[match.currentTurn].id,
      ...(over !== null && { winner: over.winner, reason: over.reason }),
    };
    const words = JSON.stringify(state);
    if (words === this.#told) return;
    this.#told = words;
    this.tell("state", state);
  }
}
