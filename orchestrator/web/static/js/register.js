/** The register form: sends what the API wants and shows its refusals as text; without scripts the form posts itself. */
import { register } from "./api.js";
import { byId } from "./dom.js";
import { sendsInPlace } from "./forms.js";
import { waitWords } from "./messages.js";

sendsInPlace(byId("register-form"), {
  failures: byId("register-failure"),
  busyWords: "Making your account…",
  send: async ({ callbackUrl, ...fields }) => {
    await register(fields);
    return callbackUrl;
  },
  wordsFor: ({ code, message, retryAfterS }) => (code === "rate_limited" ? `Too many tries.${waitWords(retryAfterS)}` : message || "The account could not be made. Try again in a moment."),
  focusAfter: ({ code }) => byId(code === "guessable_password" ? "password" : "email"),
});
