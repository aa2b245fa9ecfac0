/** Tries what playing needs, in two seconds at most: the facts for connectionfindings.js. It asks no other site. */

const WITHIN_MS = 2000;
const ROUND_TRIPS = 3;

export async function gatherFacts() {
  const hasWebRtc = typeof RTCPeerConnection === "function";
  const [isPairOpen, roundTripMs] = await Promise.all([hasWebRtc ? opensPair() : false, roundTrip()]);
  return { hasWebRtc, codecs: codecs(), isPairOpen, roundTripMs };
}

function codecs() {
  const found = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  return found ? [...new Set(found.map(({ mimeType }) => mimeType.replace("video/", "").toUpperCase()))] : null;
}

/** Whether two connections inside this browser reach each other. */
async function opensPair() {
  let [one, other] = [null, null];
  try {
    [one, other] = [new RTCPeerConnection(), new RTCPeerConnection()];
    for (const [from, to] of [[one, other], [other, one]]) {
      from.addEventListener("icecandidate", ({ candidate }) => candidate && to.addIceCandidate(candidate).catch(() => {}));
    }
    const channel = one.createDataChannel("check");
    const opened = new Promise((resolve) => {
      channel.addEventListener("open", () => resolve(true), { once: true });
      setTimeout(() => resolve(false), WITHIN_MS);
    });
    await one.setLocalDescription();
    await other.setRemoteDescription(one.localDescription);
    await other.setLocalDescription();
    await one.setRemoteDescription(other.localDescription);
    return await opened;
  } catch {
    return false; // an extension may take the constructor, or its methods, away
  } finally {
    one?.close();
    other?.close();
  }
}

/** The quickest of a few, in milliseconds; null without an answer. */
async function roundTrip() {
  const times = [];
  const patience = new AbortController(); // AbortSignal.timeout is younger than some browsers that can play
  const timer = setTimeout(() => patience.abort(), WITHIN_MS);
  try {
    for (let place = 0; place < ROUND_TRIPS; place += 1) {
      const began = performance.now();
      const response = await fetch("/health/live", { cache: "no-store", signal: patience.signal });
      if (!response.ok) return null;
      times.push(performance.now() - began);
    }
  } catch {
    if (times.length === 0) return null;
  } finally {
    clearTimeout(timer);
  }
  return Math.min(...times);
}
