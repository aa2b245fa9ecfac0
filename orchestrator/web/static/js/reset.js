/** Chooses a new password with the secret of a letter, which stands behind the address's # and goes to the server in a body alone. */
import { resetPassword } from "./api.js";
import { byId, create } from "./dom.js";
import { answersInPlace } from "./forms.js";
import { waitWords } from "./messages.js";

const WORDS = {
  invalid_token: "This link has been used or is too old. Ask for another one below.",
  invalid_request: "The password needs at least 8 characters.",
  offline: "Playhouse cannot be reached. Check your network, then try again.",
};
const form = byId("reset-form");

answersInPlace(form, {
  note: byId("reset-note"),
  busyWords: "Setting…",
  send: async ({ password }) => {
    await resetPassword({ token: location.hash.slice(1), password });
    history.replaceState(null, "", location.pathname); // the secret is used up
    form.querySelector(".field").hidden = true;
    form.querySelector("button").hidden = true;
    byId("reset-next").replaceChildren(create("a", { class: "button button-large", href: "/signin" }, "Sign in"));
    return "Your new password is set.";
  },
  wordsFor: ({ code, message, retryAfterS }) => {
    if (code === "rate_limited") return `Too many tries.${waitWords(retryAfterS)}`;
    return WORDS[location.hash.length > 1 ? code : "invalid_token"] ?? (message || "That did not work. Try again in a moment.");
  },
  focusAfter: byId("password"),
});
