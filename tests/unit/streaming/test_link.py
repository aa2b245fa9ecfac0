"""A link's own moves, with a tap that behaves as aiortc does."""

import asyncio
from dataclasses import dataclass, field, replace

from streaming.aiortc_extensions import Stream
from streaming.link import Link
from streaming.peer import Peer


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
    is_numbered: bool = False
    sent: list[int] = field(default_factory=list[int])
    has_sent_four: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes, number: int) -> None:
        self.sent.append(int.from_bytes(data[2:4]))
        if len(self.sent) == 4:
            self.has_sent_four.set()

    async def repeat(self, sequence: int) -> None:
        await self.link.leaving(packet(sequence, is_last=sequence == self.last), Stream.PICTURE)


async def test_a_page_without_rtx_gets_a_doubled_picture_twice_and_no_more() -> None:
    peer = Peer(Nobody())
    link = Link(peer.video_sender, "", lambda: None, lambda: None)
    tap = TapWithoutRtx(link, last=2)
    vars(link).update(_tap=tap, _state=replace(link.state, is_doubled=True))
    try:
        await link.leaving(packet(1, is_last=False), Stream.PICTURE)
        await link.leaving(packet(2, is_last=True), Stream.PICTURE)
        async with asyncio.timeout(10):
            await tap.has_sent_four.wait()
        assert sorted(tap.sent) == [1, 1, 2, 2]
        assert link.is_backlogged is False
    finally:
        link.close()
        await peer.close()
