/** The game that a person has running now, and the banner that leads back to it. */
import { listSessions } from "./api.js";
import { create } from "./dom.js";
import { formatAgo } from "./format.js";

export const playPath = (sessionId) => `/play/${encodeURIComponent(sessionId)}`;

/** What runs and is not about to end; nothing when the server does not say, since every page works without it. */
export async function runningSessions() {
  const { sessions } = await listSessions().catch(() => ({ sessions: [] }));
  return sessions.filter((session) => session.status !== "stopping");
}

export function runningBanner(session) {
  return create(
    "section",
    { class: "running", "aria-label": "Still running" },
    create(
      "p",
      { class: "running-text" },
      create("strong", {}, `${session.gameTitle} is still running`),
      create("span", {}, `Started ${formatAgo(session.startedAt, Date.now())}. After half an hour without you it stops by itself; your saves are kept.`),
    ),
    create("a", { class: "button button-lit", href: playPath(session.sessionId) }, "Go on playing"),
  );
}
