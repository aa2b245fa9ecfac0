/** What is said to people: ends, refusals, moments. No word of it comes from a stranger. */

const FINAL = new Set([
  "unauthorized", "session_not_found", "session_ended", "session_expired", "not_in_session", "session_required", "already_playing", "unknown_room",
  "seats_full", "no_servers", "too_many_pages",
]); // prettier-ignore

const FAILURES = {
  unauthorized: ["This link is too old", "It is not one of ours, or it is more than an hour old. Start the game again."],
  session_not_found: ["There is no such game", "It may have been removed. Start another one."],
  session_ended: ["This game is over", "Start another one."],
  session_expired: ["Nobody came", "The other player did not join in time. Start another game."],
  not_in_session: ["This seat is taken", "This game is between two other players."],
  already_playing: ["You are playing already", "Another game of yours is going on. Finish that one first."],
  unknown_room: ["Nothing to watch", "This game is over, or it is not open to watchers."],
  seats_full: ["All seats are taken", "As many play as may play at once. Try again in a few minutes."],
  no_servers: ["No machine is free", "Try again in a few minutes."],
  too_many_pages: ["Open in newer pages", "This game goes on in the pages that you opened since. Close this one."],
  rate_limited: ["A little slower", "That was too fast. Try again in a moment."],
  unavailable: ["One moment", "The games are away for a moment. Your game is kept."],
  illegal_move: ["Not allowed", "The rules do not allow this move here."],
  capture_required: ["Not allowed", "A capture is possible, so it must be made, and jumped on as far as it goes."],
  column_full: ["Not allowed", "This column is full."],
  cell_taken: ["Not allowed", "This square is taken."],
  not_your_turn: ["Not yet", "It is the other player's turn."],
  draw_offered_already: ["Offered already", "A draw can be offered once in a turn of each player."],
};

/** Whether a refusal of this code can be waited out. */
export const isFinal = (code) => FINAL.has(code);

/** `{title, text}` for a code; an unknown one has the server's own text. */
export function failureWords(code, message = "") {
  const [title, text] = FAILURES[code] ?? ["That did not work", message || "Please try again."];
  return { title, text };
}

const WINS = {
  checkmate: "by checkmate",
  resignation: "by resignation",
  timeout: "on time",
  afk_timeout: "because no move came in time",
  disconnect: "because the connection stayed away",
  "no pieces": "with the last piece captured",
  "no moves": "with every way blocked",
  "Four in a row!": "with four in a row",
  victory: "with three in a row",
};

const DRAWS = {
  stalemate: "Stalemate: there was no legal move left.",
  draw: "Nobody can win this any more.",
  "draw by agreement": "Both players agreed on it.",
  "Board full - Draw": "The board is full.",
};

/** `{title, text}` of an end, for this seat or for whoever watches (`seat` null). */
export function overWords({ winner, reason }, players, me) {
  if (reason === "expired") return failureWords("session_expired");
  if (winner === null) return { title: "A draw", text: DRAWS[reason] ?? "" };
  const how = WINS[reason] ?? `(${reason})`;
  const name = players.find((player) => player.id === winner)?.displayName ?? "The other player";
  if (winner === me) return { title: "You won", text: `${how[0].toUpperCase()}${how.slice(1)}.` };
  return { title: me === null ? `${name} won` : "You lost", text: `${name} won ${how}.` };
}

/** `9:05`, and `9.4` within the last twenty seconds. */
export function clockWords(ms) {
  if (ms < 20_000) return (Math.floor(ms / 100) / 10).toFixed(1);
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const STEPS = {
  placing: ["Finding a machine", "Yours starts as soon as one is free."],
  pulling: ["Fetching the game", "It is on its way to the machine that you play on."],
  restoring: ["Getting ready", "One moment…"],
  booting: ["Starting the game", "One moment…"],
  ready: ["Almost there", "The picture comes in a moment."],
};

/** `{title, text, share?}` while a streamed game is not seen yet, by its newest status. */
export function stepWords(status, { hadPicture, isConnected }) {
  if (hadPicture) return { title: "The connection broke", text: "It is being made anew…" };
  if (status === null) return { title: "One moment", text: isConnected ? "You get a seat…" : "Connecting…" };
  const [title, text] = STEPS[status.phase ?? "ready"] ?? STEPS.ready;
  if (status.queuePosition > 0) return { title: "All machines are busy", text: `${status.queuePosition} before you. ${text}` };
  const { done, total } = status.progress ?? {};
  return { title, text, ...(total > 0 && { share: Math.min(1, done / total) }) };
}

const RUNS = {
  finished: "You ran until you met something.",
  resignation: "You ended the run.",
  disconnect: "The connection stayed away for a minute.",
  afk_timeout: "Nobody touched the game for five minutes.",
  time_limit: "The time for one run is over.",
  stopped: "The run was stopped.",
  no_servers: "No machine was free. Try again in a few minutes.",
  host_lost: "The machine was lost. Try again.",
  failed: "The game could not be run. Try again.",
};

/** `{title, text, figures}` of a run's end. */
export function runWords({ reason, score, distance, coins }) {
  const known = [["Score", score], ["Metres", distance], ["Coins", coins]].filter(([, value]) => typeof value === "number"); // prettier-ignore
  return {
    title: known.length > 0 ? "The run is over" : "This run is over",
    text: RUNS[reason] ?? reason,
    figures: known.map(([name, value]) => [name, Math.round(value).toLocaleString("en")]),
  };
}
