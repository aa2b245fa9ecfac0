/** What lies around the board: both players with clock and captured pieces, the moves, what one can do, and the veil before and after a match. */
import { create } from "../dom.js";
import { clockMs } from "./seat.js";
import { clockWords, overWords } from "./words.js";

const TICK_MS = 100;
const LOW_MS = 30_000;

export class Table {
  #state = null;
  #veilKind = null;
  #isVeilClosed = false;
  #moves = 0;
  #noteTimer = null;

  /** `game` draws its own things; `acts` are what the buttons do. */
  constructor(root, view, game, acts) {
    Object.assign(this, { view, game, acts });
    this.cards = [this.#card("them"), this.#card("me")];
    this.board = create("div", { class: "board" });
    this.veil = create("div", { class: "veil", hidden: true });
    this.stage = create("div", { class: "stage" }, this.board, this.veil);
    this.notes = create("div", { class: "notes" });
    this.passing = create("p", { class: "note passing", hidden: true });
    this.moves = create("ol", { class: `moves ${view.game}`, "aria-label": "Moves", tabindex: 0 });
    this.actions = create("div", { class: "actions" });
    this.side = create("div", { class: "side" }, this.notes, this.moves, this.actions);
    this.live = create("p", { class: "visually-hidden", role: "status" });
    root.append(create("div", { class: `table ${view.game}` }, this.cards[0].element, this.stage, this.cards[1].element, this.side), this.live);
    this.#buildActions();
    setInterval(() => this.#tick(), TICK_MS);
  }

  show(state) {
    this.#state = state;
    const { match, seat, over } = state;
    const bottom = seat ?? 0;
    for (const [card, place] of [[this.cards[0], 1 - bottom], [this.cards[1], bottom]]) this.#showCard(card, place); // prettier-ignore
    if (match !== null) this.#showMoves(match);
    this.offer.hidden = this.view.game !== "chess";
    this.offer.disabled = state.draw !== null || over !== null || !state.isConnected;
    this.offer.textContent = state.draw === "mine" ? "Draw offered" : "Offer a draw";
    this.giveUp.disabled = over !== null || !state.isConnected;
    this.actions.hidden = match === null || seat === null || over !== null;
    this.#showNotes();
    this.#showVeil();
    this.#tick();
  }

  /** Reads out what happened, for whoever does not see it. */
  say(text) {
    this.live.textContent = text;
  }

  /** Shows words for a few seconds. */
  note(text) {
    clearTimeout(this.#noteTimer);
    this.passing.textContent = text;
    this.passing.hidden = false;
    this.say(text);
    this.#noteTimer = setTimeout(() => (this.passing.hidden = true), 4_000);
    if (this.passing.parentElement === null) this.notes.append(this.passing);
  }

  #card(kind) {
    const mark = create("span", { class: "chip", "aria-hidden": "true" });
    const name = create("strong", { class: "name" });
    const turn = create("span", { class: "turn" });
    const captured = create("div", { class: "captured", role: "img", hidden: true });
    const clock = create("span", { class: "clock", role: "timer", hidden: true });
    const who = create("div", { class: "who" }, create("div", { class: "who-line" }, name, turn), captured);
    return { element: create("section", { class: `player ${kind}` }, mark, who, clock), mark, name, turn, captured, clock, kind, shown: null };
  }

  #showCard(card, place) {
    const { match, over, away, phase } = this.#state;
    const player = match?.players[place] ?? (card.kind === "me" && this.view.room === null ? this.view.me : null);
    card.place = place;
    card.element.classList.toggle("unknown", player === null);
    card.name.textContent = player?.displayName ?? this.#friend()?.displayName ?? (phase === "waiting" ? "Waiting for an opponent" : "Opponent");
    card.element.setAttribute("aria-label", card.name.textContent);
    const isOn = match !== null && over === null && match.currentTurn === place;
    card.element.classList.toggle("on-the-move", isOn);
    const isMe = place === this.#state.seat;
    const isWinner = over !== null && over.winner === player?.id;
    card.turn.textContent = away?.seat === place ? "disconnected" : isOn ? (isMe ? "your turn" : "to move") : isWinner ? "winner" : "";
    card.element.classList.toggle("winner", isWinner);
    if (match === null) return;
    if (card.shown !== place) {
      card.mark.replaceChildren(this.game.marks[place]());
      card.shown = place;
    }
    const captures = this.game.captures(match)?.[place];
    card.captured.hidden = !captures || captures.kinds.length === 0;
    if (card.captured.hidden || card.captured.dataset.kinds === captures.kinds.join()) return;
    card.captured.dataset.kinds = captures.kinds.join();
    card.captured.setAttribute("aria-label", `Captured: ${captures.kinds.length}`);
    const lead = captures.lead > 0 ? [create("span", { class: "lead" }, `+${captures.lead}`)] : [];
    card.captured.replaceChildren(create("span", { class: "pile" }, captures.kinds.map((kind) => this.game.drawCaptured(kind))), ...lead);
  }

  #showMoves({ moveHistory }) {
    if (moveHistory.length === this.#moves) return;
    const isPaired = this.view.game === "chess" || this.view.game === "checkers";
    const names = moveHistory.map((entry) => this.game.nameOf(entry));
    const line = (each, isLast) => create("span", { class: isLast ? "ply newest" : "ply" }, each);
    const rows = [];
    for (let at = 0; at < names.length; at += 2) {
      rows.push(create("li", {}, names.slice(at, at + 2).map((name, beside) => line(name, at + beside === names.length - 1))));
    }
    this.moves.classList.toggle("paired", isPaired);
    this.moves.replaceChildren(...rows);
    this.moves.scrollTop = this.moves.scrollHeight;
    this.moves.scrollLeft = this.moves.scrollWidth;
    if (moveHistory.length === this.#moves + 1) this.#sayMove(moveHistory.at(-1));
    this.#moves = moveHistory.length;
  }

  #sayMove(entry) {
    const { match, over, seat } = this.#state;
    const mover = match.players.find((player) => player.id === entry.playerId);
    const isMine = mover === match.players[seat];
    this.say(`${isMine ? "You" : (mover?.displayName ?? "")}: ${this.game.spoken(entry)}.${over === null && match.currentTurn === seat ? " Your turn." : ""}`);
  }

  #buildActions() {
    this.offer = create("button", { class: "button quiet", type: "button", onclick: this.acts.offerDraw }, "Offer a draw");
    this.giveUp = create("button", { class: "button quiet", type: "button", onclick: () => this.#askToResign() }, "Resign");
    this.actions.append(this.offer, this.giveUp);
    this.actions.hidden = true;
  }

  async #askToResign() {
    const yes = create("button", { class: "button", value: "yes" }, "Resign");
    const no = create("button", { class: "button quiet", value: "no" }, "Go on playing");
    const form = create("form", { method: "dialog", class: "button-row" }, yes, no);
    const dialog = create("dialog", { class: "question", "aria-labelledby": "resign-title" }, create("h2", { id: "resign-title" }, "Resign this game?"), create("p", {}, "The other player wins."), form);
    document.body.append(dialog);
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve));
    dialog.remove();
    if (dialog.returnValue === "yes" && this.#state.over === null) this.acts.resign();
  }

