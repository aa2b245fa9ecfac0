/** The register form: sends what the API wants and shows its refusals as text; without scripts the form posts itself. */
import { register } from "./api.js";
import { byId, failureNotice } from "./dom.js";

const form = byId("register-form");
const failures = byId("register-failure");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  failures.replaceChildren();
  const { callbackUrl, ...fields } = Object.fromEntries(new FormData(form));
  try {
    await register(fields);
    location.assign(callbackUrl);
  } catch (failure) {
    failures.replaceChildren(failureNotice(failure.message || "The account could not be made. Try again in a moment."));
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});
