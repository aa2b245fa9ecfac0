/**
 * The connection to a seat: one WebRTC peer with picture, sound and two data channels, made again whenever it breaks.
 *
 * It tries for as long as it is wanted, with a fresh token for each try. A connection counts as broken when ICE fails, stays
 * disconnected for 2 s, or when not one byte came for 1.2 s although pings ask for some; sooner when the network says that it has
 * changed, and when the page slept, after which only a pong to a new ping counts: what had come before is read only then. `replaced` (a newer page of the same person won) ends the trying: only a person's wish starts it again.
 */
import { newKey } from "./api.js";
import { backoffMs } from "./backoff.js";
import { pause, pauseOrNetwork } from "./status.js";

/** What `failed` says when the seat has answered and yet no packet found its way. */
export const NO_WAY = "no way to the seat";
const PING_MS = 400;
const SILENCE_MS = 1200;
const DOUBTED_MS = 700;
const ASLEEP_MS = 3000;
const DISCONNECTED_MS = 2000;
const CONNECT_MS = 8000;
const RECONNECT_MS = 3000;
const TRIES = { firstMs: 150, longestMs: 1000 };
const GATHER_MS = 2000;

export class Stream extends EventTarget {
  /**
   * `findSeat()` answers `{containerUrl, streamToken, iceServers}`, or null while there is no seat, and throws when it cannot know.
   * Events: `state` (`connecting`, `connected`, `reconnecting`, `replaced`, `closed`), `message` (a control message), `track`.
   */
  constructor(findSeat) {
    super();
    this._findSeat = findSeat;
    this._state = "idle";
    this._peer = null;
    this._control = null;
    this._pointer = null;
    this._wanted = null;
    this._page = newKey();
    this.roundTripMs = null;
    this.connectionCount = 0;
  }

  get state() {
    return this._state;
  }

  get peer() {
    return this._peer;
  }

  /** Begins to connect, by a person's wish; does nothing when it is at it already. */
  open() {
    if (this._wanted !== null) return;
    this._isAgain = false;
    this._wanted = new AbortController();
    this._keepConnected(this._wanted.signal);
  }

  close() {
    this._end("closed");
  }

  /** Lets go of a seat that is no longer the session's; `open` begins anew. */
  rest() {
    this._end("idle");
  }

  /** A message on the reliable channel; lost when there is no connection, which the seat makes good by releasing all keys. */
  send(message) {
    if (this._control?.readyState === "open") this._control.send(JSON.stringify(message));
  }

  /** A pointer message; dropped when the channel is behind, since a newer position is on its way. */
  sendPointer(buffer) {
    if (this._pointer?.readyState === "open" && this._pointer.bufferedAmount <= 1024) this._pointer.send(buffer);
  }

  async _keepConnected(wanted) {
    let attempt = 0;
    this._become("connecting");
    while (!wanted.aborted) {
      try {
        const connection = await this._connectOnce(wanted);
        attempt = 0;
        this._isAgain = true;
        await connection.ended;
      } catch (failure) {
        attempt += 1;
        if (failure.message === "replaced" && !wanted.aborted) this._end("replaced");
        if (!wanted.aborted) this.dispatchEvent(new CustomEvent("failed", { detail: failure }));
      }
      if (wanted.aborted) return; // whoever ended it has dropped the connection, and may have begun another
      this._drop();
      this._become(this.connectionCount > 0 ? "reconnecting" : "connecting");
      if (attempt > 0) await pauseOrNetwork(backoffMs(attempt - 1, undefined, TRIES), wanted);
    }
  }

