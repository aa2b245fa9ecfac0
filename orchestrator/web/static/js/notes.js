/** The small notes over the picture: what is wrong with the connection, and what the player should know in time. Pure. */
import { formatBytes } from "./format.js";

const MINUTE_MS = 60_000;
const CAP_NOTES = [
  { key: "cap-1", withinMs: MINUTE_MS },
  { key: "cap-10", withinMs: 10 * MINUTE_MS },
];
const IDLE_WITHIN_MS = 5 * MINUTE_MS;
const RELOCATION_FOR_MS = 10 * MINUTE_MS;
const NEARLY_FULL = 0.9;
const FULL = 0.995;

/** One sentence about the connection, the most urgent one, or "". */
export function connectionNote({ status, streamState, hasPicture, hasTrouble, isOnline, isBlocked = false }) {
  if (["stopped", "error"].includes(status?.status) || streamState === "replaced") return "";
  if (!isOnline) return "This device is offline. Waiting for the network.";
  const isConnected = hasPicture && streamState === "connected";
  if (hasTrouble) return isConnected ? "Playhouse cannot be reached right now. Your game goes on." : "Playhouse cannot be reached. Trying again.";
  if (isBlocked) return "No picture comes through: this network seems to block UDP. Try another network, or ask whoever runs this site for a relay.";
  const isCut = hasPicture && streamState === "reconnecting";
  if (status?.hostSilent && isCut) return "Your game's machine does not answer. If it stays away, your game moves to another one.";
  if (status?.hostSilent && isConnected) return "Playhouse cannot see your game's machine right now. Play on while you see the picture.";
  return isCut ? "The connection broke. Reconnecting." : "";
}

/** What to know while playing, each to be dismissed by its key: `[{key, text}]`. */
export function warningsFor(status, nowMs) {
  if (status?.status !== "running") return [];
  return [relocationNote(status, nowMs), capNote(status, nowMs), idleNote(status, nowMs), saveNote(status)].filter(Boolean);
}

/** Whether the game stands still because nobody watched. Without news we believe the picture. */
export function isStandingStill({ status, streamState, hasTrouble }) {
  return Boolean(status?.paused) && !(hasTrouble && streamState === "connected");
}

/** What a move to another machine cost; told for a while, then it is old news. */
function relocationNote({ relocation }, nowMs) {
  if (!relocation || nowMs - Date.parse(relocation.leftAt) > RELOCATION_FOR_MS) return null;
  return { key: `moved-${relocation.leftAt}`, text: `Your game moved to another machine. ${costOf(relocation)}` };
}

function costOf({ resumedFromAt, lostSeconds }) {
  if (resumedFromAt === null) return "It had not been saved yet, so it begins anew.";
  const seconds = Math.round(lostSeconds);
  if (seconds < 1) return "Nothing was lost.";
  if (seconds < 120) return `You are at your last checkpoint, ${seconds} ${seconds === 1 ? "second" : "seconds"} before.`;
  return `You are at your last checkpoint, ${Math.round(seconds / 60)} minutes before.`;
}

function capNote({ endsAt }, nowMs) {
  const leftMs = Date.parse(endsAt) - nowMs;
  const due = CAP_NOTES.find(({ withinMs }) => leftMs <= withinMs);
  if (!due) return null;
  return { key: due.key, text: `This session ends in ${minutes(leftMs)}: eight hours is the longest. Save your game now.` };
}

function idleNote({ expiresAt, endsAt }, nowMs) {
  const leftMs = Date.parse(expiresAt) - nowMs;
  if (!(leftMs <= IDLE_WITHIN_MS) || Date.parse(endsAt) <= Date.parse(expiresAt)) return null;
  return { key: "idle", text: `Are you still there? The game is stopped in ${minutes(leftMs)}. Save it if you want to keep this moment.` };
}

function saveNote({ save }) {
  if (!save || !(save.limitBytes > 0)) return null;
  const share = save.usedBytes / save.limitBytes;
  const room = `${formatBytes(save.usedBytes)} of ${formatBytes(save.limitBytes)}`;
  if (share >= FULL) return { key: "save-full", text: `Your save folder is full: ${room}. The game cannot save any more. Delete old saves inside the game.` };
  if (share >= NEARLY_FULL) return { key: "save-90", text: `Your save folder is nearly full: ${room}. Delete old saves inside the game to make room.` };
  return null;
}

function minutes(leftMs) {
  if (leftMs <= MINUTE_MS) return "less than a minute";
  return `${Math.ceil(leftMs / MINUTE_MS)} minutes`;
}
