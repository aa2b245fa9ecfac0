"""The living connections of a seat's audience: who comes is answered, who goes is forgotten, all are sent the same.

Who may come and who holds the controls is decided in `audience`; what a change means for picture, sound and input is
the `Stage`'s. Whoever has an invitation can neither come again and again nor talk without end: the picture of those who
play is made by the same process.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from streaming import log
from streaming.audience import Audience, Role, Viewer, people_message
from streaming.budget import Budget
from streaming.errors import SeatError
from streaming.link import Link
from streaming.packets import Codec, EncodedPacket
from streaming.peer import Peer
from streaming.protocol import ConnectOrder, SessionDescription

CONNECT_EVERY_S = 1.0
MESSAGES_PER_S, MESSAGES_AT_ONCE = 200.0, 1000.0


class Stage(Protocol):
    """What viewers look at, told from the event loop's thread."""

    def audience_changed(self, before: Audience, now: Audience) -> None: ...
    def greetings(self, codec: Codec) -> tuple[Mapping[str, object], ...]:
        """What a page that takes this codec is told first."""
        ...

    def viewer_said(self, peer: Peer, label: str, message: object) -> None: ...
    def keyframe_wished(self, role: Role) -> None: ...
    def link_changed(self, link: Link) -> None:
        """What the player's link may be given is another."""


class Viewers:
    """Lives on one event loop. Is the listener of all its peers."""

    def __init__(
        self, stage: Stage, public_address: str | None = None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._stage = stage
        self._public_address = public_address
        self._now_s = now_s
        self._peers: dict[str, Peer] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._came: dict[str, float] = {}
        self._budgets: dict[str, Budget] = {}
        self.audience = Audience()

    @property
    def player(self) -> Peer | None:
        """The player's peer while it is connected: whose network and wishes decide how the picture is sent."""
        player = self.audience.player
        return None if player is None or not player.is_connected else self._peers[player.identity]

    @property
    def holder(self) -> Peer | None:
        """The peer that holds the controls."""
        holder = self.audience.holder
        return None if holder is None else self._peers.get(holder)

    async def admit(self, role: Role, order: ConnectOrder) -> SessionDescription:
        """Answers the offer; whom the newcomer replaces is told so. Raises `SeatError`; `too_fast` for a watcher who
        came within the last `CONNECT_EVERY_S`.
        """
        who = order.who
        self.audience.joined(Viewer("", role, who.name, who.person, who.epoch, who.again))
        if role is Role.WATCHER:
            self._take_turn(who.person)
        peer = Peer(self)
        viewer = Viewer(peer.identity, role, who.name, who.person, who.epoch, who.again)
        try:
            answer = await peer.answer(order.offer, self._public_address)
            audience, replaced = self.audience.joined(viewer)  # others may have come while the answer was made
        except SeatError:
            peer.close()
            raise
        self._peers[viewer.identity] = peer
        leaving = None if replaced is None else self._peers.pop(replaced.identity)
        self._become(audience)
        if leaving is not None:
            self._dismiss(leaving, "replaced")
        if peer.is_closed:
            self.peer_closed(peer)
        return answer

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """What pictures are needed in, each once: first what the player takes, who decides for all that can follow."""
        players_first = sorted(self.audience.connected, key=lambda viewer: viewer.role is not Role.PLAYER)
        return tuple(dict.fromkeys(self._peers[viewer.identity].codec for viewer in players_first))

    def connected(self) -> Iterator[Peer]:
        return (self._peers[viewer.identity] for viewer in self.audience.connected)

    def holds_controls(self, peer: Peer) -> bool:
        return peer.identity == self.audience.holder

    def hand_controls(self, by: Peer, to: str | None) -> None:
        self._become(self.audience.handed(by.identity, to))

    def revoke(self, epoch: int) -> None:
        """Watchers with an older right are told and dropped."""
        audience = self.audience.revoked(epoch)
        revoked = [viewer for viewer in self.audience.viewers if audience.viewer(viewer.identity) is None]
        peers = [self._peers.pop(viewer.identity) for viewer in revoked]
        self._become(audience)
        for peer in peers:
            self._dismiss(peer, "revoked")

    def tell(self, message: Mapping[str, object]) -> None:
        for peer in self.connected():
            peer.send(message)

    def send_video(self, packet: EncodedPacket) -> None:
        """To each its own queue: one that is slow waits for the next keyframe, and holds up no other."""
        for peer in self.connected():
            if not peer.offer_video(packet):
                self.peer_needs_keyframe(peer)

    def send_audio(self, packet: EncodedPacket) -> None:
        for peer in self.connected():
            peer.offer_audio(packet)

    async def close(self) -> None:
        """Tells everybody `bye` and waits until all connections have ended."""
        peers, self._peers = list(self._peers.values()), {}
        self._become(Audience())
        for peer in peers:
            self._dismiss(peer, "bye")
        await asyncio.gather(*self._leaving, return_exceptions=True)

    # What peers tell

    def peer_connected(self, peer: Peer) -> None:
        self._become(self.audience.reached(peer.identity))

    def peer_opened(self, peer: Peer) -> None:
        if peer.identity in self._peers:
            for message in self._stage.greetings(peer.codec):
                peer.send(message)
            peer.send(people_message(self.audience, peer.identity))

    def peer_closed(self, peer: Peer) -> None:
        self._budgets.pop(peer.identity, None)
        log.info("peer.closed", peer=peer.identity, ignored_messages=peer.ignored_messages)
        if self._peers.pop(peer.identity, None) is not None:
            self._become(self.audience.left(peer.identity))

    def peer_said(self, peer: Peer, label: str, message: object) -> None:
        if peer.identity in self._peers and self._may_say(peer):
            self._stage.viewer_said(peer, label, message)

    def peer_steered(self, peer: Peer) -> None:
        if peer is self.player and peer.link is not None:
            self._stage.link_changed(peer.link)

    def peer_needs_keyframe(self, peer: Peer) -> None:
        viewer = self.audience.viewer(peer.identity)
        if viewer is not None:
            self._stage.keyframe_wished(viewer.role)

    def _take_turn(self, person: str) -> None:
        now_s = self._now_s()
        self._came = {who: at_s for who, at_s in self._came.items() if now_s - at_s < CONNECT_EVERY_S}
        if person in self._came:
            raise SeatError("it was tried a moment ago", code="too_fast")
        if person:
            self._came[person] = now_s

    def _may_say(self, peer: Peer) -> bool:
        """Who plays says as much as hands can do. A watcher who says more than a page does is dropped."""
        viewer, now_s = self.audience.viewer(peer.identity), self._now_s()
        if viewer is None or viewer.role is Role.PLAYER or self.holds_controls(peer):
            return True
        before = self._budgets.get(peer.identity) or Budget.full(MESSAGES_PER_S, MESSAGES_AT_ONCE, now_s)
        budget = self._budgets[peer.identity] = before.spent(now_s)
        if budget.is_overdrawn:
            log.warning("peer.too_talkative", peer=peer.identity)
            peer.close()
        return not budget.is_overdrawn

    def _become(self, audience: Audience) -> None:
        before, self.audience = self.audience, audience
        if audience == before:
            return
        self._stage.audience_changed(before, audience)
        for peer in self.connected():
            peer.send(people_message(audience, peer.identity))

    def _dismiss(self, peer: Peer, last_words: str) -> None:
        leaving = peer.close({"type": last_words})
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