  /** Connects, or throws; the answer's `ended` is a promise of the connection's end. */
  async _connectOnce(wanted) {
    const seat = await this._findSeat();
    if (seat === null) throw new Error("there is no seat yet");
    if (wanted.aborted) throw new Error("not wanted any more");
    const iceServers = seat.iceServers ?? [];
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers });
    this._peer = peer;
    const control = peer.createDataChannel("control");
    const pointer = peer.createDataChannel("pointer", { ordered: false, maxRetransmits: 0 });
    pointer.binaryType = "arraybuffer";
    this._control = control;
    this._pointer = pointer;
    const video = peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    if ("jitterBufferTarget" in video.receiver) video.receiver.jitterBufferTarget = 0;
    peer.addEventListener("track", ({ track }) => {
      if (track.kind === "video") track.contentHint = "motion";
      this.dispatchEvent(new CustomEvent("track", { detail: track }));
    });
    const life = this._watch(peer, control, wanted);

    await peer.setLocalDescription(await peer.createOffer());
    if (iceServers.length > 0) await gathered(peer, wanted);
    const { answer } = await postOffer(seat, peer.localDescription.sdp, { page: this._page, again: this._isAgain }, this._patienceMs, wanted);
    await peer.setRemoteDescription(answer);
    await life.opened.catch((failure) => {
      throw life.hadWay() ? failure : new Error(NO_WAY, { cause: failure });
    });
    this.connectionCount += 1;
    this._become("connected");
    return life;
  }

  /** A seat that was reached before is there: what takes long now is better begun again. */
  get _patienceMs() {
    return this._isAgain ? RECONNECT_MS : CONNECT_MS;
  }

  _watch(peer, control, wanted) {
    let open;
    let fail;
    let end;
    const opened = new Promise((resolve, reject) => {
      open = resolve;
      fail = reject;
    });
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    opened.catch(() => {});
    let hadWay = false; // packets came through, whatever became of the seat then
    peer.addEventListener("iceconnectionstatechange", () => {
      hadWay ||= ["connected", "completed"].includes(peer.iceConnectionState);
    });
    let heardAt = performance.now();
    let bytes = 0;
    let silenceMs = SILENCE_MS;
    let lookedAt = heardAt;
    let wokeAt = null; // until the seat was heard since
    let disconnectedTimer = 0;
    const over = new AbortController();
    const finish = (why) => {
      clearInterval(pinging);
      clearTimeout(connectTimer);
      clearTimeout(disconnectedTimer);
      over.abort();
      fail(new Error(why));
      end(why);
    };
    const connectTimer = setTimeout(() => finish("no connection in time"), this._patienceMs);
    const heard = () => {
      heardAt = performance.now();
      silenceMs = SILENCE_MS;
      wokeAt = null;
    };
    const doubt = () => {
      heardAt = performance.now();
      silenceMs = DOUBTED_MS;
      ping();
    };
    const ping = () => control.readyState === "open" && control.send(JSON.stringify({ type: "ping", t: performance.now() }));
    const pinging = setInterval(async () => {
      const now = performance.now();
      const hasSlept = now - lookedAt > ASLEEP_MS;
      lookedAt = now;
      if (control.readyState !== "open") return;
      if (hasSlept) {
        wokeAt = now;
        doubt();
      }
      const received = await bytesReceived(peer);
      if (received > bytes && wokeAt === null) heard(); // a lost pong is no silence, nor is a long way
      bytes = received;
      if (document.visibilityState === "visible" && performance.now() - heardAt > silenceMs) finish("the seat is silent");
      else ping();
    }, PING_MS);
    document.addEventListener("visibilitychange", heard, { signal: over.signal });
    window.addEventListener("online", doubt, { signal: over.signal });
    navigator.connection?.addEventListener?.("change", doubt, { signal: over.signal });
    control.addEventListener("open", () => {
      heard();
      clearTimeout(connectTimer);
      ping();
      open();
    });
    control.addEventListener("close", () => finish("the control channel closed"));
    control.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (wokeAt === null || (message.type === "pong" && message.t >= wokeAt)) heard();
      if (message.type === "pong") this.roundTripMs = performance.now() - message.t;
      else if (message.type === "replaced") this._yield(finish);
      else this.dispatchEvent(new CustomEvent("message", { detail: message }));
    });
    peer.addEventListener("connectionstatechange", () => {
      clearTimeout(disconnectedTimer);
      if (["failed", "closed"].includes(peer.connectionState)) finish("the connection failed");
      else if (peer.connectionState === "disconnected") {
        disconnectedTimer = setTimeout(() => finish("the connection was lost"), DISCONNECTED_MS);
      }
    });
    wanted.addEventListener("abort", () => finish("closed"), { signal: over.signal });
    return { opened, ended, hadWay: () => hadWay };
  }

  /** Another connection of this player won: let it. */
  _yield(finish) {
    finish("replaced");
    this._end("replaced");
  }

  _end(state) {
    this._wanted?.abort();
    this._wanted = null;
    this._drop();
    this._become(state);
  }

  _drop() {
    this._peer?.close();
    this._peer = null;
    this._control = null;
    this._pointer = null;
    this.roundTripMs = null;
  }

  _become(state) {
    if (state === this._state) return;
    this._state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

/** All bytes that came from the seat by now, of whatever kind. */
async function bytesReceived(peer) {
  let bytes = 0;
  for (const entry of (await peer.getStats()).values()) if (entry.type === "candidate-pair") bytes += entry.bytesReceived ?? 0;
  return bytes;
}

async function postOffer(seat, sdp, about, patienceMs, signal) {
  const response = await fetch(`${seat.containerUrl}connect`, {
    method: "POST",
    credentials: "omit",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: seat.streamToken, offer: { type: "offer", sdp }, ...about }),
    signal: AbortSignal.any ? AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) : signal,
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `signalling answered ${response.status}`);
  return body;
}

/** With STUN or TURN servers their candidates must be in the offer; without, the seat finds us by the first packet. */
function gathered(peer, signal) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  const complete = new Promise((resolve) => {
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
  });
  return Promise.race([complete, pause(GATHER_MS, signal)]);
}
