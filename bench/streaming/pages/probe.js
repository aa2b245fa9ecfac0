/**
 * What the benchmark asks of any page that shows a stream, whoever made the page. Runs before the page's own scripts.
 *
 * All moments are `performance.now()`. A picture counts as shown when `requestVideoFrameCallback` calls: reading its pixels back
 * takes milliseconds that no player waits for.
 */
(() => {
  if (window.top !== window) return;
  const connections = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...given) {
      super(...given);
      connections.push(this);
    }
  };

  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let selector = "video";
  let answered = Promise.resolve(null);

  const video = () => document.querySelector(selector);

  /** The pixels of a part of the picture, in its own size; null while there is none. */
  function read(x, y, width, height) {
    const element = video();
    if (!element?.videoWidth) return null;
    canvas.width = width;
    canvas.height = height;
    context.drawImage(element, x, y, width, height, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  }

  function pixel() {
    const element = video();
    const data = read(Math.floor((element?.videoWidth ?? 0) * 0.75), Math.floor((element?.videoHeight ?? 0) * 0.75), 1, 1);
    return data && [data[0], data[1], data[2]];
  }

  window.probe = {
    /** The element whose picture is meant. */
    watch(wanted) {
      selector = wanted;
    },

    pixel,

    isLive() {
      return Boolean(video()?.videoWidth);
    },

    /** Where the picture's element is, in the page's pixels. */
    box() {
      const { left, top, width, height } = video().getBoundingClientRect();
      return [left, top, width, height];
    },

    /** Waits for the next press and then for the picture to change; `taken` has what came of it. */
    arm(timeoutMs) {
      const before = pixel();
      answered = new Promise((resolve) => {
        const pressed = () => {
          const pressedAt = performance.now();
          setTimeout(() => resolve(null), timeoutMs);
          const look = (now, frame) => {
            const shownAt = performance.now();
            const seen = pixel();
            if (!seen.some((value, index) => Math.abs(value - before[index]) > 30)) video().requestVideoFrameCallback(look);
            else resolve({ pressedAt, shownAt, receivedAt: frame.receiveTime ?? null, processing: frame.processingDuration ?? null });
          };
          video().requestVideoFrameCallback(look);
        };
        window.addEventListener("pointerdown", pressed, { capture: true, once: true });
      });
    },

    taken() {
      return answered;
    },

    /** For every frame shown in so many milliseconds: when, and the brightness of each of `blocks` squares of `size` px at its upper edge. */
    async markers(forMs, blocks, size) {
      const seen = [];
      const until = performance.now() + forMs;
      await new Promise((resolve) => {
        const look = () => {
          if (performance.now() >= until) {
            resolve();
            return;
          }
          const at = performance.now();
        const data = read(0, size / 2, blocks * size, 1);
          const levels = [];
          for (let index = 0; index < blocks; index += 1) levels.push(data[4 * (index * size + size / 2) + 1]);
          seen.push([at, levels]);
          video().requestVideoFrameCallback(look);
        };
        video().requestVideoFrameCallback(look);
        setTimeout(resolve, forMs + 1000); // a stream that stands still calls nobody
      });
      return seen;
    },

    /** Totals of the incoming picture: bytes, frames, and how it comes. Null where it does not come by WebRTC. */
    async incoming() {
      for (const connection of connections) {
        if (connection.connectionState !== "connected") continue;
        const entries = [...(await connection.getStats()).values()];
        const inbound = entries.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
        if (!inbound) continue;
        const pair = entries.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
        const remote = entries.find((entry) => entry.id === pair?.remoteCandidateId);
        return {
          bytes: inbound.bytesReceived,
          decoded: inbound.framesDecoded,
          dropped: inbound.framesDropped ?? 0,
          decode_s: inbound.totalDecodeTime ?? 0,
          held_s: inbound.jitterBufferDelay ?? 0,
          emitted: inbound.jitterBufferEmittedCount ?? 0,
          codec: entries.find((entry) => entry.id === inbound.codecId)?.mimeType ?? "",
          from: remote ? `${remote.address}:${remote.port}` : "",
        };
      }
      return null;
    },

    /** Half of the quickest round trip to `url`, which answers nanoseconds of the monotonic clock: what to add to `performance.now()`. */
    async clockOffset(url) {
      let best = { trip: Infinity, offset: 0 };
      for (let round = 0; round < 40; round += 1) {
        const sent = performance.now();
        const theirs = Number(await (await fetch(url)).text()) / 1e6;
        const trip = performance.now() - sent;
        if (trip < best.trip) best = { trip, offset: theirs - (sent + trip / 2) };
      }
      return best;
    },
  };
})();
