/**
 * After a stall the browser plays all sound that came meanwhile, and stays behind the picture for many seconds: the seat is told, and
 * leaves out as much.
 */
const EVERY_MS = 500;
const TOO_MUCH_MS = 200;

/**
 * How much longer the sound played between two samples was held back than the browser finds right for this network, when that is too
 * much, else null. Pure.
 */
export function behindMs(before, after) {
  const count = after.samples - before.samples;
  if (count <= 0 || !Number.isFinite(after.wantedSeconds)) return null;
  const moreMs = ((after.heldSeconds - before.heldSeconds - (after.wantedSeconds - before.wantedSeconds)) * 1000) / count;
  return moreMs > TOO_MUCH_MS ? Math.round(moreMs) : null;
}

export class SoundBehind {
  constructor(stream) {
    this._stream = stream;
    this._before = null;
    setInterval(() => this._look(), EVERY_MS);
  }

  async _look() {
    const connection = this._stream.connectionCount;
    const sample = this._stream.peer && (await soundOf(this._stream.peer).catch(() => null));
    const before = this._before?.connection === connection ? this._before.sample : null; // a new connection counts from zero
    const ms = before && sample && behindMs(before, sample);
    if (ms) this._stream.send({ type: "sound_behind", ms });
    this._before = sample && { connection, sample };
  }
}

async function soundOf(peer) {
  for (const entry of (await peer.getStats()).values()) {
    if (entry.type !== "inbound-rtp" || entry.kind !== "audio") continue;
    return { heldSeconds: entry.jitterBufferDelay, wantedSeconds: entry.jitterBufferTargetDelay, samples: entry.jitterBufferEmittedCount };
  }
  return null;
}
