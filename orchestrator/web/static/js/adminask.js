/** Asks before something is done that others notice, and shows what is told only once. */
import { create, failureNotice } from "./dom.js";

/**
 * A question with a button that does it. `field` (`{label, hint, maxlength}`) asks for a line, `tick` (`{label}`) for a yes; `run({line, isTicked})`
 * does it and may throw an ApiFailure, which `wordsFor` puts into words. Resolves with true once it is done, false when it was not wanted.
 */
export function ask({ title, text, words, busyWords, isGrave, field, tick, run, wordsFor }) {
  const failures = create("div", {});
  const line = field && create("input", { class: "input", id: "ask-line", name: "line", maxlength: field.maxlength, autocomplete: "off", dir: "auto" });
  const box = tick && create("input", { type: "checkbox", id: "ask-tick", name: "tick" });
  const yes = create("button", { class: isGrave ? "button button-danger-filled" : "button", type: "submit" }, words);
  const no = create("button", { class: "button button-quiet", type: "button" }, "Cancel");
  const form = create(
    "form",
    { class: "dialog-body" },
    create("h2", { id: "ask-title" }, title),
    create("p", {}, text),
    field && create("div", { class: "field" }, create("label", { for: "ask-line" }, field.label), line, create("span", { class: "hint" }, field.hint)),
    tick && create("label", { class: "tick", for: "ask-tick" }, box, create("span", {}, tick.label)),
    failures,
    create("div", { class: "button-row" }, yes, no),
  );
  return new Promise((resolve) => {
    let isDone = false;
    const dialog = shown(form, "ask-title", () => resolve(isDone));
    no.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      yes.disabled = true;
      yes.textContent = busyWords;
      failures.replaceChildren();
      try {
        await run({ line: line?.value.trim() ?? "", isTicked: box?.checked ?? false });
        isDone = true;
        dialog.close();
      } catch (failure) {
        failures.replaceChildren(failureNotice(wordsFor(failure)));
        yes.disabled = false;
        yes.textContent = words;
      }
    });
  });
}

/** Something that is told this once, to be copied; `file` names what it can be saved as. Resolves when it is closed. */
export function tell({ title, text, secret, file }) {
  const note = create("span", { class: "hint", role: "status" });
  const copy = create("button", { class: "button", type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(secret);
      note.textContent = "Copied.";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(shownText);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      note.textContent = "It is marked: copy it with your keyboard.";
    }
  });
  const shownText = create("pre", { class: "told", tabindex: 0, "aria-label": title }, secret);
  const save = file && create("a", { class: "button button-quiet", download: file, href: URL.createObjectURL(new Blob([`${secret}\n`], { type: "text/plain" })) }, "Save as a file");
  const close = create("button", { class: "button button-quiet", type: "button", onclick: () => dialog.close() }, "Close");
  const body = create("div", { class: "dialog-body" }, create("h2", { id: "tell-title" }, title), create("p", {}, text), shownText, create("div", { class: "button-row" }, copy, save, close), note);
  let dialog = null;
  return new Promise((resolve) => {
    dialog = shown(body, "tell-title", () => {
      if (save) URL.revokeObjectURL(save.href);
      resolve();
    });
  });
}

function shown(body, titleId, closed) {
  const dialog = create("dialog", { class: "dialog", "aria-labelledby": titleId }, body);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  dialog.showModal();
  return dialog;
}
