"""What a seat worker may name, and what the agent makes of its news and its silence."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gameserver_agent.errors import SeatError
from gameserver_agent.saves.archive import Owner
from gameserver_agent.seats import seat as seats
from gameserver_agent.seats.places import SeatPlace
from streaming.audience import Role
from streaming.protocol import Hello, Introduction
from tests.unit.gameserver_agent.test_session_task import Host, host

__all__ = ["host"]


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


class Raised:
    """A seat folder as a worker leaves it, and its honest answer."""

    def __init__(self, folder: Path) -> None:
        self.place = SeatPlace(folder / "ses1", Owner(os.getuid(), os.getgid(), drop=False))
        self.x_sockets = folder / ".X11-unix"
        (self.place.seat / "pulse").mkdir(parents=True)
        self.x_sockets.mkdir()
        listen(self.x_sockets / "X7")
        listen(self.place.seat / "pulse" / "native")
        (self.place.seat / "Xauthority").touch()
        self.hello = Hello(
            protocol=1,
            pid=1,
            display=7,
            x_socket=str(self.x_sockets / "X7"),
            xauthority=str(self.place.seat / "Xauthority"),
            pulse_socket=str(self.place.seat / "pulse" / "native"),
        )

    def check(self, **changes: str) -> Hello:
        return seats.checked(self.hello.model_copy(update=changes), self.place)


@pytest.fixture
def raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Raised:
    made = Raised(tmp_path)
    monkeypatch.setattr(seats, "X_SOCKETS", made.x_sockets)
    return made


def test_an_honest_worker_is_believed(raised: Raised) -> None:
    assert raised.check() == raised.hello


@pytest.mark.parametrize("name", ["..", ".", "X7/..", "X", "X7x", "../X7", "X8", "/X7", "\u0058\u0667"])
def test_a_display_is_a_numbered_socket_in_its_folder(raised: Raised, name: str) -> None:
    with pytest.raises(SeatError):
        raised.check(x_socket=f"{raised.x_sockets}/{name}")


def _link_display(raised: Raised) -> None:
    (raised.x_sockets / "X7").rename(raised.x_sockets / "real")
    (raised.x_sockets / "X7").symlink_to("real")


def _file_as_display(raised: Raised) -> None:
    (raised.x_sockets / "X7").unlink()
    (raised.x_sockets / "X7").touch()


def _link_cookie(raised: Raised) -> None:
    (raised.place.seat / "Xauthority").unlink()
    (raised.place.seat / "Xauthority").symlink_to("/etc/shadow")


def _link_sound_folder(raised: Raised) -> None:
    (raised.place.seat / "pulse").rename(raised.place.folder / "pulse")
    (raised.place.seat / "pulse").symlink_to(raised.place.folder / "pulse")


@pytest.mark.parametrize("change", [_link_display, _file_as_display, _link_cookie, _link_sound_folder])
def test_nothing_is_mounted_over_a_link(raised: Raised, change: Callable[[Raised], None]) -> None:
    change(raised)
    with pytest.raises(SeatError):
        raised.check()


def test_a_worker_names_only_paths_of_its_own_uid(raised: Raised) -> None:
    raised.place = SeatPlace(raised.place.folder, Owner(os.getuid() + 1, os.getgid(), drop=True))
    with pytest.raises(SeatError):
        raised.check()


def test_a_worker_cannot_name_another_file_of_its_seat(raised: Raised) -> None:
    for changes in (
        {"xauthority": str(raised.place.seat)},
        {"xauthority": "/etc/shadow"},
        {"pulse_socket": str(raised.place.seat / ".." / "seat" / "pulse" / "native")},
    ):
        with pytest.raises(SeatError):
            raised.check(**changes)


async def test_two_missing_answers_of_a_seat_are_forgiven(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.playing._SAMPLE_EVERY_S", 0.01)
    task = host.session()
    await host.running(task)
    seat = host.seats.living["ses1"]
    seat.misses = 2
    seat.peers = 3
    seen = await host.until(task, lambda seen: seen.peers == 3 or seen.end is not None)
    assert seen.end is None
    seat.misses = 3
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "seat_failed"


async def test_a_raised_epoch_reaches_the_seat_at_once_or_with_the_next_look(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.playing._SAMPLE_EVERY_S", 0.01)
    task = host.session()
    await host.running(task)
    seat = host.seats.living["ses1"]
    await task.connect(await _offer(), Role.WATCHER, Introduction(epoch=0))
    await host.until(task, lambda seen: seen.peers == 1)
    revoke, misses = seat.revoke, [1]

    async def unheard_once(epoch: int) -> None:
        if misses:
            misses.pop()
            raise SeatError("the seat did not answer in time")
        await revoke(epoch)

    monkeypatch.setattr(seat, "revoke", unheard_once)
    task.renew(task.desired.model_copy(update={"epoch": 1}))
    await host.until(task, lambda seen: seen.peers == 0)
    assert seat.lowest_epoch == 1
    monkeypatch.setattr(seat, "revoke", revoke)
    task.renew(task.desired.model_copy(update={"epoch": 2}))
    await host.until(task, lambda _: seat.lowest_epoch == 2)
    task.stop("stopped", "")
    await host.ended(task)


async def test_a_seat_that_is_slow_to_revoke_keeps_nobody_waiting(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    task = host.session()
    await host.running(task)
    asked, never = asyncio.Event(), asyncio.Event()

    async def unanswered(epoch: int) -> None:
        asked.set()
        await never.wait()

    monkeypatch.setattr(host.seats.living["ses1"], "revoke", unanswered)
    task.renew(task.desired.model_copy(update={"epoch": 1}))
    async with asyncio.timeout(60):
        await asked.wait()
    assert task.lowest_epoch == 1
    task.stop("stopped", "")
    await host.ended(task)


async def test_lost_sound_and_unknown_news_end_nothing(host: Host) -> None:
    task = host.session()
    await host.running(task)
    seat = host.seats.living["ses1"]
    seat.tell("sound_lost", "PulseAudio ended")
    seat.tell("something newer")
    await seat.connect(await _offer())
    seen = await host.until(task, lambda seen: seen.peers == 1 or seen.end is not None)
    assert seen.end is None
    task.stop("stopped", "")
    await host.ended(task)


async def _offer() -> seats.SessionDescription:
    return seats.SessionDescription(type="offer", sdp="v=0")
