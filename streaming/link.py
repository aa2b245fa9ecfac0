"""The way of one viewer's picture: packets leave paced, their fate is told, and the rate follows.

What is decided is decided elsewhere: by `pacer`, `rate_control` and `repeats`. This holds their state, and the clock.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from aiortc import RTCRtpSender

from streaming import aiortc_extensions
from streaming.aiortc_extensions import Stream, Tap
from streaming.pacer import Pacer, Urgency, Waiting
from streaming.rate_control import RateState, is_near_limit, silent, steered, told_limit, told_loss
from streaming.repeats import Repeats
from streaming.transport_feedback import SentPackets, TransportFeedback

BACKLOG_LIMIT_S = 0.1
GIVE_UP_PACKETS = 8
HEADER_SHARE = 0.92  # of what the link may be given, the picture itself
SEQUENCE, MARKER = slice(2, 4), 0x80  # of an RTP header; the marker ends a picture, in its second byte
PACKET_BYTES = 1200
FULL_FPS = 60


class Link:
    """Used by the event loop's thread only. `changed` is called after each
    change of what the link may be given, `gave_up` when only a keyframe is of use.
    """

    def __init__(
        self, sender: RTCRtpSender, answer_sdp: str, changed: Callable[[], None], gave_up: Callable[[], None]
    ) -> None:
        identity = aiortc_extensions.extension_identity(answer_sdp, aiortc_extensions.TRANSPORT_NUMBER_URI)
        self._tap = Tap(sender, identity, self)
        self._changed, self._gave_up = changed, gave_up
        self._sent = SentPackets()
        self._repeats = Repeats()
        self._state = RateState()
        self._pacer = Pacer(self._state.estimate_bps, FULL_FPS)
        self._wanted_bps = self._state.estimate_bps
        self._fps = FULL_FPS
        self._probe: int | None = None
        self._probes = 0
        self._extra = False
        self._lost_draining = 0
        self._gave_up_at = float("-inf")
        self._picture: list[int] = []
        self._first_unreported_at: float | None = None
        self._wake, self._sooner = asyncio.Event(), asyncio.Event()
        self._pump = asyncio.create_task(self._send_waiting())
        self.loss: float | None = None
        self.nacks = 0

    @property
    def state(self) -> RateState:
        return self._state

    @property
    def is_backlogged(self) -> bool:
        """Another picture would wait too long: only a keyframe is worth sending, and later."""
        return self._pacer.backlog_s > BACKLOG_LIMIT_S

    @property
    def rest_until_s(self) -> float:
        """Until then a new picture would only wait: on the monotonic clock."""
        return max(self._state.rest_until_s, time.monotonic() + self._pacer.backlog_s - 1 / self._fps)

    @property
    def picture_bps(self) -> float:
        """What the picture itself may be, beside everything that is sent with it."""
        share = HEADER_SHARE / 2 if self._state.is_doubled else HEADER_SHARE
        return self._state.estimate_bps * share

    def wish(self, bitrate_bps: int, fps: int) -> None:
        """What the picture would be if the link were no limit; what it is now."""
        self._wanted_bps, self._fps = bitrate_bps / HEADER_SHARE * 1.1, fps

    def close(self) -> None:
        self._pump.cancel()

    # What passes the tap

    async def leaving(self, packet: bytes, stream: Stream) -> None:
        sequence = int.from_bytes(packet[SEQUENCE])
        is_extra = self._extra or self._probe is not None
        if stream is Stream.REPEAT or is_extra:  # to a page without RTX repeats are the same packets again
            urgency = Urgency.EXTRA if is_extra else Urgency.REPEAT
            await self._put(Waiting(packet, urgency, self._probe))
            return
        self._repeats.sent(sequence, len(packet))
        await self._put(Waiting(packet, Urgency.PICTURE))
        self._picture = [*self._picture, sequence] if self._state.is_doubled else []
        if self._picture and packet[1] & MARKER:
            await self._double()
        if packet[1] & MARKER and self._first_unreported_at is not None and self._tap.is_numbered:
            now = time.monotonic()
            state = silent(self._state, now, now - self._first_unreported_at)
            if state is not self._state:
                self._become(state)

    def transport_told(self, feedback: TransportFeedback) -> None:
        now = time.monotonic()
        reports = self._sent.reported(feedback)
        self._first_unreported_at = None
        if reports:
            self._become(steered(self._state, reports, now, self._wanted_bps, self._sent.in_flight_bytes))
            self._give_up_lost(
                sum(report.arrived_at_s is None for report in reports if report.sent_at_s > self._gave_up_at)
            )

    def _give_up_lost(self, lost_packets: int) -> None:
        """So much was lost in a queue that overflowed that repeating it would fill the queue again: begin anew."""
        self._lost_draining = self._lost_draining + lost_packets if self._state.is_draining else 0
        if self._lost_draining >= GIVE_UP_PACKETS:
            self._lost_draining, self._gave_up_at = 0, time.monotonic()
            self._pacer.clear()
            self._repeats.give_up()
            self._gave_up()
            self._changed()  # what waited is gone, and the next picture need not wait for it

    def loss_told(self, loss: float) -> None:
        self.loss = loss
        if not self._tap.is_numbered:
            self._become(told_loss(self._state, loss, self._wanted_bps))

    def limit_told(self, bitrate_bps: int) -> None:
        if not self._tap.is_numbered:
            self._become(told_limit(self._state, bitrate_bps, self._wanted_bps))

    def lost(self, sequences: Sequence[int]) -> list[int]:
        self.nacks += len(sequences)
        return self._repeats.wanted(sequences, time.monotonic(), self._state.view.rtt_s)

    def _become(self, state: RateState) -> None:
        if state.rest_until_s < self._state.rest_until_s:
            self._sooner.set()
        self._state = state
        self._pacer.aim(state.estimate_bps, self._fps, is_limit=is_near_limit(state))
        self._pacer.rest(state.rest_until_s)
        if state.probe_bps is not None:
            self._wake.set()
        self._changed()

    # Sending

    async def _put(self, packet: Waiting) -> None:
        if self._pacer.is_empty and packet.probe is None and self._pacer.due_at(now := time.monotonic()) <= now:
            self._pacer.put(packet)
            await self._send_due(now)
            return
        self._pacer.put(packet)
        self._wake.set()

    async def _send_due(self, now: float) -> None:
        while (packet := self._pacer.take(now)) is not None:
            number = self._sent.number(now, len(packet.data), packet.probe)
            if self._first_unreported_at is None:
                self._first_unreported_at = now
            await self._tap.send(packet.data, number)

    async def _send_waiting(self) -> None:
        """What may not leave at once, for the life of the link."""
        try:
            while True:
                if self._pacer.is_empty:
                    self._wake.clear()
                    if self._state.probe_bps is None:
                        await self._wake.wait()
                    await self._probe_link()
                now = time.monotonic()
                await self._send_due(now)
                if not self._pacer.is_empty:
                    self._sooner.clear()  # a rest may turn out to be shorter than it was thought
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(max(0.0, self._pacer.due_at(now) - now)):
                            await self._sooner.wait()
        except ConnectionError:
            return

    async def _double(self) -> None:
        picture, self._picture = self._picture, []
        self._extra = True
        for sequence in picture:
            await self._tap.repeat(sequence)
        self._extra = False

    async def _probe_link(self) -> None:
        """A cluster of repeats at once, when one is asked for."""
        if self._state.probe_bps is None:
            return
        cluster = self._repeats.cluster(self._state.probe_bps, PACKET_BYTES)
        self._state = replace(self._state, probe_bps=None)
        self._probes += 1
        self._probe = self._probes
        for sequence in cluster:
            await self._tap.repeat(sequence)
        self._probe = None
