/**
 * The connection to a seat: one WebRTC peer with picture, sound and two data channels, made again whenever it breaks.
 *
 * It tries for as long as it is wanted, with a fresh token for each try. A connection counts as broken when ICE fails, stays
 * disconnected for 2 s, or when no pong came for 4 s. `replaced` (a newer connection of the same player won) ends the trying:
 * only a person's wish starts it again.
 */
import { backoffMs } from "./backoff.js";
import { pause } from "./status.js";

const PING_MS = 1000;
const SILENCE_MS = 4000;
const DISCONNECTED_MS = 2000;
const CONNECT_MS = 8000;
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
    this.roundTripMs = null;
    this.connectionCount = 0;
  }

  get state() {
    return this._state;
  }

  get peer() {
    return this._peer;
  }

  /** Begins to connect; does nothing when it is at it already. */
  open() {
    if (this._wanted !== null) return;
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
        await connection.ended;
      } catch (failure) {
        if (!wanted.aborted) this.dispatchEvent(new CustomEvent("failed", { detail: failure }));
      }
      if (wanted.aborted) return; // whoever ended it has dropped the connection, and may have begun another
      this._drop();
      this._become(this.connectionCount > 0 ? "reconnecting" : "connecting");
      await pause(backoffMs(attempt), wanted);
      attempt += 1;
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
    const { answer } = await postOffer(seat, peer.localDescription.sdp, wanted);
    await peer.setRemoteDescription(answer);
    await life.opened;
    this.connectionCount += 1;
    this._become("connected");
    return life;
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
    let lastPongAt = performance.now();
    let disconnectedTimer = 0;
    const finish = (why) => {
      clearInterval(pinging);
      clearTimeout(connectTimer);
      clearTimeout(disconnectedTimer);
      fail(new Error(why));
      end(why);
    };
    const connectTimer = setTimeout(() => finish("no connection in time"), CONNECT_MS);
    const pinging = setInterval(() => {
      if (control.readyState !== "open") return;
      if (document.visibilityState === "visible" && performance.now() - lastPongAt > SILENCE_MS) finish("the seat is silent");
      else control.send(JSON.stringify({ type: "ping", t: performance.now() }));
    }, PING_MS);
    document.addEventListener("visibilitychange", () => {
      lastPongAt = performance.now();
    }, { signal: wanted });
    control.addEventListener("open", () => {
      lastPongAt = performance.now();
      clearTimeout(connectTimer);
      control.send(JSON.stringify({ type: "ping", t: performance.now() }));
      open();
    });
    control.addEventListener("close", () => finish("the control channel closed"));
    control.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      lastPongAt = performance.now();
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
    wanted.addEventListener("abort", () => finish("closed"), { once: true });
    return { opened, ended };
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

async function postOffer(seat, sdp, signal) {
  const response = await fetch(`${seat.containerUrl}connect`, {
    method: "POST",
    credentials: "omit",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: seat.streamToken, offer: { type: "offer", sdp } }),
    signal: AbortSignal.any ? AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]) : signal,
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
