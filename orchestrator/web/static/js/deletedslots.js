/** The saves of a game that were deleted, and bringing one back. */
import { undeleteSlot, wentToSignIn } from "./api.js";
import { create, failureNotice } from "./dom.js";
import { formatAgo, formatDay } from "./format.js";
import { describeFailure } from "./messages.js";
import { savePicture } from "./savepicture.js";
import { titleOf } from "./slotcare.js";

/** Nothing when there are none. `onBack(save)` once one is back. */
export function deletedSaves(deleted, { isFull, onBack }) {
  if (deleted.length === 0) return null;
  const summary = deleted.length === 1 ? "One deleted save" : `${deleted.length} deleted saves`;
  return create(
    "details",
    { class: "deleted", id: "deleted-saves" },
    create("summary", {}, summary),
    isFull ? create("p", { class: "hint" }, "To bring one back, delete another one first: there are three slots.") : null,
    create("ul", { class: "versions" }, deleted.map((save) => row(save, isFull, onBack))),
  );
}

function row(save, isFull, onBack) {
  const button = create("button", { class: "button button-quiet button-small", type: "button", disabled: isFull, "aria-label": `Bring back ${titleOf(save)}` }, "Bring it back");
  const words = create("div", { class: "version-words" });
  button.addEventListener("click", () => bringBack(save, button, words, onBack));
  return create(
    "li",
    { class: "version" },
    savePicture(save.picture),
    create(
      "div",
      { class: "version-text" },
      create("strong", { dir: "auto" }, titleOf(save)),
      create("p", {}, `Deleted ${formatAgo(save.deletedAt, Date.now())}. Gone for good on ${formatDay(save.goneAt)}.`),
    ),
    button,
    words,
  );
}

/** Brings a deleted save back; what stands in the way is said in `words`. */
export async function bringBack(save, button, words, onBack) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await undeleteSlot(save.id);
    await onBack(save);
  } catch (failure) {
    if (wentToSignIn(failure)) return;
    const { title, text } = describeFailure(failure);
    words.replaceChildren(failureNotice(`${title}. ${text}`));
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}
