"""One contract, two kinds of seats: what a session relies on holds for real workers and for their twin in memory."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from gameserver_agent.errors import SeatError
from gameserver_agent.seats.fake_seats import FakeSeats
from gameserver_agent.seats.install import SeatRuntime, install
from gameserver_agent.seats.launcher import DetachedLauncher, WorkerCommand
from gameserver_agent.seats.places import SeatPlace, SeatPlaces, seat_processes
from gameserver_agent.seats.seat import HostSeats, Seat, Seats
from streaming.audience import Role
from streaming.protocol import PROTOCOL_VERSION, Introduction, SeatConfig, SeatEvent, SessionDescription
from tests.integration.gameserver_agent import display

CONFIG = SeatConfig(width=640, height=360, fps=30, ice_addresses=("127.0.0.1",))
WITHIN_S = 60.0
JPEG = b"\xff\xd8\xff"


class Stage(Protocol):
    """What happens to a seat from outside: a game draws, a page hears its answer, and things die."""

    async def draw(self, place: SeatPlace) -> None: ...

    async def hear(self, page: RTCPeerConnection, answer: SessionDescription) -> None: ...

    def kill_worker(self, place: SeatPlace) -> None: ...

    def kill_display(self, place: SeatPlace) -> None: ...


class FakeStage:
    def __init__(self, seats: FakeSeats) -> None:
        self._seats = seats

    async def draw(self, place: SeatPlace) -> None:
        self._seats.living[place.folder.name].show_first_frame()

    async def hear(self, page: RTCPeerConnection, answer: SessionDescription) -> None:
        """Nobody is at the other end."""

    def kill_worker(self, place: SeatPlace) -> None:
        self._seats.living[place.folder.name].die()

    def kill_display(self, place: SeatPlace) -> None:
        self._seats.living[place.folder.name].fail("the X server ended")


class RealStage:
    async def draw(self, place: SeatPlace) -> None:
        painter = await asyncio.create_subprocess_exec(sys.executable, display.__file__, str(place.seat))
        assert await painter.wait() == 0

    async def hear(self, page: RTCPeerConnection, answer: SessionDescription) -> None:
        await page.setRemoteDescription(RTCSessionDescription(sdp=answer.sdp, type=answer.type))

    def kill_worker(self, place: SeatPlace) -> None:
        os.kill(int((place.seat / "worker.pid").read_text()), signal.SIGKILL)

    def kill_display(self, place: SeatPlace) -> None:
        (server,) = [one for one in seat_processes(place) if Path(f"/proc/{one}/comm").read_text().strip() == "Xvfb"]
        os.kill(server, signal.SIGKILL)


@dataclass
class Case:
    seats: Seats
    stage: Stage
    connected: list[Seat] = field(default_factory=list[Seat])

    async def open(self, session_id: str = "ses1") -> tuple[SeatPlace, Seat]:
        place = await self.seats.claim(session_id)
        return place, await self.reopen(place)

    async def reopen(self, place: SeatPlace) -> Seat:
        async with asyncio.timeout(WITHIN_S):
            self.connected.append(await self.seats.open(place, CONFIG))
        return self.connected[-1]

    async def adopt(self, place: SeatPlace) -> Seat:
        self.connected.append(await self.seats.adopt(place))
        return self.connected[-1]

    async def close(self) -> None:
        for seat in self.connected:
            await seat.leave()
        for session_id in await self.seats.known():
            place = await self.seats.existing(session_id)
            assert place is not None
            await self.seats.release(place)
        for place in await self.seats.waiting():
            await self.seats.release(place)


@pytest.fixture(scope="session")
def installed(seat_runtime: Path) -> Generator[SeatRuntime]:
    runtime = install(seat_runtime)
    yield runtime
    runtime.close()


@pytest.fixture(params=["fake", "real"])
async def case(request: pytest.FixtureRequest, short_folder: Path) -> AsyncGenerator[Case]:
    places = SeatPlaces(short_folder / "seats", "hst1")
    if request.param == "fake":
        fakes = FakeSeats(places, boots=False)
        made = Case(fakes, FakeStage(fakes))
    else:
        runtime: SeatRuntime = request.getfixturevalue("installed")
        made = Case(HostSeats(places, DetachedLauncher(WorkerCommand(runtime))), RealStage())
    yield made
    await made.close()


async def told(news: AsyncIterator[SeatEvent], kind: str) -> SeatEvent:
    """The first news of this kind from here on."""
    async with asyncio.timeout(WITHIN_S):
        while (event := await anext(news)).event != kind:
            pass
    return event


async def until_end(news: AsyncIterator[SeatEvent]) -> list[SeatEvent]:
    async with asyncio.timeout(WITHIN_S):
        return [event async for event in news]


async def assert_gone(seat: Seat) -> None:
    for asked in (seat.status, seat.thumbnail):
        with pytest.raises(SeatError):
            await asked()


def exists(path: str) -> bool:
    return Path(path).exists()


@asynccontextmanager
async def page_with_offer() -> AsyncGenerator[tuple[RTCPeerConnection, SessionDescription]]:
    page = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        page.createDataChannel("control")
        page.addTransceiver("video", direction="recvonly")
        page.addTransceiver("audio", direction="recvonly")
        await page.setLocalDescription(await page.createOffer())
        yield page, SessionDescription(type="offer", sdp=page.localDescription.sdp)
    finally:
        await page.close()


async def test_a_place_is_known_from_its_claim_to_its_release(case: Case) -> None:
    assert await case.seats.known() == ()
    assert await case.seats.existing("ses1") is None
    first, second = await case.seats.claim("ses1"), await case.seats.claim("ses2")
    assert first.owner.uid != second.owner.uid
    assert await case.seats.known() == ("ses1", "ses2")
    assert await case.seats.existing("ses1") == first
    await case.seats.release(first)
    assert await case.seats.known() == ("ses2",)
    assert await case.seats.existing("ses1") is None
    assert not first.folder.exists()


async def test_a_place_that_is_claimed_again_is_fresh(case: Case) -> None:
    first = await case.seats.claim("ses1")
    (first.seat / "old").touch()
    again = await case.seats.claim("ses1")
    assert again.folder == first.folder
    assert not (again.seat / "old").exists()


async def test_an_open_seat_has_a_display_a_sound_and_no_picture_yet(case: Case) -> None:
    place, seat = await case.open()
    hello = seat.hello
    assert hello.protocol == PROTOCOL_VERSION
    assert (hello.xauthority, hello.pulse_socket) == (str(place.seat / "Xauthority"), str(place.seat / "pulse/native"))
    assert all(map(exists, (hello.x_socket, hello.xauthority, hello.pulse_socket)))
    status = await seat.status()
    assert (status.first_frame, status.peers, status.idle_s) == (False, 0, None)


async def test_the_first_picture_is_news_and_stays_in_the_status(case: Case) -> None:
    place, seat = await case.open()
    await seat.thumbnail()  # whoever answers this watches the display
    await case.stage.draw(place)
    await told(seat.events(), "first_frame")
    assert (await seat.status()).first_frame


async def test_a_thumbnail_is_a_jpeg(case: Case) -> None:
    _, seat = await case.open()
    assert (await seat.thumbnail()).startswith(JPEG)


async def test_a_player_who_connects_is_counted(case: Case) -> None:
    _, seat = await case.open()
    async with page_with_offer() as (page, offer):
        answer = await seat.connect(offer)
        assert answer.type == "answer"
        assert answer.sdp.startswith("v=0")
        await case.stage.hear(page, answer)
        assert (await told(seat.events(), "peers")).count == 1
        assert (await seat.status()).peers == 1


async def test_a_watcher_is_counted_apart_and_goes_when_its_right_is_taken_back(case: Case) -> None:
    _, seat = await case.open()
    who = Introduction(name="Ben", epoch=1)
    async with page_with_offer() as (page, offer):
        await case.stage.hear(page, await seat.connect(offer, Role.WATCHER, who))
        event = await told(seat.events(), "peers")
        assert (event.count, event.players) == (1, 0)
        await seat.revoke(2)
        assert (await told(seat.events(), "peers")).count == 0
        with pytest.raises(SeatError) as refused:
            await seat.connect(offer, Role.WATCHER, who)
        assert refused.value.code == "revoked"


@pytest.mark.parametrize(
    "offer",
    [SessionDescription(type="offer", sdp="nonsense"), SessionDescription(type="offer", sdp="")],
    ids=["nonsense", "empty"],
)
async def test_an_offer_that_is_none_is_refused_in_words_and_harms_nothing(
    case: Case, offer: SessionDescription
) -> None:
    _, seat = await case.open()
    with pytest.raises(SeatError, match="this offer cannot be answered"):
        await seat.connect(offer)
    assert (await seat.status()).peers == 0


async def test_a_seat_that_was_left_lives_on_and_can_be_adopted(case: Case) -> None:
    place, seat = await case.open()
    await seat.leave()
    assert await until_end(seat.events()) == []
    adopted = await case.adopt(place)
    assert adopted.hello == seat.hello
    await adopted.thumbnail()
    await case.stage.draw(place)
    await told(adopted.events(), "first_frame")
    await adopted.leave()
    again = await case.adopt(place)
    assert (await again.status()).first_frame


async def test_where_nobody_works_nobody_is_adopted(case: Case) -> None:
    place = await case.seats.claim("ses1")
    with pytest.raises(SeatError):
        await case.adopt(place)


async def test_a_seat_that_was_shut_down_is_over_and_its_place_is_left(case: Case) -> None:
    place, seat = await case.open()
    await seat.shutdown()
    assert await until_end(seat.events()) == []
    await assert_gone(seat)
    with pytest.raises(SeatError):
        await seat.shutdown()
    with pytest.raises(SeatError):
        await case.adopt(place)
    assert await case.seats.existing("ses1") == place
    await case.seats.release(place)
    assert await case.seats.known() == ()


async def test_a_worker_that_dies_ends_the_news_and_another_can_take_its_place(case: Case) -> None:
    place, seat = await case.open()
    case.stage.kill_worker(place)
    assert await until_end(seat.events()) == []
    await assert_gone(seat)
    with pytest.raises(SeatError):
        await case.adopt(place)
    await seat.leave()
    second = await case.reopen(place)
    assert (await second.status()).peers == 0


async def test_a_display_that_dies_is_told_and_is_the_end(case: Case) -> None:
    place, seat = await case.open()
    await seat.thumbnail()
    case.stage.kill_display(place)
    *_, last = await until_end(seat.events())
    assert last.event == "failed"
    assert last.message
    await assert_gone(seat)


async def test_a_release_ends_a_living_seat_with_all_that_it_has_and_may_be_repeated(case: Case) -> None:
    place, seat = await case.open()
    await case.seats.release(place)
    assert await until_end(seat.events()) == []
    await assert_gone(seat)
    assert seat_processes(place) == ()
    assert not place.folder.exists()
    assert not exists(seat.hello.x_socket)
    await case.seats.release(place)
    assert await case.seats.known() == ()
    _, second = await case.open()
    assert (await second.status()).peers == 0


async def test_two_seats_share_nothing_and_end_apart(case: Case) -> None:
    (first_place, first), (_, second) = await case.open("ses1"), await case.open("ses2")
    assert first.hello.x_socket != second.hello.x_socket
    await case.seats.release(first_place)
    await assert_gone(first)
    assert (await second.status()).peers == 0
    assert await case.seats.known() == ("ses2",)


async def test_a_seat_that_waits_becomes_one_sessions_and_no_others(case: Case) -> None:
    place = await case.seats.claim_waiting()
    async with asyncio.timeout(WITHIN_S):
        seat = await case.seats.open(place, CONFIG.model_copy(update={"waits": True}))
    case.connected.append(seat)
    assert all(map(exists, (seat.hello.x_socket, seat.hello.xauthority, seat.hello.pulse_socket)))
    assert (await case.seats.waiting(), await case.seats.known()) == ((place,), ())
    await case.seats.bind(place, "ses1")
    with pytest.raises(SeatError):
        await case.seats.bind(place, "ses2")
    assert (await case.seats.waiting(), await case.seats.known()) == ((), ("ses1",))
    assert (await case.seats.existing("ses1"), await case.seats.existing("ses2")) == (place, None)
    await seat.take(CONFIG)
    with pytest.raises(SeatError, match="this seat is taken"):
        await seat.take(CONFIG)
    await seat.thumbnail()
    await case.stage.draw(place)
    await told(seat.events(), "first_frame")
    await case.seats.release(place)
    assert (await case.seats.waiting(), await case.seats.known()) == ((), ())
    with pytest.raises(SeatError):
        await case.seats.bind(place, "ses3")


async def test_a_seat_that_waits_knows_what_is_drawn_on_it_and_shows_it_to_who_takes_it(case: Case) -> None:
    place = await case.seats.claim_waiting()
    async with asyncio.timeout(WITHIN_S):
        seat = await case.seats.open(place, CONFIG.model_copy(update={"waits": True}))
    case.connected.append(seat)
    assert not await seat.is_drawn()
    await case.stage.draw(place)
    assert await seat.is_drawn()
    await seat.take(CONFIG)
    await told(seat.events(), "first_frame")  # although nothing has changed since
    assert await seat.is_drawn()
    await case.seats.release(place)
    with pytest.raises(SeatError):
        await seat.is_drawn()


async def test_a_seat_that_was_raised_for_a_session_cannot_be_taken(case: Case) -> None:
    _, seat = await case.open()
    with pytest.raises(SeatError, match="this seat is taken"):
        await seat.take(CONFIG)
