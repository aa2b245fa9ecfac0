"""Whoever has an invitation can neither come again and again nor talk without end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streaming import log
from streaming.audience import Audience, Role
from streaming.errors import SeatError
from streaming.link import Link
from streaming.packets import Codec
from streaming.peer import Peer
from streaming.protocol import ConnectOrder, Introduction, SessionDescription
from streaming.viewers import MESSAGES_AT_ONCE, Viewers

OFFER = SessionDescription(type="offer", sdp="v=0")
ANSWER = SessionDescription(type="answer", sdp="v=0")


class Stage:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def audience_changed(self, before: Audience, now: Audience) -> None: ...
    def greetings(self, codec: Codec) -> tuple[Mapping[str, object], ...]:
        return ()

    def viewer_said(self, peer: Peer, label: str, message: object) -> None:
        self.said.append(message)

    def keyframe_wished(self, role: Role) -> None: ...
    def link_changed(self, link: Link) -> None: ...


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Peer]:
    """The connections that were made. Their offers are answered without a network."""
    peers: list[Peer] = []
    begin = Peer.__init__

    def note(peer: Peer, *arguments: Any) -> None:
        begin(peer, *arguments)
        peers.append(peer)

    async def answer(_peer: Peer, _offer: SessionDescription, _public_address: str | None = None) -> SessionDescription:
        return ANSWER

    monkeypatch.setattr(Peer, "__init__", note)
    monkeypatch.setattr(Peer, "answer", answer)
    return peers


def order(person: str, epoch: int = 0) -> ConnectOrder:
    return ConnectOrder(offer=OFFER, who=Introduction(name=person, person=person, epoch=epoch))


async def test_a_watcher_comes_once_a_second_and_costs_nothing_before(made: list[Peer]) -> None:
    clock = Clock()
    audience = Viewers(Stage(), now_s=clock)
    await audience.admit(Role.WATCHER, order("ben"))
    for _ in range(10):
        with pytest.raises(SeatError) as refused:
            await audience.admit(Role.WATCHER, order("ben"))
        assert refused.value.code == "too_fast"
    await audience.admit(Role.WATCHER, order("eve"))
    assert len(made) == 2
    clock.now_s += 1.1
    await audience.admit(Role.WATCHER, order("ben"))
    assert len(made) == 3
    assert [viewer.name for viewer in audience.audience.viewers] == ["eve", "ben"]
    await audience.close()


async def test_who_may_not_come_costs_no_connection(made: list[Peer]) -> None:
    audience = Viewers(Stage())
    audience.revoke(2)
    with pytest.raises(SeatError, match="taken back"):
        await audience.admit(Role.WATCHER, order("ben", epoch=1))
    assert made == []


async def test_a_players_page_may_mend_its_connection_at_any_time(made: list[Peer]) -> None:
    audience = Viewers(Stage())
    for _ in range(5):
        await audience.admit(Role.PLAYER, order("page"))
    assert len(made) == 5
    await audience.close()


async def test_a_watcher_who_talks_without_end_is_dropped_and_who_plays_is_not(
    made: list[Peer], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage()
    audience = Viewers(stage, now_s=Clock())
    await audience.admit(Role.PLAYER, order("page"))
    await audience.admit(Role.WATCHER, order("ben"))
    await audience.admit(Role.WATCHER, order("eve"))
    player, ben, eve = made
    for peer in made:
        audience.peer_connected(peer)
    audience.hand_controls(player, eve.identity)
    for _ in range(3 * int(MESSAGES_AT_ONCE)):
        for peer in made:
            audience.peer_said(peer, "control", peer.identity)
    heard = {peer.identity: stage.said.count(peer.identity) for peer in made}
    assert heard == {player.identity: 3000, ben.identity: 1000, eve.identity: 3000}
    async with asyncio.timeout(60):
        while audience.audience.viewer(ben.identity) is not None:  # noqa: ASYNC110 - a connection ends in the background
            await asyncio.sleep(0.01)
    assert "peer.too_talkative" in capsys.readouterr().err
    assert {viewer.name for viewer in audience.audience.viewers} == {"page", "eve"}
    await audience.close()


def test_a_log_that_grows_keeps_its_end_for_all_who_append(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "worker.log"
    with file.open("ab", buffering=0) as server:
        server.write(b"first\n")
        log.keep_short(file)
        assert file.read_bytes() == b"first\n"
        for number in range(100_000, 200_000):
            server.write(b"line %06d\n" % number)
        log.keep_short(file)
        server.write(b"after\n")
    lines = file.read_bytes().splitlines()
    assert lines[-2:] == [b"line 199999", b"after"]
    assert all(len(line) == 11 for line in lines[:-1]), "whole lines"
    assert 0.9 * log.KEPT_BYTES < file.stat().st_size < log.MOST_BYTES
    assert "log.cut" in capsys.readouterr().err
