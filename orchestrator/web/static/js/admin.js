/** The pages under /admin: what their buttons do. All that is shown was written by the server; after a change the page is asked for again. */
import { buttonsDo, wordsFor } from "./acts.js";
import { callAdmin } from "./api.js";
import { tell } from "./adminask.js";
import { keepFresh } from "./adminlive.js";
import { byId, failureNotice } from "./dom.js";

const path = (...parts) => `/api/admin/${parts.map(encodeURIComponent).join("/")}`;
const counted = (count, word) => (Number(count) === 1 ? `1 ${word}` : `${count} ${word}s`);

/** By the word of a button: what is asked before, what is done, and what is said afterwards. `about` is the button's data. */
const ACTS = {
  drain: (about) => ({
    title: `Drain ${about.name}?`,
    text: Number(about.sessions) ? `It gets no new session. ${counted(about.sessions, "session")} there ${Number(about.sessions) === 1 ? "plays" : "play"} on.` : "It gets no new session. Nothing plays there now.",
    words: "Drain it",
    busyWords: "Draining…",
    tick: { label: "Save what nobody is connected to, and let it go on elsewhere" },
    run: ({ isTicked }) => callAdmin("PATCH", path("hosts", about.id), { isDraining: true, movesIdle: isTicked }),
    done: `${about.name} gets no new session.`,
  }),
  resume: (about) => ({ run: () => callAdmin("PATCH", path("hosts", about.id), { isDraining: false }), done: `${about.name} takes sessions again.` }),
  remove: (about) => ({
    title: `Remove ${about.name}?`,
    text: Number(about.sessions)
      ? `Its key works no longer. ${counted(about.sessions, "session")} there ${Number(about.sessions) === 1 ? "goes" : "go"} on elsewhere from the newest save: what came after that is lost to the player. Drain it first if that can wait.`
      : "Its key works no longer. To use the machine again, empty the agent's folder and join anew.",
    words: "Remove it",
    busyWords: "Removing…",
    isGrave: true,
    run: () => callAdmin("DELETE", `${path("hosts", about.id)}?force=${Number(about.sessions) > 0}`),
    done: `${about.name} was removed.`,
  }),
  stop: (about) => ({
    title: `Stop ${about.name}${about.who ? ` of ${about.who}` : ""}?`,
    text: "The game ends with its save.",
    words: "Stop it",
    busyWords: "Stopping…",
    isGrave: true,
    field: { label: "Why", hint: "The player reads it. It may stay empty.", maxlength: 200 },
    run: ({ line }) => callAdmin("POST", path("sessions", about.id, "stop"), { reason: line }),
    done: `${about.name} is being stopped.`,
  }),
  suspend: (about) => ({
    title: `Suspend ${about.name}?`,
    text: "Signed out everywhere and kept out until you let them in again; a running game is stopped with its save.",
    words: "Suspend",
    busyWords: "Suspending…",
    isGrave: true,
    run: () => callAdmin("PATCH", path("users", about.id), { state: "suspended" }),
    done: `${about.name} is suspended.`,
  }),
  close: (about) => ({
    title: `Close the account of ${about.name}?`,
    text: "Signed out everywhere for good; a running game is stopped with its save. The account is kept, so that nobody can register with its address again.",
    words: "Close it",
    busyWords: "Closing…",
    isGrave: true,
    run: () => callAdmin("PATCH", path("users", about.id), { state: "closed" }),
    done: `The account of ${about.name} is closed.`,
  }),
  activate: (about) => ({
    title: `Let ${about.name} in again?`,
    text: "They can sign in as before.",
    words: "Let in",
    busyWords: "Letting in…",
    run: () => callAdmin("PATCH", path("users", about.id), { state: "active" }),
    done: `${about.name} may sign in again.`,
  }),
  access: (about) => ({
    title: about.needs ? `Ask for a code for ${about.name}?` : `Open ${about.name} to everybody?`,
    text: about.needs ? "Only who has redeemed a code can begin a game. Saves that are there stay." : "Nobody needs a code any more. Who has redeemed one keeps it.",
    words: about.needs ? "Ask for a code" : "Open it",
    busyWords: "Changing…",
    run: () => callAdmin("PATCH", path("games", about.id, "access"), { needsCode: Boolean(about.needs) }),
    done: about.needs ? `${about.name} needs a code now.` : `${about.name} is everybody's now.`,
  }),
  revoke: (about) => ({
    title: `Revoke ${about.name}?`,
    text: Number(about.left) === 1 ? "One code that nobody has redeemed becomes worthless." : `${about.left} codes that nobody has redeemed become worthless.`,
    words: "Revoke",
    busyWords: "Revoking…",
    isGrave: true,
    run: () => callAdmin("DELETE", path("codes", about.id)),
    done: `${about.name}: revoked.`,
  }),
  admit: (about) => ({
    title: `Add a member of ${about.name}`,
    text: "They open its console: keys, webhooks, theme, sessions.",
    words: "Add",
    busyWords: "Adding…",
    field: { label: "E-mail address", hint: "Of an account here.", maxlength: 320 },
    tick: { label: "Also if the account has not confirmed this address" },
    run: ({ line, isTicked }) => callAdmin("POST", path("tenants", about.id, "members"), { email: line, mayBeUnconfirmed: isTicked }),
    done: `${about.name} has another member.`,
  }),
  dismiss: (about) => ({
    title: `Remove ${about.name}?`,
    text: `They open the console of ${about.tenant} no longer. The keys that they have seen go on: replace them if need be.`,
    words: "Remove",
    busyWords: "Removing…",
    isGrave: true,
    run: () => callAdmin("DELETE", path("tenants", about.id, "members", about.member)),
    done: `${about.name} is no member of ${about.tenant} any more.`,
  }),
  token: () => ({ run: addHost, done: "" }),
};

async function addHost() {
  const { token } = await callAdmin("POST", path("join-tokens"), { labels: {} });
  await tell({
    title: "Add a host",
    text: "On a Linux machine with Docker, after make setup. The token is shown this once, is good for one machine and for a day. Say with --public-url where browsers reach the machine.",
    secret: `PLAYHOUSE_HOST_TOKEN=${token} gameserver-agent run --orchestrator ${location.origin} --port 9100 --public-url https://HOST.example`,
  });
}

const byIdOrNull = (id) => document.getElementById(id);

buttonsDo(ACTS);
document.addEventListener("click", (event) => event.target.closest(".stall, .dot")?.closest(".host")?.querySelector("a").click());

const making = byIdOrNull("make-codes");
making?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = making.querySelector("button");
  const fields = Object.fromEntries(new FormData(making));
  const failures = byId("make-failure");
  failures.replaceChildren();
  button.disabled = true;
  try {
    const made = await callAdmin("POST", path("codes"), {
      gameSlug: making.dataset.slug,
      count: Number(fields.count),
      note: fields.note.trim() || null,
      expiresAt: fields.expires ? `${fields.expires}T00:00:00Z` : null,
    });
    await tell({
      title: made.newCodes.length === 1 ? "One new code" : `${made.newCodes.length} new codes`,
      text: "They are shown this once and kept as hashes. A list that is lost is revoked and made anew.",
      secret: made.newCodes.join("\n"),
      file: `codes-${made.gameSlug}-${made.id}.txt`,
    });
    location.reload();
  } catch (failure) {
    failures.replaceChildren(failureNotice(wordsFor(failure)));
    button.disabled = false;
  }
});


if (byIdOrNull("live")?.hasAttribute("data-live")) keepFresh(() => document.querySelector("dialog[open]") === null);
