/** How a session ended, in words for people. Pure: what the server says of an end → a title, a text, who decided, what to do next. */

const AGAIN = "Start the game again to go on from your last save.";
const WAIT = "Try again in a minute.";

/**
 * By code: `title` heads the play page, `short` (or else the title) stands in the history, `text` is used where the server has no
 * message or where ours is clearer (`isOurText`). `again` is the word on the button that starts the game once more; null where
 * that cannot help. `leadsToSaves` where the player may want an earlier save.
 */
const ENDS = {
  stopped: { title: "Until next time", short: "You stopped it", text: "What you saved in the game is kept.", again: "Play again", isCalm: true, isOurText: true },
  stopped_by_operator: { title: "The game was stopped", short: "Stopped by the operator", text: "The people who run this Playhouse stopped the game. What you saved in it is kept.", again: "Play again", isCalm: true },
  game_exited: { title: "The game was closed", text: "The game was closed from inside. What you saved in it is kept.", again: "Play again", isCalm: true, isOurText: true },
  abandoned: { title: "Stopped after you left", text: "Nobody was at the game for a minute, so it was stopped.", again: "Play again", isCalm: true },
  idle: { title: "Stopped while you were away", text: "Nobody played for half an hour, so the game was stopped. What you saved in it is kept.", again: "Play again", isCalm: true },
  session_cap: { title: "Time for a break", short: "Reached the longest time", text: "Eight hours is the longest that one session lasts. The game was stopped. What you saved in it is kept.", again: "Play again", isCalm: true },
  expired: { title: "The time was up", text: "The machine ended the game when its time was over. What you saved in it is kept.", again: "Play again", isCalm: true },
  stop_timeout: { title: "Stopped without an answer", text: "The machine did not confirm the stop in time. Your last save is kept.", again: "Play again", leadsToSaves: true },
  crashed: { title: "The game crashed", text: "The game ended with an error.", next: "Start it again. If it fails in the same place, its last lines say more.", again: "Play again" },
  out_of_memory: { title: "The game ran out of memory", text: "It needed more memory than it may have, and was ended.", again: "Play again" },
  save_failed: {
    title: "Your save is still on its way",
    text: "The game has ended, and its last save has not arrived yet. It is kept safe on the machine that ran the game, and is sent as soon as that works.",
    next: "Wait a minute before you play on.",
    again: "Play again",
    isOurText: true,
    leadsToSaves: true,
  },
  save_full: { title: "Your save folder is full", text: "The game wrote more than a save may hold, so it was stopped.", next: "Delete old saves inside the game, or start a new game in another slot.", again: "Play again", leadsToSaves: true },
  disk_full: { title: "The machine has no room left", text: "The disk of the machine is full.", next: WAIT, again: "Try again" },
  host_lost: { title: "The machine went away", text: "The machine that ran the game went away, and no other could take over. Your last save is kept.", again: "Play again" },
  host_drained: { title: "The machine is being serviced", text: "The machine that ran the game is being serviced, and no other had room in time. What you saved in the game is kept.", again: "Play again" },
  restored: { title: "This Playhouse was brought back from a backup", short: "Ended by a backup that was brought back", text: "The people who run this Playhouse brought it back as it was while you played. Your game is kept as it was last saved by then.", next: "Start it again. What its machine still sends will be among the versions of your save.", again: "Play again", leadsToSaves: true },
  host_restarted: { title: "The machine was started anew", text: "The machine that ran the game was started anew. Your last save is kept.", again: "Play again" },
  no_servers: { title: "No machine is free", text: "Every machine that could run this game is busy or away.", next: WAIT, again: "Try again" },
  pull_stalled: { title: "The game's files did not arrive", text: "The machine could not fetch the game.", next: WAIT, again: "Try again" },
  pull_failed: { title: "The game's files did not arrive", text: "The machine could not fetch the game.", next: WAIT, again: "Try again" },
  restore_timeout: { title: "Your save did not arrive in time", text: "The save itself is safe.", next: WAIT, again: "Try again", leadsToSaves: true },
  restore_failed: { title: "Your save could not be opened", text: "The machine could not put your save in place.", next: "Try again, or go back to an earlier save.", again: "Try again", leadsToSaves: true },
  boot_timeout: { title: "The game showed no picture", text: "It was started but drew nothing.", again: "Try again" },
  image_missing: { title: "The game is not on the machine", text: "The machine does not have this game.", next: "Tell whoever runs this Playhouse: trying again will not help.", again: null },
  seat_failed: { title: "The screen broke", text: "The part that shows you the game failed. Your last save is kept.", again: "Play again", isOurText: true },
  engine_failed: { title: "The machine had a fault", text: "The machine could not go on with the game. Your last save is kept.", next: WAIT, again: "Play again" },
};

const UNKNOWN = { title: "The game could not go on", text: "Something went wrong.", again: "Try again" };

const CANCELLED = { title: "The start was cancelled", short: "Cancelled before it began", text: "The game was stopped before it began. Nothing was lost.", again: "Play again", isCalm: true, isOurText: true };

const STOPPED_BY_OTHERS = { title: "The game was stopped", short: "Stopped with its save", text: "Somebody who looks after this Playhouse stopped it. What you saved in the game is kept.", again: "Play again", isCalm: true, isOurText: true };

const DECIDERS = { player: "you", operator: "the people who run this Playhouse", game: "the game itself", host: "the machine that ran it", orchestrator: "Playhouse" };

/**
 * `error` is the server's `{code, message, by, nextStep, logTail}`, or null for a plain stop; `hasPlayed` tells a stopped game from
 * a cancelled start. Answers `{code, title, short, text, decider, next, lines, again, isCalm, leadsToSaves}`; `decider` may be "".
 */
export function describeEnd(error, hasPlayed) {
  const { code = "stopped", message = "", by = error ? "" : "player", nextStep = "", logTail = [] } = error ?? {};
  const words = wordsFor(code, hasPlayed, by);
  const isOurs = words.isOurText;
  return {
    code,
    title: words.title,
    short: words.short ?? words.title,
    text: isOurs ? words.text : message || words.text,
    decider: DECIDERS[by] ? `Ended by ${DECIDERS[by]}.` : "",
    next: nextStep || words.next || AGAIN,
    lines: logTail ?? [],
    again: words.again,
    isCalm: Boolean(words.isCalm),
    leadsToSaves: Boolean(words.leadsToSaves),
  };
}

function wordsFor(code, hasPlayed, by) {
  if (code === "stopped" && !hasPlayed) return CANCELLED;
  if (code === "stopped" && by !== "player") return STOPPED_BY_OTHERS;
  return ENDS[code === "exited" ? "game_exited" : code] ?? UNKNOWN;
}

/** Whether a game ran at all, from its figures (`{duration, …}` or null). */
export function hasRun(figures) {
  return (figures?.duration ?? 0) > 0;
}
