/** The curtain around and after a session: stopping, how it ended, that another tab plays, or that it is not there. It only draws. */
import { create } from "./dom.js";
import { describeEnd, hasRun } from "./ends.js";
import { formatCpuSeconds, formatDuration } from "./format.js";
import { gameLog } from "./gamelog.js";

const UNKNOWN = "–";

function scene(id, heading, ...content) {
  return create("div", { class: "curtain-inner", id }, create("h1", { tabindex: "-1" }, heading), ...content);
}

const lead = (text, properties = {}) => create("p", { class: "lead", ...properties }, text);
const toLibrary = (look) => create("a", { class: `button ${look}`, href: "/" }, "Library");

/** The session is being stopped; `isLong` when it takes its time. */
export function stoppingScene({ hasPlayed, isLong }) {
  const [heading, text] = hasPlayed
    ? ["Keeping your saves", "The game is being stopped, and what you saved in it is kept. This takes a few seconds."]
    : ["Cancelling the start", "The game is being stopped before it begins."];
  const more = "This takes longer than usual. The game gets time to close, then its save is sent. After a minute at most it is ended, with the last good save kept. You can leave this page: it goes on without you.";
  return scene("stopping", heading, lead(text, { role: "status" }), isLong && create("p", { class: "hint", role: "status" }, more), isLong && create("div", { class: "button-row" }, toLibrary("button-quiet")));
}

/** The session is over: what happened, what to do next, the figures, and the game's last lines. `onAgain` may be null. */
export function endScene({ gameTitle, gameSlug, error, statistics, onAgain }) {
  const end = describeEnd(error, hasRun(statistics));
  const isWaiting = end.code === "save_failed";
  const again = end.again && onAgain;
  const mayUndo = end.leadsToSaves && gameSlug;
  return scene(
    end.isCalm ? "ending" : "failed",
    end.title,
    create("p", { class: "eyebrow" }, gameTitle),
    lead(end.text, end.isCalm ? {} : { role: "alert" }),
    create("p", { class: "next-step", id: "next-step" }, end.next),
    create(
      "div",
      { class: "button-row" },
      again && create("button", { class: `button ${isWaiting ? "button-quiet" : "button-lit"}`, type: "button", id: "again-button", onclick: onAgain }, end.again),
      mayUndo && create("a", { class: "button button-quiet", href: `/games/${encodeURIComponent(gameSlug)}#slots-title` }, "Your saves"),
      toLibrary(again && !isWaiting ? "button-quiet" : "button-lit"),
    ),
    figures(statistics),
    end.decider && create("p", { class: "hint", id: "decider" }, end.decider),
    gameLog(end.lines),
  );
}

function figures(statistics) {
  if (!hasRun(statistics)) return null;
  const { duration, cpuSeconds = null, peakMemoryMb = null } = statistics;
  return create(
    "dl",
    { class: "figures" },
    figure("figure-duration", "Played", formatDuration(duration)),
    figure("figure-cpu", "Processor time", cpuSeconds === null ? UNKNOWN : formatCpuSeconds(cpuSeconds)),
    figure("figure-memory", "Peak memory", peakMemoryMb === null ? UNKNOWN : `${Math.round(peakMemoryMb).toLocaleString("en")} MB`),
  );
}

function figure(id, name, value) {
  return create("div", { class: "figure" }, create("dt", {}, name), create("dd", { id }, value));
}

/** A newer connection of the same player won. */
export function replacedScene({ onHere }) {
  return scene(
    "replaced",
    "You are playing on another tab or device",
    lead("The game goes on there. You can bring it back here at any time."),
    create("div", { class: "button-row" }, create("button", { class: "button button-lit", type: "button", id: "play-here-button", onclick: onHere }, "Play here"), toLibrary("button-quiet")),
  );
}

/** There is no such session for this person, or the server cannot be asked. */
export function lostScene({ title, text }) {
  return scene("lost", title, lead(text, { role: "alert" }), create("div", { class: "button-row" }, toLibrary("button-lit")));
}
