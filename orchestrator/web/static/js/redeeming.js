/** The form for a library code, wherever it stands. */
import { redeemCode, wentToSignIn } from "./api.js";
import { create, failureNotice } from "./dom.js";
import { describeFailure, waitWords } from "./messages.js";

/** `onDone({gameSlug, gameTitle, isNew})` once a code has worked; with `onCancel` there is a button for it. */
export function redeemForm({ onDone, onCancel = null }) {
  const input = create("input", {
    class: "input code-input",
    id: "code",
    name: "code",
    required: true,
    maxlength: 40,
    placeholder: "ABCD-EFGH-JKMN-PQRS",
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: "false",
    enterkeyhint: "done",
  });
  const button = create("button", { class: "button", type: "submit" }, "Redeem");
  const words = create("div", { class: "redeem-words" });
  const form = create(
    "form",
    { class: "redeem" },
    create("div", { class: "field" }, create("label", { for: "code" }, "Library code"), input, create("span", { class: "hint" }, "Sixteen letters and digits. Gaps and small letters do not matter.")),
    words,
    create("div", { class: "button-row" }, button, onCancel && create("button", { class: "button button-quiet", type: "button", onclick: onCancel }, "Cancel")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    words.replaceChildren();
    try {
      await onDone(await redeemCode(input.value));
    } catch (failure) {
      if (wentToSignIn(failure)) return;
      const { title, text, retryAfterS } = describeFailure(failure);
      words.replaceChildren(failureNotice(`${title}. ${text}${waitWords(retryAfterS)}`));
      input.focus();
      input.select();
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
  return { form, input };
}
