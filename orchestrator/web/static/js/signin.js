/** The sign-in form: a wrong password is told in place and nothing that was typed is lost; without scripts the form posts itself. */
import { signIn } from "./api.js";
import { byId } from "./dom.js";
import { sendsInPlace } from "./forms.js";
import { waitWords } from "./messages.js";

const WORDS = {
  unauthorized: "The e-mail address or the password is wrong.",
  forbidden: "The page was open for too long. Reload it, then sign in again.",
  offline: "Playhouse cannot be reached. Check your network, then try again.",
};

sendsInPlace(byId("sign-in-form"), {
  failures: byId("sign-in-failure"),
  busyWords: "Signing in…",
  send: async (fields) => {
    await signIn(fields);
    return fields.callbackUrl;
  },
  wordsFor: ({ code, message, retryAfterS }) => (code === "rate_limited" ? `Too many tries.${waitWords(retryAfterS)}` : (WORDS[code] ?? (message || "That did not work. Try again in a moment."))),
  focusAfter: byId("password"),
});
