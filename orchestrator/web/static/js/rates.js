/** From two samples of WebRTC statistics, and what was seen of the frames, to what the numbers show. Pure. */

/** Says of a moment whether it is time again: at most once in `everyMs`. */
export function paced(everyMs) {
  let last = -Infinity;
  return (nowMs) => {
    if (nowMs - last < everyMs) return false;
    last = nowMs;
    return true;
  };
}

/** What we keep of an `RTCStatsReport` (any iterable of its entries). */
export function sampleOf(entries) {
  const all = [...entries];
  const video = all.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
  const audio = all.find((entry) => entry.type === "inbound-rtp" && entry.kind === "audio");
  const pair = all.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
  const codec = all.find((entry) => entry.type === "codec" && entry.id === video?.codecId);
  return {
    atMs: video?.timestamp ?? audio?.timestamp ?? pair?.timestamp ?? 0,
    framesDecoded: video?.framesDecoded ?? 0,
    decodeSeconds: video?.totalDecodeTime ?? 0,
    jitterBufferSeconds: video?.jitterBufferDelay ?? 0,
    jitterBufferFrames: video?.jitterBufferEmittedCount ?? 0,
    bytes: (video?.bytesReceived ?? 0) + (audio?.bytesReceived ?? 0),
    packets: video?.packetsReceived ?? 0,
    packetsLost: video?.packetsLost ?? 0,
    audioPackets: audio?.packetsReceived ?? 0,
    audioLevel: audio?.audioLevel ?? null,
    audioEnergy: audio?.totalAudioEnergy ?? null,
    audioBufferSeconds: audio?.jitterBufferDelay ?? 0,
    audioBufferSamples: audio?.jitterBufferEmittedCount ?? 0,
    width: video?.frameWidth ?? null,
    height: video?.frameHeight ?? null,
    codec: codec?.mimeType?.split("/")[1] ?? null,
    decoder: video?.decoderImplementation ?? null,
    roundTripMs: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
  };
}

/** Rates between two samples; a figure that cannot be known yet is null. A still picture has 0 frames a second: that is no fault. */
export function ratesBetween(before, after) {
  const seconds = (after.atMs - before.atMs) / 1000;
  const frames = after.framesDecoded - before.framesDecoded;
  const buffered = after.jitterBufferFrames - before.jitterBufferFrames;
  const lost = Math.max(0, after.packetsLost - before.packetsLost);
  const packets = after.packets - before.packets + lost;
  return {
    framesPerSecond: seconds > 0 ? frames / seconds : null,
    bitrateBps: seconds > 0 ? ((after.bytes - before.bytes) * 8) / seconds : null,
    decodeMs: frames > 0 ? ((after.decodeSeconds - before.decodeSeconds) * 1000) / frames : null,
    bufferMs: buffered > 0 ? ((after.jitterBufferSeconds - before.jitterBufferSeconds) * 1000) / buffered : null,
    lossShare: packets > 0 ? lost / packets : null,
  };
}

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

/**
 * One second's figures; null is unknown.
 *
 * `hostMs` is what the seat says it takes (capture, encoder, queue), `networkMs` half a round trip of a message, and `decodeMs` the
 * time from a frame's last packet to its presentation: measured on the frames shown (`seen.presentMs`), or else what the browser's
 * statistics say of buffer and decoder.
 */
export function figuresOf({ host, rates, roundTripMs, seen }) {
  const hostMs = isKnown(host?.encode_ms) ? host.encode_ms + (host.capture_ms ?? 0) + (host.queue_ms ?? 0) : null;
  const statisticsMs = isKnown(rates?.decodeMs) ? rates.decodeMs + (rates.bufferMs ?? 0) : null;
  return {
    hostMs,
    networkMs: isKnown(roundTripMs) ? roundTripMs / 2 : null,
    decodeMs: seen?.presentMs ?? statisticsMs,
    framesPerSecond: isKnown(rates?.framesPerSecond) ? rates.framesPerSecond : null,
    bitrateBps: isKnown(rates?.bitrateBps) ? rates.bitrateBps : null,
    lossShare: isKnown(rates?.lossShare) ? rates.lossShare : null,
  };
}

const milliseconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** What the numbers show, in their order: `[{key, label, format, scale}]`; a graph reaches up to `scale` at least. */
export const FIGURES = [
  { key: "hostMs", label: "Host", format: milliseconds, scale: 20 },
  { key: "networkMs", label: "Network", format: milliseconds, scale: 20 },
  { key: "decodeMs", label: "Decode", format: milliseconds, scale: 20 },
  { key: "framesPerSecond", label: "Frames", format: (value) => `${Math.round(value)} /s`, scale: 60 },
  { key: "bitrateBps", label: "Bitrate", format: (value) => `${(value / 1e6).toFixed(1)} Mbit/s`, scale: 1e6 },
  { key: "lossShare", label: "Loss", format: (value) => `${(value * 100).toFixed(1)} %`, scale: 0.05 },
];

/** A figure in words; what is unknown is a dash. */
export const wordsFor = (figure, value) => (isKnown(value) ? figure.format(value) : "–");

/** The picture in words: its size and how it is written. */
export function pictureWords(sample) {
  if (!sample?.width) return "–";
  const codec = { H264: "H.264" }[sample.codec] ?? sample.codec;
  return `${sample.width} × ${sample.height}${codec ? ` ${codec}` : ""}`;
}

/** What the seat is told each second of what was seen since the last time; null when there is nothing to compare with. */
export function reportOf({ before, sample, seen }) {
  if (!before || !sample || !seen || sample.atMs <= before.atMs) return null;
  return {
    type: "shown",
    seconds: (sample.atMs - before.atMs) / 1000,
    frames: seen.frames,
    decoded: Math.max(0, sample.framesDecoded - before.framesDecoded),
  };
}
