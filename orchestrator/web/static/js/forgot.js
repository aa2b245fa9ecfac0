/** Asks for a letter with which a new password can be chosen. Nobody learns here whether an address has an account. */
import { forgotPassword } from "./api.js";
import { byId } from "./dom.js";
import { answersInPlace } from "./forms.js";
import { waitWords } from "./messages.js";

const WORDS = {
  invalid_request: "Please give a whole e-mail address.",
  offline: "Playhouse cannot be reached. Check your network, then try again.",
};

answersInPlace(byId("forgot-form"), {
  note: byId("forgot-note"),
  busyWords: "Sending…",
  send: async ({ email }) => {
    await forgotPassword(email);
    return `If ${email} has an account here, a letter is on its way. Its link is good for an hour. Nothing there? Look among the unwanted mail.`;
  },
  wordsFor: ({ code, message, retryAfterS }) => (code === "rate_limited" ? `Too many letters were asked for.${waitWords(retryAfterS)}` : (WORDS[code] ?? (message || "That did not work. Try again in a moment."))),
  focusAfter: byId("email"),
});
