/** From two samples of WebRTC statistics to what the numbers overlay shows. Pure. */

/** What we keep of an `RTCStatsReport` (any iterable of its entries). */
export function sampleOf(entries) {
  const all = [...entries];
  const video = all.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
  const audio = all.find((entry) => entry.type === "inbound-rtp" && entry.kind === "audio");
  const pair = all.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
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
    width: video?.frameWidth ?? null,
    height: video?.frameHeight ?? null,
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

/** The lines of the overlay: `[label, text]`. Host is capture + encode, network half a round trip, decode what the browser takes. */
export function linesFor({ host, rates, roundTripMs, sample }) {
  const milliseconds = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(value < 10 ? 1 : 0)} ms`);
  const known = (value) => value !== null && value !== undefined;
  const hostMs = host && known(host.encode_ms) ? host.encode_ms + (host.capture_ms ?? 0) : null;
  const decodeMs = known(rates?.decodeMs) ? rates.decodeMs + (rates.bufferMs ?? 0) : null;
  return [
    ["Host", milliseconds(hostMs)],
    ["Network", milliseconds(known(roundTripMs) ? roundTripMs / 2 : null)],
    ["Decode", milliseconds(decodeMs)],
    ["Frames", known(rates?.framesPerSecond) ? `${Math.round(rates.framesPerSecond)} /s` : "–"],
    ["Bitrate", known(rates?.bitrateBps) ? `${(rates.bitrateBps / 1e6).toFixed(1)} Mbit/s` : "–"],
    ["Loss", known(rates?.lossShare) ? `${(rates.lossShare * 100).toFixed(1)} %` : "–"],
    ["Picture", sample?.width ? `${sample.width} × ${sample.height}` : "–"],
  ];
}
