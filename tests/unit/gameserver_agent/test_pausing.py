"""A game that nobody looks at stands still; nobody ever meets it so."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver_agent.errors import EngineUnreachableError, SeatError
from gameserver_agent.runtime.fake_runtime import FakeProgram, FakeRuntime
from gameserver_agent.saves.archive import Owner
from gameserver_agent.sessions import pause_clock, pausing
from gameserver_agent.sessions.pause_clock import PAUSE_AFTER_S, PauseClock
from gameserver_agent.sessions.record import SessionFolder
from gameserver_agent.sessions.saves import SessionSaves
from gameserver_agent.sessions.session_task import SessionTask
from gameserver_agent.statistics import Meter, Sample
from streaming.audience import Role
from streaming.protocol import Introduction, SessionDescription
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS, Host, host

__all__ = ["host"]

OFFER = SessionDescription(type="offer", sdp="v=0")


def test_a_game_is_paused_a_minute_after_the_last_peer_has_gone() -> None:
    clock = PauseClock().looked(is_somebody_there=False, now_s=100)
    assert not clock.looked(is_somebody_there=False, now_s=130).is_due(100 + PAUSE_AFTER_S - 0.1)
    assert clock.looked(is_somebody_there=False, now_s=130).is_due(100 + PAUSE_AFTER_S)
    assert not clock.looked(is_somebody_there=True, now_s=130).is_due(1000)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100))))
def test_no_game_is_paused_within_a_minute_of_a_look_at_somebody(looks: list[tuple[bool, float]]) -> None:
    clock, now_s, seen_s = PauseClock(), 0.0, 0.0
    for is_there, later_s in looks:
        now_s += later_s
        clock = clock.looked(is_somebody_there=is_there, now_s=now_s)
        seen_s = now_s if is_there else seen_s
        assert not clock.is_due(now_s) or now_s - seen_s >= PAUSE_AFTER_S


def test_paused_time_does_not_count_as_played() -> None:
    meter = Meter(started_s=0).sampled(Sample(1.0, 1, 0)).first_frame(10)
    meter = meter.paused(70).paused(80)
    assert meter.statistics(100).played_s == 60
    meter = meter.thawed(170)
    assert meter.statistics(180).played_s == 70
    assert meter.stopping(190).ended(200).statistics(999).played_s == 80
    assert meter.paused(175).ended(200).statistics(999).played_s == 65


def test_the_time_between_pictures_is_that_of_a_game_that_moves_while_it_is_played() -> None:
    meter = Meter(started_s=0).shown(60.0)
    assert meter.first_frame(10).statistics(20).frame_s is None
    meter = meter.first_frame(10).shown(60.0).shown(20.0).shown(0.0).shown(1.0)
    assert meter.statistics(20).frame_s == 0.025
    assert meter.stopping(20).shown(20.0).statistics(30).frame_s == 0.025


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause_clock, "PAUSE_AFTER_S", 0.05)
    monkeypatch.setattr(pausing, "_LOOK_EVERY_S", 0.01)


async def is_frozen(host: Host) -> bool:
    (container,) = await host.runtime.list_containers(OURS)
    return (await host.runtime.status(container.container_id)).is_paused


async def paused(host: Host) -> SessionTask:
    task = host.session()
    await host.running(task)
    await host.until(task, lambda seen: seen.paused)
    await until(lambda: is_frozen(host))
    return task


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await fact():  # noqa: ASYNC110 - an engine tells nobody that it has paused
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("soon")
async def test_a_pause_comes_after_a_checkpoint_and_ends_before_an_offer_is_answered(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.saves._LOOK_EVERY_S", 3600)  # no checkpoint but the pause's own
    task = host.session()
    await host.running(task)
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    frozen_at_connect: list[bool] = []
    seat = host.seats.living["ses1"]
    connect = seat.connect

    async def asked(offer: SessionDescription, role: Role, who: Introduction | None) -> SessionDescription:
        frozen_at_connect.append(await is_frozen(host))
        return await connect(offer, role, who)

    monkeypatch.setattr(seat, "connect", asked)
    seen = await host.until(task, lambda seen: seen.paused)
    assert seen.save is not None
    await until(lambda: is_frozen(host))
    await task.connect(OFFER)
    assert frozen_at_connect == [False]
    assert not task.observed().paused
    task.stop("stopped", "")
    await host.ended(task)
    await host.assert_nothing_is_left()


@pytest.mark.usefixtures("soon")
async def test_who_connects_while_the_game_is_being_paused_meets_it_awake(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause, is_pausing, may_pause = FakeRuntime.pause, asyncio.Event(), asyncio.Event()

    async def slow(self: FakeRuntime, container_id: str) -> None:
        is_pausing.set()
        await may_pause.wait()
        await pause(self, container_id)

    monkeypatch.setattr(FakeRuntime, "pause", slow)
    task = host.session()
    await is_pausing.wait()
    connecting = asyncio.ensure_future(task.connect(OFFER))
    await asyncio.sleep(0)
    may_pause.set()
    await connecting
    assert not await is_frozen(host)
    assert task.observed().peers == 1
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.usefixtures("soon")
async def test_who_only_watches_neither_wakes_a_game_nor_keeps_it_awake(host: Host) -> None:
    task = await paused(host)
    await task.connect(OFFER, Role.WATCHER)
    await host.until(task, lambda seen: seen.peers == 1)
    await task.connect(OFFER)
    assert not await is_frozen(host)
    seat = host.seats.living["ses1"]
    seat.players, seat.peers = 0, 1
    await host.until(task, lambda seen: seen.paused)
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.usefixtures("soon")
async def test_nobody_is_connected_to_a_game_that_cannot_be_woken(host: Host) -> None:
    task = await paused(host)
    host.runtime.is_away = True
    with pytest.raises(SeatError, match="cannot be woken"):
        await task.connect(OFFER)
    host.runtime.is_away = False
    await task.connect(OFFER)
    assert not await is_frozen(host)
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.usefixtures("soon")
async def test_a_pause_that_happens_after_its_answer_was_given_up_is_taken_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause, late = FakeRuntime.pause, asyncio.Event()

    async def lost(self: FakeRuntime, container_id: str) -> None:
        if not late.is_set():
            late.set()
            raise EngineUnreachableError("no answer in time")
        await pause(self, container_id)

    monkeypatch.setattr(FakeRuntime, "pause", lost)
    task = host.session()
    await host.running(task)
    await late.wait()
    await task.connect(OFFER)
    (container,) = await host.runtime.list_containers(OURS)
    await pause(host.runtime, container.container_id)  # the engine got round to it only now

    async def is_awake() -> bool:
        return not await is_frozen(host)

    await until(is_awake)
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.usefixtures("soon")
async def test_a_pause_that_happens_after_its_agent_has_gone_is_taken_back_by_the_next(host: Host) -> None:
    first = await paused(host)
    await first.leave()
    (container,) = await host.runtime.list_containers(OURS)
    await host.runtime.unpause(container.container_id)  # the pause was ordered, and is on its way
    second = host.session()
    await host.until(second, lambda seen: seen.seat_ready)
    await host.runtime.pause(container.container_id)

    async def is_awake() -> bool:
        return not await is_frozen(host)

    await until(is_awake)
    second.stop("stopped", "")
    await host.ended(second)


@pytest.mark.usefixtures("soon")
async def test_a_game_whose_visitor_gave_up_during_the_thaw_is_not_called_paused_when_it_runs(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await paused(host)
    monkeypatch.setattr(pause_clock, "PAUSE_AFTER_S", 3600)
    unpause, is_thawed = FakeRuntime.unpause, asyncio.Event()

    async def unanswered(self: FakeRuntime, container_id: str) -> None:
        await unpause(self, container_id)
        is_thawed.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as wedged:
        wedged.setattr(FakeRuntime, "unpause", unanswered)
        connecting = asyncio.ensure_future(task.connect(OFFER))
        await is_thawed.wait()
        connecting.cancel()
        await asyncio.wait({connecting})
    await host.until(task, lambda seen: not seen.paused)
    assert not await is_frozen(host)
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.usefixtures("soon")
async def test_a_visit_during_the_checkpoint_before_a_pause_puts_the_pause_off(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.saves._LOOK_EVERY_S", 3600)  # no checkpoint but the pause's own
    is_saving, may_save = asyncio.Event(), asyncio.Event()
    checkpoints: list[int] = []

    async def slow(_self: SessionSaves, _owner: Owner) -> None:
        checkpoints.append(1)
        is_saving.set()
        await may_save.wait()

    monkeypatch.setattr(SessionSaves, "checkpoint", slow)
    task = host.session()
    await is_saving.wait()
    with pytest.raises(SeatError):
        await task.connect(SessionDescription(type="answer", sdp="here and gone"))
    may_save.set()
    await host.until(task, lambda seen: seen.paused)
    assert len(checkpoints) == 2
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.usefixtures("soon")
async def test_a_paused_game_is_thawed_before_its_stop_signal(host: Host) -> None:
    host.runtime.programs[("play",)] = FakeProgram(exit_code_on_signal=0)
    task = await paused(host)
    task.stop("expired", "Nobody was playing.")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "expired"
    assert not ended.paused
    assert ended.statistics is not None
    assert ended.statistics.played_s < ended.statistics.duration_s
    await host.assert_nothing_is_left()


@pytest.mark.usefixtures("soon")
async def test_a_paused_game_is_adopted_paused(host: Host) -> None:
    first = await paused(host)
    await first.leave()
    second = host.session()
    seen = await host.until(second, lambda seen: seen.seat_ready)
    assert seen.paused
    assert await is_frozen(host)
    await second.connect(OFFER)
    assert not await is_frozen(host)
    second.stop("stopped", "")
    await host.ended(second)
    await host.assert_nothing_is_left()


async def test_a_game_without_a_first_frame_is_not_paused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause_clock, "PAUSE_AFTER_S", 0.0)
    monkeypatch.setattr(host.seats, "_boots", False)
    object.__setattr__(host.services, "booting_within_s", 0.3)
    ended = await host.ended(host.session(order(build=BUILD, now=datetime.now(UTC))))
    assert ended.end is not None
    assert ended.end.code == "boot_timeout"
    record = SessionFolder(host.services.session_folder("ses1")).read()
    assert record is not None
    assert record.meter is not None
    assert record.meter.paused_since_s is None
    assert record.meter.paused_s == 0
