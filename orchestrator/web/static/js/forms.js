/** A form at the door that is sent without leaving the page: it says at once that it works, and what was refused. */
import { failureNotice } from "./dom.js";

/** `send(fields)` answers where to go then, or throws an ApiFailure; `wordsFor(failure)` says it for people. */
export function sendsInPlace(form, { failures, busyWords, send, wordsFor, focusAfter }) {
  const button = form.querySelector("button[type=submit]");
  const words = button.textContent;
  const busy = (isBusy) => {
    button.disabled = isBusy;
    button.textContent = isBusy ? busyWords : words;
    if (isBusy) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failures.replaceChildren();
    const fields = Object.fromEntries(new FormData(form));
    busy(true);
    try {
      location.assign(await send(fields));
    } catch (failure) {
      failures.replaceChildren(failureNotice(wordsFor(failure)));
      busy(false);
      focusAfter.focus();
      focusAfter.select();
    }
  });
  window.addEventListener("pageshow", () => busy(false));
}
