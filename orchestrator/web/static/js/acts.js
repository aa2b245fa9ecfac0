/** What the buttons of a page do whose parts the server writes: ask before, do it, say so, and have the page's newest state shown. */
import { wentToSignIn } from "./api.js";
import { ask } from "./adminask.js";
import { refresh } from "./adminlive.js";
import { byId, failureNotice } from "./dom.js";
import { doneNotice } from "./forms.js";
import { describeFailure } from "./messages.js";

/** A failure for people: the server's own words where it has some. */
export function wordsFor(failure) {
  if (wentToSignIn(failure)) return "You are signed out.";
  if (failure.status === 0 || failure.status >= 500) return describeFailure(failure).text;
  return failure.message || describeFailure(failure).text;
}

/**
 * Buttons with `data-act` do what `acts` has under that word: a function of the button's data that answers `{run, done}`, with what `ask` takes
 * where a question comes first. `after` is shown once it is done, before the page is asked for again; `leaveTo` is where one goes then.
 */
export function buttonsDo(acts) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) act(button, acts);
  });
}

async function act(button, acts) {
  const note = byId("note");
  const { done, after, leaveTo, ...order } = acts[button.dataset.act]({ ...button.dataset });
  note.replaceChildren();
  try {
    if (order.title) {
      if (!(await ask({ ...order, wordsFor }))) return;
    } else {
      button.disabled = true;
      await order.run();
    }
    if (after) await after();
    if (leaveTo) return void location.assign(leaveTo);
    if (done) note.replaceChildren(doneNotice(typeof done === "function" ? done() : done));
    if (document.getElementById("live")) await refresh();
  } catch (failure) {
    if (failure.name === "ApiFailure") note.replaceChildren(failureNotice(wordsFor(failure)));
    else location.reload(); // it was done; only the newest page could not be had
  }
  button.disabled = false;
  if (!button.isConnected) byId("main").focus(); // what was pressed has gone
}
