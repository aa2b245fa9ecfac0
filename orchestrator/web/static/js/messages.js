/** What an error code means for a person and what can be done next. Pure: code → words. */

const TEXTS = {
  invalid_request: ["That did not work", "The request was not understood. Reload the page and try again."],
  unauthorized: ["You are signed out", "Sign in again, then carry on where you were."],
  forbidden: ["This is not open to you", "It belongs to somebody else, or needs a code."],
  code_invalid: ["This code does not work", "It may have a typing error, or it was used, taken back or is too old."],
  not_found: ["It is not here", "It may have been removed, or the address has a typing error."],
  session_active: ["A game is already running", "You can have one game running at a time."],
  session_ended: ["This session is over", "The game has ended. You can start it again."],
  slots_full: ["All three slots are in use", "Continue one of them, or delete one that you no longer need."],
  slot_in_use: ["This slot is being played", "Stop the running game first, then try again."],
  version_damaged: ["This save is damaged", "It was kept, but it can no longer be read. Choose another one; nothing was changed."],
  not_a_save: ["This is no save of this game", "Choose a file that was downloaded here. Nothing was changed."],
  save_too_large: ["This file is too large", "No save of this game can be as large. Nothing was changed."],
  database_unavailable: ["Playhouse is busy", "It cannot answer right now. Try again in a moment."],
  store_unavailable: ["The saves cannot be reached", "The place where saves are kept does not answer. Nothing was changed. Try again in a moment."],
  rate_limited: ["A little too fast", "Wait a moment, then try again."],
  no_servers: ["No machine is free", "Every machine that could run this game is busy or away. Try again in a moment."],
  offline: ["No connection", "The page cannot reach Playhouse. Check your network, then try again."],
};

const UNKNOWN = ["Something went wrong", "Try again. If it happens again, tell whoever runs this Playhouse."];

const WORTH_REPEATING = new Set(["rate_limited", "no_servers", "store_unavailable", "database_unavailable", "offline", "internal_error"]);

/** When what was tried too often works again: `" In 15 min it works again."`, empty when nobody said. */
export function waitWords(retryAfterS) {
  return retryAfterS ? ` In ${Math.ceil(retryAfterS / 60)} min it works again.` : "";
}

const WITH_REASONS = new Set(["forbidden"]); // one code for many reasons: only the server knows which

/**
 * Words for a failure `{code, message, retryAfterS}`: `{title, text, canRetry, retryAfterS}`. The server's own message wins over ours
 * for codes that we do not know or that have many reasons, so that nothing it says is lost.
 */
export function describeFailure({ code, message = "", retryAfterS = null }) {
  const [title, ownText] = TEXTS[code] ?? UNKNOWN;
  const text = code in TEXTS && !WITH_REASONS.has(code) ? ownText : message || ownText;
  return { title, text, canRetry: WORTH_REPEATING.has(code) || !(code in TEXTS), retryAfterS };
}
