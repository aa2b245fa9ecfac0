/**
 * `window.playhouse`: what tests and benchmarks may read. Times are wall milliseconds (`performance.timeOrigin + performance.now()`),
 * comparable across the pages of one machine.
 *
 *   clickedAt        the click on Play that launched this session, null when this tab did not launch it
 *   orderedAt        the answer to that launch was there, else null
 *   phases           phase → when the page first learned of it (`placing` … `ready`, `stopping`, `stopped`, `error`)
 *   connectedAt      the control channel first opened
 *   firstFrameAt     the first frame shown, whatever is on it
 *   firstPictureAt   the first frame shown that is not one single colour
 *   frames           how many frames were shown
 *   lastFrame        `{at, presentedFrames, processingDuration, receiveTime, rtpTimestamp, width, height}` of the newest
 *   connectionState  `idle`, `connecting`, `connected`, `reconnecting`, `replaced` or `closed`
 *   connections      how often a connection was made
 *   status           the newest answer of session-status, without its token
 *   stats()          one sample of the WebRTC statistics (rates.js) with `host` (the seat's own) and `controlRoundTripMs`
 */
import { recall, wallMs } from "./launching.js";

export class Marks {
  constructor({ sessionId, stream, numbers }) {
    const marks = {
      clickedAt: recall(sessionId)?.clickedAt ?? null,
      orderedAt: recall(sessionId)?.orderedAt ?? null,
      phases: {},
      connectedAt: null,
      firstFrameAt: null,
      firstPictureAt: null,
      frames: 0,
      lastFrame: null,
      status: null,
      get connectionState() {
        return stream.state;
      },
      get connections() {
        return stream.connectionCount;
      },
      async stats() {
        return { ...(await numbers.sample()), host: numbers.host, controlRoundTripMs: stream.roundTripMs };
      },
    };
    this._marks = marks;
    window.playhouse = marks;
  }

  phase(name) {
    this._marks.phases[name] ??= wallMs();
  }

  status({ streamToken, ...status }) {
    this._marks.status = { ...status, hasStreamToken: Boolean(streamToken) };
  }

  connected() {
    this._marks.connectedAt ??= wallMs();
  }

  frame(metadata) {
    this._marks.frames += 1;
    this._marks.firstFrameAt ??= wallMs();
    const { presentedFrames, processingDuration, receiveTime, rtpTimestamp, width, height } = metadata;
    this._marks.lastFrame = { at: wallMs(), presentedFrames, processingDuration, receiveTime, rtpTimestamp, width, height };
  }

  picture() {
    this._marks.firstPictureAt ??= wallMs();
  }
}
