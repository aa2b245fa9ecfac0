/** The page of one's own account: name, password, devices, and its end. */
import { askForConfirmation, changeAccount, changeEmail, changePassword, deleteAccount, listDevices, serverNowMs, signOutDevice, signOutOtherDevices, wentToSignIn } from "./api.js";
import { byId, create, failureNotice } from "./dom.js";
import { formatAgo, formatMoment } from "./format.js";
import { answersInPlace, doneNotice } from "./forms.js";
import { describeFailure, waitWords } from "./messages.js";

const list = byId("devices");
const devicesNote = byId("devices-note");
const others = byId("others-button");


function wordsFor(failure) {
  if (wentToSignIn(failure)) return "You are signed out.";
  if (failure.code === "wrong_password") return "The current password is wrong.";
  if (failure.code === "guessable_password") return failure.message;
  if (failure.code === "rate_limited") return `Too many tries.${waitWords(failure.retryAfterS)}`;
  const { title, text } = describeFailure(failure);
  return `${title}. ${text}`;
}

answersInPlace(byId("name-form"), {
  note: byId("name-note"),
  busyWords: "Saving…",
  send: async ({ name }) => {
    const account = await changeAccount({ name });
    byId("name").value = account.name;
    for (const shown of document.querySelectorAll(".account-name")) shown.textContent = account.name;
    return "Your name is saved.";
  },
  wordsFor: (failure) => (failure.code === "invalid_request" ? "Please give a name of at most 100 characters." : wordsFor(failure)),
  focusAfter: byId("name"),
});

const passwordForm = document.getElementById("password-form"); // who comes in with Google may have none
if (passwordForm) {
  answersInPlace(passwordForm, {
    note: byId("password-note"),
    busyWords: "Changing…",
    send: async ({ currentPassword, newPassword }) => {
      await changePassword({ currentPassword, newPassword });
      passwordForm.reset();
      showDevices();
      return "Your password is changed, and you are signed out everywhere else.";
    },
    wordsFor: (failure) => (failure.code === "invalid_request" ? "The new password needs at least 8 characters." : wordsFor(failure)),
    focusAfter: ({ code }) => byId(["invalid_request", "guessable_password"].includes(code) ? "new-password" : "current-password"),
  });
}

const emailForm = document.getElementById("email-form");
if (emailForm) {
  answersInPlace(emailForm, {
    note: byId("email-note"),
    busyWords: "Sending…",
    send: async ({ email, password }) => {
      await changeEmail({ email, password });
      emailForm.reset();
      return `A letter is on its way to ${email}. Open the link in it within three days; until then nothing changes.`;
    },
    wordsFor: (failure) => {
      if (failure.code === "wrong_password") return "The password is wrong. Nothing was changed.";
      return failure.code === "invalid_request" ? "Please give another e-mail address than the one you have." : wordsFor(failure);
    },
    focusAfter: byId("new-email"),
  });
}

document.getElementById("confirm-button")?.addEventListener("click", async ({ currentTarget: button }) => {
  const note = byId("confirm-note");
  button.disabled = true;
  try {
    await askForConfirmation();
    note.replaceChildren(doneNotice("The letter is on its way. Open the link in it to confirm your address."));
  } catch (failure) {
    note.replaceChildren(failureNotice(wordsFor(failure)));
    button.disabled = false;
  }
});

const dialog = byId("delete-dialog");
byId("delete-button").addEventListener("click", () => dialog.showModal());
byId("keep-button").addEventListener("click", () => dialog.close());

const deleteForm = document.getElementById("delete-form");
if (deleteForm) {
  dialog.addEventListener("close", () => {
    deleteForm.reset();
    byId("delete-note").replaceChildren();
  });
  answersInPlace(deleteForm, {
    note: byId("delete-note"),
    busyWords: "Deleting…",
    send: async ({ password }) => {
      await deleteAccount(password);
      location.assign("/goodbye");
      return "Your account is deleted.";
    },
    wordsFor: (failure) => (failure.code === "wrong_password" ? "The password is wrong. Nothing was deleted." : wordsFor(failure)),
    focusAfter: byId("delete-password"),
  });
}

function entry(device) {
  const when = create("time", { datetime: device.signedInAt, title: formatMoment(device.signedInAt, serverNowMs()) }, formatAgo(device.signedInAt, serverNowMs()));
  return create(
    "li",
    { class: "device" },
    create(
      "span",
      { class: "device-text" },
      create("strong", {}, device.name),
      device.isCurrent && [" ", create("span", { class: "mark" }, "This device")],
      create("span", { class: "hint" }, "Signed in ", when),
    ),
    device.isCurrent
      ? create("button", { class: "button button-quiet button-small", type: "submit", form: "sign-out-form", "aria-label": "Sign out here" }, "Sign out")
      : create("button", { class: "button button-quiet button-small", type: "button", "aria-label": `Sign out ${device.name}`, onclick: (event) => signOut(event.currentTarget, device) }, "Sign out"),
  );
}

async function signOut(button, device) {
  await act(button, () => signOutDevice(device.id), `${device.name} is signed out.`);
}

async function act(button, work, words) {
  button.disabled = true;
  devicesNote.replaceChildren();
  try {
    await work();
    await showDevices();
    devicesNote.replaceChildren(doneNotice(words));
    byId("devices-title").focus(); // the button has gone
  } catch (failure) {
    if (failure.code === "not_found") {
      await showDevices(); // it was signed out elsewhere
      return;
    }
    devicesNote.replaceChildren(failureNotice(wordsFor(failure)));
    button.disabled = false;
  }
}

others.addEventListener("click", () => act(others, signOutOtherDevices, "You are signed out everywhere else."));

async function showDevices() {
  try {
    const { devices } = await listDevices();
    const [current, rest] = [devices.filter(({ isCurrent }) => isCurrent), devices.filter(({ isCurrent }) => !isCurrent)];
    list.replaceChildren(...[...current, ...rest].map(entry));
    others.hidden = rest.length === 0;
    others.disabled = false;
  } catch (failure) {
    if (wentToSignIn(failure)) return;
    list.replaceChildren(create("li", {}, failureNotice(wordsFor(failure), create("button", { class: "button button-quiet", type: "button", onclick: showDevices }, "Try again"))));
  }
  list.removeAttribute("aria-busy");
}

list.replaceChildren(create("li", { class: "skeleton device-skeleton", "aria-hidden": "true" }));
showDevices();
