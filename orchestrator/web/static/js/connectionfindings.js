/** What this browser and its network mean for playing: findings in words from what was tried. Pure. */

const SLOW_MS = 150;
const VERY_SLOW_MS = 400;

/**
 * `facts`: `hasWebRtc`, `codecs` (names in capitals, null when unknown), `isPairOpen` (two connections inside this browser reached
 * each other), `roundTripMs` (to this site, null when it did not answer). Answers `[{key, level, title, text}]`, `level` being
 * `good`, `note` or `bad`; with a `bad` one nobody can play.
 */
export function findingsFrom({ hasWebRtc, codecs, isPairOpen, roundTripMs }) {
  if (!hasWebRtc) {
    return [bad("webrtc", "No live video", "This browser cannot receive live video (WebRTC), or it is switched off. Use a current Firefox, Chrome, Edge or Safari.")];
  }
  return [streamFinding(isPairOpen), pictureFinding(codecs), distanceFinding(roundTripMs)];
}

export const canPlay = (findings) => findings.every(({ level }) => level !== "bad");

function streamFinding(isPairOpen) {
  if (isPairOpen) return good("stream", "Live video works", "This browser can open the direct connections that a game needs.");
  return bad("stream", "Live connections are blocked", "Something in this browser, such as a privacy extension or a policy, stops direct connections (WebRTC over UDP). Allow WebRTC for this site, or use another browser.");
}

function pictureFinding(codecs) {
  if (codecs === null || codecs.includes("H264")) return good("picture", "The picture can be shown", "This browser takes the kind of video that is sent first (H.264).");
  if (codecs.includes("VP8")) return note("picture", "Another kind of video", "This browser takes no H.264, so you are sent VP8: it works, and the picture is a little less sharp.");
  return bad("picture", "No video that we can send", "This browser takes neither H.264 nor VP8. Use a current Firefox, Chrome, Edge or Safari.");
}

function distanceFinding(roundTripMs) {
  if (roundTripMs === null) return note("distance", "No answer", "This site did not answer just now. See whether you are online.");
  const words = `The way to this site and back takes ${Math.round(roundTripMs)} ms.`;
  if (roundTripMs <= SLOW_MS) return good("distance", "The network is quick", words);
  const title = roundTripMs <= VERY_SLOW_MS ? "The network is slow" : "The network is very slow";
  return note("distance", title, `${words} You will feel it in quick games: a cable, or a place nearer to the Wi-Fi, helps most.`);
}

const good = (key, title, text) => ({ key, level: "good", title, text });
const note = (key, title, text) => ({ key, level: "note", title, text });
const bad = (key, title, text) => ({ key, level: "bad", title, text });