  #showNotes() {
    const { isConnected, match, draw, afk, away, seat, phase } = this.#state;
    const notes = [];
    if (!isConnected && match !== null && phase === "playing") notes.push(create("p", { class: "note bad", "data-note": "connection" }, "The connection broke. It is being made anew…"));
    if (afk !== null) {
      const who = afk.seat === seat ? "You" : (match.players[afk.seat]?.displayName ?? "");
      notes.push(create("p", { class: afk.seat === seat ? "note bad" : "note", "data-note": "afk" }, `${who} must move within `, create("strong", { class: "count" }), "."));
    }
    if (away !== null) notes.push(create("p", { class: "note", "data-note": "away" }, `${match.players[away.seat]?.displayName ?? ""} lost the connection and has `, create("strong", { class: "count" }), " to come back."));
    if (draw === "theirs") {
      const accept = create("button", { class: "button small", type: "button", onclick: this.acts.acceptDraw }, "Accept");
      const decline = create("button", { class: "button small quiet", type: "button", onclick: this.acts.declineDraw }, "Decline");
      notes.push(create("div", { class: "note", "data-note": "draw" }, create("p", {}, `${match.players[1 - seat].displayName} offers a draw.`), create("div", { class: "button-row" }, accept, decline)));
    }
    const kinds = notes.map((each) => each.dataset.note).join();
    if ((this.notes.dataset.kinds ?? "") === kinds) return;
    this.notes.dataset.kinds = kinds;
    this.notes.replaceChildren(...notes, this.passing);
    this.#tick();
    if (notes.length > 0) this.say(notes.map((each) => each.textContent).join(" "));
  }

  #showVeil() {
    const kind = this.#kindOfVeil();
    if (kind === this.#veilKind) {
      if (kind === "waiting") this.#placeInQueue();
      return;
    }
    this.#veilKind = kind;
    this.#isVeilClosed = false;
    this.veil.hidden = kind === null;
    this.veil.className = `veil ${kind}`;
    if (kind !== null) this.veil.replaceChildren(create("div", { class: "veil-card" }, this.#veilWords(kind)));
    if (kind !== "over" && kind !== "failed") return;
    const head = this.veil.querySelector("h2");
    const isRead = document.hasFocus();
    if (isRead) head.focus({ preventScroll: true });
    this.say(isRead ? "" : `${head.textContent}. ${head.nextElementSibling.textContent}`); // else the page around has the focus
  }

  #kindOfVeil() {
    const { phase } = this.#state;
    if (phase === "playing" || (phase === "over" && this.#isVeilClosed)) return null;
    return phase;
  }

  #veilWords(kind) {
    const { over, match, failure } = this.#state;
    const title = (text) => create("h2", { tabindex: -1 }, text);
    const button = (text, onclick, isQuiet = false) => create("button", { class: isQuiet ? "button quiet" : "button", type: "button", onclick }, text);
    switch (kind) {
      case "connecting":
        return [this.#dots(), create("p", {}, "One moment…")];
      case "waiting": {
        const { roomCode } = this.view;
        const friend = this.#friend();
        const words = roomCode ? ["Waiting for your friend", "They join with this code:"] : [friend ? `Waiting for ${friend.displayName}` : "Looking for an opponent", ""];
        const code = roomCode ? [create("p", { class: "room-code" }, roomCode)] : [];
        this.queue = create("p", { class: "queue" }, words[1]);
        this.#placeInQueue();
        return [this.#dots(), title(words[0]), this.queue, ...code, button("Stop waiting", this.acts.stopWaiting, true)];
      }
      case "left":
        return [title("You are no longer waiting"), create("p", {}, "The place was given up, or taken by another window of yours."), button("Wait again", this.acts.joinAgain)];
      case "failed":
        return [title(failure.title), create("p", {}, failure.text)];
      default: {
        const { title: head, text } = overWords(over, match?.players ?? this.view.players, this.view.room === null ? this.view.me.id : null);
        const again = this.acts.playAgain.isWanted() ? [button("Play again", this.acts.playAgain)] : [];
        return [title(head), create("p", {}, text), create("div", { class: "button-row" }, again, match === null ? [] : button("Look at the board", () => this.#closeVeil(), again.length > 0))];
      }
    }
  }

  #closeVeil() {
    this.#isVeilClosed = true;
    this.#showVeil();
    this.board.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
  }

  #placeInQueue() {
    const { position } = this.#state;
    if (this.view.roomCode || position === null) return;
    if (this.#friend()) this.queue.textContent = "The game begins when both are here.";
    else this.queue.textContent = position > 1 ? `${position - 1} before you.` : "You are the next to play.";
  }

  /** Whoever the session is with, where that is known before. */
  #friend() {
    return this.view.players.length === 2 ? this.view.players.find((player) => player.id !== this.view.me?.id) : undefined;
  }

  #dots() {
    const pieces = this.game.marks.map((mark) => create("span", { class: "dancer" }, mark()));
    return create("div", { class: "dancers", "aria-hidden": "true" }, pieces);
  }

  #tick() {
    const state = this.#state;
    if (state === null) return;
    for (const card of this.cards) {
      const left = state.match === null ? null : clockMs(state, card.place);
      card.clock.hidden = left === null || left === undefined;
      if (card.clock.hidden) continue;
      const words = clockWords(left);
      if (card.clock.textContent !== words) card.clock.textContent = words;
      card.clock.classList.toggle("low", left < LOW_MS);
    }
    for (const [kind, until] of [["afk", state.afk?.untilMs], ["away", state.away?.untilMs]]) {
      const count = this.notes.querySelector(`[data-note=${kind}] .count`);
      if (count !== null && until !== undefined) count.textContent = `${Math.max(0, Math.ceil((until - performance.now()) / 1000))} s`;
    }
  }
}
