/** The history page: the game that runs now, and the sessions that are over, newest first, each with how it ended. The page's number is in the address. */
import { listHistory, wentToSignIn } from "./api.js";
import { byId, create, failureNotice } from "./dom.js";
import { describeEnd, hasRun } from "./ends.js";
import { formatAgo, formatCpuSeconds, formatDuration, formatMoment } from "./format.js";
import { gameLog } from "./gamelog.js";
import { describeFailure } from "./messages.js";
import { runningBanner, runningSessions } from "./running.js";

const LIMIT = 20;
const shelf = byId("history");
const announcer = byId("history-status");

/** The page that an address asks for; 1 when it asks for none or for nonsense. */
function pageOf(search) {
  const page = Number.parseInt(new URLSearchParams(search).get("page") ?? "1", 10);
  return page >= 1 ? page : 1;
}

function entry(session) {
  const end = describeEnd(session.end, hasRun(session));
  const facts = [
    ["Played", hasRun(session) ? formatDuration(session.duration) : "Not at all"],
    ["Slot", session.saveSlot ?? "–"],
  ];
  return create(
    "li",
    { class: "past" },
    create(
      "details",
      {},
      create(
        "summary",
        {},
        create(
          "span",
          { class: "past-what" },
          create("span", { class: "past-title" }, session.gameTitle),
          create("span", { class: "hint" }, create("time", { datetime: session.startedAt, title: formatAgo(session.startedAt, Date.now()) }, formatMoment(session.startedAt, Date.now()))),
        ),
        create("span", { class: end.isCalm ? "past-end" : "past-end past-trouble" }, end.short),
        create("span", { class: "past-facts" }, facts.map(([name, value]) => create("span", { class: "past-fact" }, create("span", { class: "hint" }, name), create("span", {}, String(value))))),
      ),
      details(session, end),
    ),
  );
}

function details(session, end) {
  const figures = [
    session.cpuSeconds !== null && `${formatCpuSeconds(session.cpuSeconds)} of processor time`,
    session.peakMemoryMb !== null && `${Math.round(session.peakMemoryMb)} MB of memory at most`,
  ].filter(Boolean);
  return create(
    "div",
    { class: "past-more" },
    create("p", {}, end.text),
    create("p", {}, end.next),
    create("p", { class: "hint" }, [end.decider, hasRun(session) && figures.length > 0 ? `It took ${figures.join(" and ")}.` : ""].filter(Boolean).join(" ")),
    gameLog(end.lines),
    create("a", { class: "button button-quiet button-small", href: `/games/${encodeURIComponent(session.gameSlug)}` }, `Go to ${session.gameTitle}`),
  );
}

function empty(page) {
  if (page > 1) return create("div", { class: "empty" }, create("h2", {}, "There is nothing older"), create("a", { class: "button", href: "/history" }, "Go to the newest"));
  return create(
    "div",
    { class: "empty" },
    create("h2", {}, "Nothing here yet"),
    create("p", {}, "When you have played, you find here what it was, how long, and how it ended."),
    create("a", { class: "button", href: "/" }, "Pick a game"),
  );
}

function pages({ page, totalPages }) {
  if (totalPages <= 1) return [];
  const link = (to, words, relation) => create("a", { class: "button button-quiet", href: to === 1 ? "/history" : `/history?page=${to}`, rel: relation }, words);
  return [
    create(
      "nav",
      { class: "pages", "aria-label": "Pages" },
      page > 1 && link(page - 1, "Newer", "prev"),
      create("span", { class: "hint" }, `Page ${page} of ${totalPages}`),
      page < totalPages && link(page + 1, "Older", "next"),
    ),
  ];
}

async function show() {
  const page = pageOf(location.search);
  try {
    const { sessions, pagination } = await listHistory({ page, limit: LIMIT });
    const isEmpty = sessions.length === 0;
    shelf.replaceChildren(...(isEmpty ? [empty(page)] : [create("ol", { class: "history" }, sessions.map(entry)), ...pages(pagination)]));
    announcer.textContent = pagination.total === 1 ? "1 session" : `${pagination.total} sessions`;
  } catch (failure) {
    if (wentToSignIn(failure)) return;
    const { title, text } = describeFailure(failure);
    shelf.replaceChildren(failureNotice(`${title}. ${text}`, create("button", { class: "button button-quiet", type: "button", onclick: show }, "Try again")));
  }
  shelf.removeAttribute("aria-busy");
}

async function showRunning() {
  byId("running").replaceChildren(...(await runningSessions()).map(runningBanner));
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) showRunning();
});
shelf.replaceChildren(create("div", { class: "history", "aria-hidden": "true" }, Array.from({ length: 3 }, () => create("div", { class: "skeleton past-skeleton" }))));
show();
showRunning();
