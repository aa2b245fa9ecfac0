/** The curtain after a session: saving, the final figures, what went wrong, or that another device plays. It only draws. */
import { create } from "./dom.js";
import { formatCpuSeconds, formatDuration } from "./format.js";
import { describeSessionError } from "./messages.js";

function scene(id, heading, ...content) {
  return create("div", { class: "curtain-inner", id }, create("h1", { tabindex: "-1" }, heading), ...content);
}

const toLibrary = (look) => create("a", { class: `button ${look}`, href: "/" }, "Library");

function againButton(words, onAgain) {
  return onAgain && create("button", { class: "button button-lit", type: "button", id: "again-button", onclick: onAgain }, words);
}

function figure(id, name, value) {
  return create("div", { class: "figure" }, create("dt", {}, name), create("dd", { id }, value));
}

/** The session is being saved and stopped. */
export function stoppingScene() {
  return scene("stopping", "Saving your game", create("p", { class: "lead", role: "status" }, "The game is being saved and stopped. This takes a few seconds."));
}

/** The session is over. `note` says why when it was not the player who stopped it. `onAgain` may be null. */
export function stoppedScene({ title, statistics, note, onAgain }) {
  const unknown = "–";
  if (!statistics || Object.values(statistics).every((value) => value === null)) {
    const text = note || `${title} was stopped before it began.`;
    return scene("ending", "Stopped", create("p", { class: "lead" }, text), create("div", { class: "button-row" }, againButton("Play again", onAgain), toLibrary("button-quiet")));
  }
  const { duration = null, cpuSeconds = null, peakMemoryMb = null } = statistics ?? {};
  return scene(
    "ending",
    "Until next time",
    create("p", { class: "lead" }, note || `Your progress in ${title} is saved.`),
    create(
      "dl",
      { class: "figures" },
      figure("figure-duration", "Played", duration === null ? unknown : formatDuration(duration)),
      figure("figure-cpu", "Processor time", cpuSeconds === null ? unknown : formatCpuSeconds(cpuSeconds)),
      figure("figure-memory", "Peak memory", peakMemoryMb === null ? unknown : `${Math.round(peakMemoryMb).toLocaleString("en")} MB`),
    ),
    create("div", { class: "button-row" }, againButton("Play again", onAgain), toLibrary("button-quiet")),
  );
}

/** The session ended in an error: what happened, what to do, and the last lines of the game. */
export function errorScene({ error, onAgain }) {
  const { title, text, advice } = describeSessionError(error ?? {});
  const lines = error?.logTail ?? [];
  return scene(
    "failed",
    title,
    create("p", { class: "lead", role: "alert" }, text),
    advice && create("p", { class: "lead" }, advice),
    create("div", { class: "button-row" }, againButton("Try again", onAgain), toLibrary(onAgain ? "button-quiet" : "button-lit")),
    lines.length > 0 &&
      create("details", { class: "log" }, create("summary", {}, `The last ${lines.length === 1 ? "line" : `${lines.length} lines`} of the game`), create("pre", { tabindex: "0" }, lines.join("\n"))),
  );
}

/** A newer connection of the same player won. */
export function replacedScene({ onHere }) {
  return scene(
    "replaced",
    "Playing on another device",
    create("p", { class: "lead" }, "The game goes on there. You can bring it back here at any time."),
    create("div", { class: "button-row" }, create("button", { class: "button button-lit", type: "button", id: "play-here-button", onclick: onHere }, "Play here"), toLibrary("button-quiet")),
  );
}

/** There is no such session for this person, or the server cannot be asked. */
export function lostScene({ title, text }) {
  return scene("lost", title, create("p", { class: "lead", role: "alert" }, text), create("div", { class: "button-row" }, toLibrary("button-lit")));
}
