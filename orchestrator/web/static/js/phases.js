/** From an answer of session-status to what the play page shows. Pure. */

/** The phases that have a lamp, in order, with the words under it. */
export const STEPS = [
  { phase: "placing", label: "Finding a machine" },
  { phase: "pulling", label: "Fetching the game" },
  { phase: "restoring", label: "Setting the stage" },
  { phase: "booting", label: "Starting the game" },
];

const ORDER = ["placing", "pulling", "restoring", "booting", "ready"];

/** The phase of an answer; the documented states alone are enough (a server that tells no phase still moves the lamps). */
export function phaseOf(status) {
  if (status.status === "starting") return ORDER.includes(status.phase) ? status.phase : "placing";
  return status.status === "running" ? "ready" : status.status;
}

/** Which scene is played: `starting`, `playing`, `stopping`, `stopped` or `error`. */
export function sceneOf(status) {
  if (status.status === "running") return "playing";
  return ["starting", "stopping", "stopped", "error"].includes(status.status) ? status.status : "starting";
}

/** True when the page may connect: there is somewhere to connect to and a right to do so, booting or not. */
export function canConnect(status) {
  return ["starting", "running"].includes(status.status) && Boolean(status.containerUrl) && Boolean(status.streamToken);
}

/** The lamps for a phase: `[{phase, label, state: "done" | "current" | "waiting"}]`. */
export function stepsFor(phase) {
  const reached = ORDER.indexOf(phase);
  return STEPS.map((step, index) => ({
    ...step,
    state: index < reached ? "done" : index === reached ? "current" : "waiting",
  }));
}

/** True when a later phase had been reached before: the seat that the page knew is no longer the session's. */
export function hasGoneBack(before, phase) {
  return ORDER.includes(phase) && ORDER.indexOf(phase) < ORDER.indexOf(before);
}

/** One sentence about what happens now, for eyes and for screen readers; `isMoving` when the game had been played already. */
export function sentenceFor(status, isMoving = false) {
  const phase = phaseOf(status);
  const left = status.error?.code === "host_drained" ? "Your game's machine is being serviced." : "Your game's machine went away.";
  if (phase === "placing") {
    const why = isMoving ? `${left} Moving your game to another one from the last save.` : "";
    if (status.queuePosition > 1) return `${why} Every machine is busy. You are number ${status.queuePosition} in the queue.`.trim();
    if (status.queuePosition === 1) return `${why} Every machine is busy. You are next.`.trim();
    return why || "Looking for the machine that can start it soonest.";
  }
  if (isMoving && phase !== "ready") return `${left} Another one goes on from the last save.`;
  if (status.paused) return "The game stood still while nobody watched. It goes on in a moment.";
  return {
    pulling: "The machine is fetching the game. This happens only the first time.",
    restoring: "The machine prepares your seat, and your save if there is one.",
    booting: "The game is starting.",
    ready: "Connecting the picture.",
  }[phase] ?? "";
}

/** How far a phase with a known size is: `{share: 0..1, done, total, unit}`, or null. */
export function progressOf(status) {
  const progress = status.progress;
  if (!progress || !(progress.total > 0)) return null;
  const share = Math.min(1, Math.max(0, progress.done / progress.total));
  return { share, done: progress.done, total: progress.total, unit: progress.unit };
}
