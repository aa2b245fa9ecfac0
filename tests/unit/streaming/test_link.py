"""A link's own moves, with a tap that behaves as aiortc does."""

import asyncio
import time
from dataclasses import dataclass, field, replace

from streaming.aiortc_extensions import Stream
from streaming.link import GIVE_UP_PACKETS, Link
from streaming.peer import Peer
from streaming.transport_feedback import TransportFeedback


def packet(sequence: int, *, is_last: bool) -> bytes:
    return bytes([0x80, 96 | 0x80 * is_last]) + sequence.to_bytes(2) + bytes(1000)


class Nobody:
    """A listener who hears nothing."""

    def peer_connected(self, peer: Peer) -> None: ...
    def peer_opened(self, peer: Peer) -> None: ...
    def peer_closed(self, peer: Peer) -> None: ...
    def peer_said(self, peer: Peer, label: str, message: object) -> None: ...
    def peer_needs_keyframe(self, peer: Peer) -> None: ...
    def peer_steered(self, peer: Peer) -> None: ...


@dataclass
class TapWithoutRtx:
    """Without RTX a repeat is the same packet again, which looks like a picture's."""

    link: Link
    last: int
    wanted: int
    is_numbered: bool = False
    sent: list[int] = field(default_factory=list[int])
    has_sent_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes, number: int) -> None:
        self.sent.append(int.from_bytes(data[2:4]))
        if len(self.sent) == self.wanted:
            self.has_sent_wanted.set()

    async def repeat(self, sequence: int) -> None:
        await self.link.leaving(packet(sequence, is_last=sequence == self.last), Stream.PICTURE)


async def test_a_page_without_rtx_gets_a_doubled_picture_twice_and_no_more() -> None:
    peer = Peer(Nobody())
    link = Link(peer.video_sender, "", lambda: None, lambda: None)
    tap = TapWithoutRtx(link, last=2, wanted=4)
    vars(link).update(_tap=tap, _state=replace(link.state, is_doubled=True))
    try:
        await link.leaving(packet(1, is_last=False), Stream.PICTURE)
        await link.leaving(packet(2, is_last=True), Stream.PICTURE)
        async with asyncio.timeout(60):
            await tap.has_sent_wanted.wait()
        assert sorted(tap.sent) == [1, 1, 2, 2]
        assert link.is_backlogged is False
    finally:
        link.close()
        await peer.close()


async def test_what_overflowed_is_given_up_once_and_the_keyframe_waits_for_nothing() -> None:
    """The losses of one overflow are told in several feedbacks; what waited behind it is gone with it."""
    peer = Peer(Nobody())
    rests: list[float] = []
    given_up: list[bool] = []
    lost = GIVE_UP_PACKETS + 1
    link = Link(
        peer.video_sender,
        "",
        lambda: rests.append(link.rest_until_s - time.monotonic()),
        lambda: given_up.append(link.is_backlogged),
    )
    tap = TapWithoutRtx(link, last=0, wanted=5 * lost, is_numbered=True)
    vars(link).update(_tap=tap)
    try:
        for sequence in range(400):
            await link.leaving(packet(sequence, is_last=False), Stream.PICTURE)
        async with asyncio.timeout(60):
            await tap.has_sent_wanted.wait()
        assert link.is_backlogged
        vars(link).update(_state=replace(link.state, is_draining=True))
        link.transport_told(TransportFeedback(0, (None,) * lost))
        assert given_up == [False]
        assert rests[-1] < 1.6 < max(rests)
        link.transport_told(TransportFeedback(lost, (None,) * lost))
        assert given_up == [False]
    finally:
        link.close()
        await peer.close()


async def test_what_waits_leaves_as_soon_as_a_rest_is_shortened() -> None:
    peer = Peer(Nobody())
    link = Link(peer.video_sender, "", lambda: None, lambda: None)
    tap = TapWithoutRtx(link, last=0, wanted=2, is_numbered=True)
    vars(link).update(_tap=tap)
    try:
        await link.leaving(packet(1, is_last=True), Stream.PICTURE)
        now = time.monotonic()
        vars(link).update(_state=replace(link.state, rest_until_s=now + 60, is_draining=True, drained_bps=1e6))
        vars(link)["_pacer"].rest(now + 60)
        await link.leaving(packet(2, is_last=True), Stream.PICTURE)
        for _ in range(5):
            await asyncio.sleep(0)  # the pump begins to wait
        link.transport_told(TransportFeedback(0, (0,)))
        async with asyncio.timeout(60):
            await tap.has_sent_wanted.wait()
    finally:
        link.close()
        await peer.close()
