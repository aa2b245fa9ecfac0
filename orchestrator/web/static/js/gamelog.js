/** The last lines that a game wrote: to read, to scroll, to copy. Long ones are folded. */
import { create } from "./dom.js";

const SHORT_LINES = 6;

/** A folded or open box with the lines; null when there are none. */
export function gameLog(lines) {
  if (lines.length === 0) return null;
  const text = lines.join("\n");
  const said = create("span", { class: "hint", role: "status" });
  const words = create("pre", { tabindex: "0", role: "region", "aria-label": "What the game wrote last" }, text);
  const copy = create("button", { class: "button button-quiet button-small", type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    said.textContent = (await copied(text, words)) ? "Copied." : "Press Control+C to copy.";
  });
  const title = lines.length === 1 ? "The last line of the game" : `The last ${lines.length} lines of the game`;
  return create("details", { class: "log", open: lines.length <= SHORT_LINES }, create("summary", {}, title), words, create("div", { class: "log-foot" }, copy, said));
}

/** Plain HTTP on a home network has no clipboard for pages: the lines are selected then, and the old command is tried. */
async function copied(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
