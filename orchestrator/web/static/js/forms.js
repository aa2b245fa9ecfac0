/** Forms that are sent without leaving the page: they say at once that they work, and what was refused. */
import { create, failureNotice } from "./dom.js";

/** A form at the door. `send(fields)` answers where to go then, or throws an ApiFailure; `wordsFor(failure)` says it for people. */
export function sendsInPlace(form, { failures, busyWords, send, wordsFor, focusAfter }) {
  const busy = busyButton(form, busyWords);
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
      goBackTo(focusAfter, failure);
    }
  });
  window.addEventListener("pageshow", () => busy(false));
}

/**
 * A form of a page that stays. `send(fields)` answers what to say then, or throws an ApiFailure; `wordsFor(failure)` says that one.
 * Both stand in `note`, a place that is read out.
 */
export function answersInPlace(form, { note, busyWords, send, wordsFor, focusAfter }) {
  const busy = busyButton(form, busyWords);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    note.replaceChildren();
    busy(true);
    try {
      note.replaceChildren(doneNotice(await send(Object.fromEntries(new FormData(form)))));
    } catch (failure) {
      note.replaceChildren(failureNotice(wordsFor(failure)));
      goBackTo(focusAfter, failure);
    }
    busy(false);
  });
}

/** The field that `focusAfter` is, or that it says by the failure. */
function goBackTo(focusAfter, failure) {
  const field = typeof focusAfter === "function" ? focusAfter(failure) : focusAfter;
  field.focus();
  field.select();
}

/** A box that says that something worked. */
export function doneNotice(text) {
  return create("div", { class: "notice" }, create("p", {}, text));
}

function busyButton(form, busyWords) {
  const button = form.querySelector("button[type=submit]");
  const words = button.textContent;
  return (isBusy) => {
    button.disabled = isBusy;
    button.textContent = isBusy ? busyWords : words;
    if (isBusy) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  };
}
