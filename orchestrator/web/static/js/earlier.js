/** The dialog with the earlier saves of one slot: what there is, and going back to one after a question. */
import { downloadPath, listVersions, restoreVersion, wentToSignIn } from "./api.js";
import { create, failureNotice } from "./dom.js";
import { formatAgo, formatBytes, formatMoments } from "./format.js";
import { describeFailure } from "./messages.js";
import { savePicture } from "./savepicture.js";

export class EarlierSaves {
  /** `onClose(slotId, hasChanged)` when the dialog goes, whichever way. */
  constructor({ dialog, title, body, close, onClose }) {
    this._dialog = dialog;
    this._title = title;
    this._body = body;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => onClose(this._slot.id, this._hasChanged));
  }

  open(slot) {
    this._slot = slot;
    this._hasChanged = false;
    this._title.textContent = `Earlier saves of slot ${slot.slot}`;
    this._dialog.showModal();
    this._list();
  }

  async _list(said = "") {
    const slot = this._slot;
    this._body.replaceChildren(create("p", { class: "hint", role: "status" }, "Looking for your saves."));
    try {
      const { versions } = await listVersions(slot.id);
      if (slot !== this._slot) return;
      const moments = formatMoments(versions.map((version) => version.createdAt), Date.now());
      this._moments = new Map(versions.map((version, index) => [version.id, moments[index]]));
      const shown = [
        ...(said ? [create("p", { class: "notice", role: "status" }, said)] : []),
        slot.inUse && create("p", { class: "notice" }, "The game is being played from this slot. Once it is stopped, you can go back to one of these."),
        !slot.inUse && create("p", { class: "hint" }, versions.length > 1 ? "Go back to one of them: the others stay in this list." : "There is only this one so far. More are kept as you play."),
        create("ul", { class: "versions" }, versions.map((version) => this._row(version))),
      ];
      this._body.replaceChildren(...shown.filter(Boolean));
    } catch (failure) {
      this._fail(failure, () => this._list());
    }
  }

  _row(version) {
    const when = this._moments.get(version.id);
    const mark = version.isHead ? create("span", { class: "mark" }, "Current") : version.isSide && create("span", { class: "mark mark-late" }, "Arrived late");
    const restore = create("button", { class: "button button-quiet button-small", type: "button", "aria-label": `Go back to the save of ${when}`, onclick: () => this._ask(version) }, "Go back to it");
    return create(
      "li",
      { class: "version" },
      savePicture(version.picture),
      create(
        "div",
        { class: "version-text" },
        create("strong", {}, when, mark || null),
        create("p", {}, `${formatAgo(version.createdAt, Date.now())}, ${formatBytes(version.sizeBytes)}`),
        version.isUploaded && create("p", {}, "You handed this one in."),
        version.isSide && !version.isHead && create("p", {}, "Its machine had lost touch, and the game went on elsewhere."),
      ),
      create(
        "div",
        { class: "version-buttons" },
        create("a", { class: "button button-plain button-small", href: downloadPath(this._slot.id, version.id), download: true, "aria-label": `Download the save of ${when}` }, "Download"),
        version.isHead || this._slot.inUse ? null : restore,
      ),
    );
  }

  _ask(version) {
    const yes = create("button", { class: "button", type: "button", onclick: () => this._restore(version, yes) }, "Yes, go back");
    const no = create("button", { class: "button button-quiet", type: "button", onclick: () => this._list() }, "No, keep the current one");
    this._body.replaceChildren(
      create(
        "div",
        { class: "version-question" },
        savePicture(version.picture),
        create("p", {}, create("strong", {}, `Go back to the save of ${this._moments.get(version.id)}?`), " The next game in this slot starts from it. The current save stays in the list, so you can come back."),
        create("div", { class: "button-row" }, yes, no),
      ),
    );
    no.focus();
  }

  async _restore(version, button) {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await restoreVersion(this._slot.id, version.id);
      this._hasChanged = true;
      await this._list(`Done. This slot goes on from the save of ${this._moments.get(version.id)}.`);
      this._title.focus();
    } catch (failure) {
      this._fail(failure, () => this._list(), "Back to the list");
    }
  }

  _fail(failure, onNext, words = "Try again") {
    if (wentToSignIn(failure)) return;
    const { title, text } = describeFailure(failure);
    const next = create("button", { class: "button button-quiet", type: "button", onclick: onNext }, words);
    this._body.replaceChildren(failureNotice(`${title}. ${text}`), create("div", { class: "button-row" }, next));
    next.focus();
  }
}
