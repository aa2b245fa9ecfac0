/** The dialog in which a person looks after one slot: its name, a copy of it for themselves, and deleting it. */
import { deleteSlot, downloadPath, labelSlot, uploadSave, wentToSignIn } from "./api.js";
import { create, failureNotice, icon } from "./dom.js";
import { describeFailure } from "./messages.js";

const MOST_CHARACTERS = 60;

/** What a slot is called on the page. */
export const titleOf = (save) => save.label || `Slot ${save.slot}`;

export class SlotCare {
  /** `onClose(slotId, {hasChanged, isDeleted})` when the dialog goes, whichever way. */
  constructor({ dialog, title, body, close, onClose }) {
    this._dialog = dialog;
    this._title = title;
    this._body = body;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => onClose(this._slot, { hasChanged: this._hasChanged, isDeleted: this._isDeleted }));
  }

  open(slot) {
    this._slot = slot;
    this._hasChanged = false;
    this._isDeleted = false;
    this._title.textContent = `Slot ${slot.slot}`;
    this._words = create("div", { class: "care-words" });
    this._body.replaceChildren(this._words, this._naming(), this._copying(), this._deleting());
    this._dialog.showModal();
    this._title.focus();
  }

  _naming() {
    const input = create("input", { class: "input", id: "slot-name", name: "label", dir: "auto", value: this._slot.label ?? "", maxlength: MOST_CHARACTERS, placeholder: `Slot ${this._slot.slot}`, autocomplete: "off" });
    const button = create("button", { class: "button button-quiet", type: "submit" }, "Save the name");
    const form = create(
      "form",
      { class: "care-part" },
      create("div", { class: "field" }, create("label", { for: "slot-name" }, "Name"), input, create("span", { class: "hint" }, "So that you know it again. Leave it empty for none.")),
      create("div", { class: "button-row" }, button),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._do(button, () => labelSlot(this._slot.id, input.value), (slot) => {
        this._slot = { ...this._slot, label: slot.label };
        input.value = slot.label ?? "";
        return slot.label ? "The name is saved." : "The slot has no name now.";
      });
    });
    return form;
  }

  _copying() {
    const file = create("input", { class: "visually-hidden", type: "file", id: "slot-file", accept: ".zst,.tar.zst,application/zstd", tabindex: -1, "aria-hidden": "true" });
    const choose = create("button", { class: "button button-quiet", type: "button", disabled: this._slot.inUse, onclick: () => file.click() }, icon("up"), "Hand in a copy");
    file.addEventListener("change", () => {
      const [chosen] = file.files;
      file.value = "";
      if (chosen) this._do(choose, () => uploadSave(this._slot.id, chosen), () => "Done. This slot goes on from your copy; what it had before is among its earlier saves.");
    });
    return create(
      "section",
      { class: "care-part", "aria-labelledby": "care-copy" },
      create("h3", { id: "care-copy" }, "A copy for yourself"),
      create("p", { class: "hint" }, this._slot.inUse ? "A copy can be handed in once the game is stopped." : "Keep the save as a file, and hand it in again whenever you like."),
      create("div", { class: "button-row" }, create("a", { class: "button button-quiet", href: downloadPath(this._slot.id), download: true }, icon("down"), "Download"), choose, file),
    );
  }

  _deleting() {
    const button = create("button", { class: "button button-quiet", type: "button", disabled: this._slot.inUse, onclick: () => this._delete(button) }, icon("trash"), "Delete this save");
    return create(
      "section",
      { class: "care-part", "aria-labelledby": "care-delete" },
      create("h3", { id: "care-delete" }, "Delete it"),
      create("p", { class: "hint" }, this._slot.inUse ? "It can be deleted once the game is stopped." : "The slot is free at once. For 30 days you can bring the save back."),
      create("div", { class: "button-row" }, button),
    );
  }

  _delete(button) {
    this._do(button, () => deleteSlot(this._slot.id), () => {
      this._isDeleted = true;
      this._dialog.close();
      return "";
    });
  }

  /** Does what a button says, and says how that went. */
  async _do(button, act, wordsFor) {
    const slot = this._slot;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    this._words.replaceChildren();
    try {
      const answer = await act();
      this._hasChanged = true;
      const words = wordsFor(answer);
      if (words && slot.id === this._slot.id) this._words.replaceChildren(create("p", { class: "notice", role: "status" }, words));
    } catch (failure) {
      if (wentToSignIn(failure)) return;
      const { title, text } = describeFailure(failure);
      this._words.replaceChildren(failureNotice(`${title}. ${text}`));
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }
}
