/** The connection check: by itself before the first launch in this browser, and whenever somebody asks for it. */
import { gatherFacts } from "./connectionfacts.js";
import { canPlay, findingsFrom } from "./connectionfindings.js";
import { create } from "./dom.js";

const CHECKED = "playhouse.connection-checked";
const VERSION = "1";
const WORDS = { good: "Fine", note: "Note", bad: "Problem" };

/** The findings if playing would fail, the first time in this browser; else null, at once when it was checked before. A check
 *  that fails itself keeps nobody from playing. */
export async function troubleBeforeFirstLaunch() {
  if (recalled() === VERSION) return null;
  const facts = await gatherFacts().catch(() => null);
  if (facts === null) return null;
  const findings = findingsFrom(facts);
  if (!canPlay(findings)) return findings.filter(({ level }) => level === "bad");
  remember();
  return null;
}

/** The dialog of the game page; `open()` checks anew. */
export class ConnectionCheck {
  constructor({ dialog, title, body, close }) {
    this._dialog = dialog;
    this._title = title;
    this._body = body;
    close.addEventListener("click", () => dialog.close());
  }

  async open() {
    this._body.replaceChildren(create("p", { role: "status" }, "Checking. This takes two seconds at most."));
    this._dialog.showModal();
    this._title.focus();
    const findings = findingsFrom(await gatherFacts());
    if (canPlay(findings)) remember();
    this._body.replaceChildren(create("p", { class: "check-verdict", role: "status" }, verdict(findings)), create("ul", { class: "checks" }, findings.map(line)));
  }
}

function verdict(findings) {
  if (!canPlay(findings)) return "You cannot play with this browser as it is.";
  return findings.some(({ level }) => level === "note") ? "You can play. Something could be better." : "You can play.";
}

function line({ level, title, text }) {
  return create(
    "li",
    { class: `check check-${level}` },
    create("span", { class: "check-lamp", "aria-hidden": "true" }),
    create("div", {}, create("h3", {}, create("span", { class: "visually-hidden" }, `${WORDS[level]}: `), title), create("p", {}, text)),
  );
}

function recalled() {
  try {
    return localStorage.getItem(CHECKED);
  } catch {
    return null; // storage may be switched off: then it is checked each time
  }
}

function remember() {
  try {
    localStorage.setItem(CHECKED, VERSION);
  } catch {
    // as above
  }
}
