/** Proves an e-mail address with the secret of a letter, which stands behind the address's # and goes to the server in a body alone. */
import { confirmEmail } from "./api.js";
import { byId, create } from "./dom.js";
import { waitWords } from "./messages.js";

const WORDS = {
  invalid_token: ["This link works no longer", "It has been used, or is too old. Your account page sends you another one."],
  rate_limited: ["Too many tries", "Open the link again later."],
  offline: ["No connection", "Playhouse cannot be reached. Check your network, then open the link again."],
};

function say(title, text, href, words) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-next").replaceChildren(create("a", { class: "button", href }, words));
}

async function confirm() {
  const secret = location.hash.slice(1);
  try {
    await confirmEmail(secret);
    history.replaceState(null, "", location.pathname); // the secret is used up
    say("Thank you", "Your e-mail address is confirmed.", "/", "Pick a game");
  } catch ({ code, retryAfterS }) {
    const [title, text] = WORDS[secret ? code : "invalid_token"] ?? ["That did not work", "Open the link again in a moment."];
    say(title, text + waitWords(retryAfterS), "/account", "Go to your account");
  }
}

window.addEventListener("hashchange", confirm);
confirm();
