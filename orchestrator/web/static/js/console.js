/** The console of a tenant: what its buttons and forms do. All that is shown was written by the server. */
import { buttonsDo, wordsFor } from "./acts.js";
import { callAdmin } from "./api.js";
import { tell } from "./adminask.js";
import { keepFresh } from "./adminlive.js";
import { byId } from "./dom.js";
import { answersInPlace } from "./forms.js";
import { editTheme } from "./themes.js";

const tenantId = location.pathname.split("/")[2];
const here = `/console/${tenantId}`;
const path = (...parts) => `/api/console/${[tenantId, ...parts].map(encodeURIComponent).join("/")}`;
const ifThere = (id, use) => {
  const element = document.getElementById(id);
  if (element) use(element);
};

let told = null;
const tellKey = () => tell({ title: "The new key", text: "It is shown this once. Keep it where your backend finds it, and nowhere else.", secret: told.key });
const tellSecret = () => tell({ title: "The signing secret", text: "It is shown this once. With it your server tells our news from anybody else's.", secret: told.secret });

const ACTS = {
  key: ({ mode }) => ({
    title: `Add a ${mode} key?`,
    text: "Those that are there go on.",
    words: "Make it",
    busyWords: "Making…",
    run: async () => {
      told = await callAdmin("POST", path("keys"), { mode });
    },
    after: tellKey,
  }),
  rotate: ({ mode }) => ({
    title: `Replace the ${mode} keys?`,
    text: `You get a new one. All other ${mode} keys end 60 seconds later: have the new one in place by then.`,
    words: "Replace them",
    busyWords: "Replacing…",
    isGrave: true,
    run: async () => {
      told = await callAdmin("POST", path("keys", "rotate"), { mode });
    },
    after: tellKey,
  }),
  revoke: ({ id, name }) => ({
    title: `Revoke ${name}?`,
    text: "Whatever uses it is refused from this moment on.",
    words: "Revoke it",
    busyWords: "Revoking…",
    isGrave: true,
    run: () => callAdmin("DELETE", path("keys", id)),
    done: `${name} works no longer.`,
  }),
  test: ({ id }) => ({ run: () => callAdmin("POST", path("webhooks", id, "test")), done: "A webhook.test is on its way: the log shows what becomes of it." }),
  again: ({ id, event }) => ({ run: () => callAdmin("POST", path("webhooks", id, "deliveries", event, "redeliver")), done: "It is sent again." }),
  stop: ({ id }) => ({
    title: "Stop this webhook?",
    text: "Nothing more is sent until you restart it. What happens meanwhile stands in the log.",
    words: "Stop it",
    busyWords: "Stopping…",
    isGrave: true,
    run: () => callAdmin("POST", path("webhooks", id, "stop")),
    done: "It is stopped.",
  }),
  restart: ({ id, since }) => {
    let answer = null;
    return {
      title: "Restart this webhook?",
      text: "It gets what happens from now on.",
      words: "Restart it",
      busyWords: "Restarting…",
      tick: { label: "Also send, in its order, what it missed since it was stopped" },
      run: async ({ isTicked }) => {
        answer = await callAdmin("POST", path("webhooks", id, "restart"), isTicked ? { since } : {});
      },
      done: () => (answer.sentAgain === 0 ? "It gets its news again." : `It gets its news again, and ${answer.sentAgain === 1 ? "one event" : `${answer.sentAgain} events`} that it missed.`),
    };
  },
  secret: ({ id }) => ({
    title: "Make a new signing secret?",
    text: "For a day what is sent is signed by both: by the former one as before, and by the new one in X-BetaGamer-Signature-Next.",
    words: "Make it",
    busyWords: "Making…",
    tick: { label: "The former one may be known to others: it signs nothing more from now on" },
    run: async ({ isTicked }) => {
      told = await callAdmin("POST", path("webhooks", id, "rotate"), isTicked ? { graceHours: 0 } : {});
    },
    after: tellSecret,
  }),
  finish: ({ id }) => ({
    title: "Finish the change of secrets?",
    text: "The former secret signs nothing more. A server that knows it alone takes our news for somebody else's.",
    words: "Finish it",
    busyWords: "Finishing…",
    isGrave: true,
    run: () => callAdmin("DELETE", path("webhooks", id, "former-secret")),
    done: "The new secret alone signs now.",
  }),
  remove: ({ id }) => ({
    title: "Remove this webhook?",
    text: "It is gone with its log, and what waits for it is not sent.",
    words: "Remove it",
    busyWords: "Removing…",
    isGrave: true,
    run: () => callAdmin("DELETE", path("webhooks", id)),
    leaveTo: `${here}/webhooks`,
  }),
};

buttonsDo(ACTS);

const chosenEvents = (form) => [...form.querySelectorAll("input[name=events]:checked")].map(({ value }) => value);

ifThere("origins-form", (form) =>
  answersInPlace(form, {
    note: byId("origins-note"),
    busyWords: "Saving…",
    focusAfter: byId("origins"),
    wordsFor,
    send: async ({ origins }) => {
      const listed = origins.split(/\s+/).filter(Boolean);
      const saved = await callAdmin("PUT", path("origins"), { origins: listed });
      byId("origins").value = saved.origins.join("\n");
      return saved.origins.length ? "Saved." : "Saved: no page may use the keys.";
    },
  }),
);

ifThere("add-webhook", (form) =>
  answersInPlace(form, {
    note: byId("add-note"),
    busyWords: "Adding…",
    focusAfter: byId("url"),
    wordsFor,
    send: async ({ url }) => {
      told = await callAdmin("POST", path("webhooks"), { url, events: chosenEvents(form) });
      await tellSecret();
      location.assign(`${here}/webhooks/${encodeURIComponent(told.id)}`);
      return "Added.";
    },
  }),
);

ifThere("change-webhook", (form) =>
  answersInPlace(form, {
    note: byId("change-note"),
    busyWords: "Saving…",
    focusAfter: byId("url"),
    wordsFor,
    send: async ({ url }) => {
      await callAdmin("PATCH", path("webhooks", form.dataset.id), { url, events: chosenEvents(form) });
      return "Saved. What waits already goes to this URL.";
    },
  }),
);

ifThere("theme-form", (form) => editTheme(form, { preview: byId("theme-preview"), hints: byId("theme-hints"), note: byId("theme-note"), save: (theme) => callAdmin("PUT", path("theme"), { theme }), wordsFor }));


if (document.getElementById("live")?.hasAttribute("data-live")) keepFresh(() => document.querySelector("dialog[open]") === null);
