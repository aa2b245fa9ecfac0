/** The register form: sends what the API wants and shows its refusals as text; without scripts the form posts itself. */
import { register } from "./api.js";
import { byId } from "./dom.js";
import { sendsInPlace } from "./forms.js";

sendsInPlace(byId("register-form"), {
  failures: byId("register-failure"),
  busyWords: "Making your account…",
  send: async ({ callbackUrl, ...fields }) => {
    await register(fields);
    return callbackUrl;
  },
  wordsFor: ({ message }) => message || "The account could not be made. Try again in a moment.",
  focusAfter: byId("email"),
});
