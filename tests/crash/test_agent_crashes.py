"""An agent is killed at the awaits of a session's launch, checkpoint and stop: the next one keeps every promise.

At every single await the host is looked at: engine, seats, disk, and what the orchestrator knows. A death there is
played out when no earlier death has left the host like that.
"""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_protocol import EndCode, ObservedState, WarmSeats, WarmTitles
from gameserver_agent import own_thread
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from gameserver_agent.seats.fake_seats import FakeSeat, FakeSeats
from tests.crash.crashing import let_processes_die, lives
from tests.crash.host import BUILD, SESSION, AgentProcess, Host, make_calls_awaits, without_root
from tests.crash.skipping_time import SkippingLoop, ThreadAtOnce

ONE_SEAT = (WarmSeats(width=1280, height=720, count=1),)
ONE_TITLE = (WarmTitles(build=BUILD, count=1),)
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(300)]  # the dead close nothing


@pytest.fixture(autouse=True)
def _outside(monkeypatch: pytest.MonkeyPatch) -> None:
    without_root(monkeypatch)
    monkeypatch.setattr(own_thread, "Thread", ThreadAtOnce)
    for kind in (FakeRuntime, FakeSeats, FakeSeat):
        make_calls_awaits(monkeypatch, kind)


@pytest.mark.parametrize("with_the_machine", [False, True], ids=["alone", "with the machine"])
def test_an_agent_may_die_at_any_await_of_a_session(tmp_path: Path, with_the_machine: bool) -> None:
    seen: set[str] = set()
    deaths = 0
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        let_processes_die(runner.get_loop())
        while runner.run(played_with_a_death(tmp_path / str(deaths), seen, with_the_machine=with_the_machine)):
            deaths += 1
    gc.collect()
    assert deaths > 30


@pytest.mark.parametrize("with_the_machine", [False, True], ids=["alone", "with the machine"])
def test_one_agent_after_the_other_may_die(tmp_path: Path, with_the_machine: bool) -> None:
    """Each of them, also while it takes up what the one before has left."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        let_processes_die(runner.get_loop())
        deaths = runner.run(played_with_deaths(tmp_path, with_the_machine=with_the_machine))
    gc.collect()
    assert deaths > 10


def test_an_agent_may_die_at_any_await_of_a_session_that_takes_a_waiting_seat(tmp_path: Path) -> None:
    seen: set[str] = set()
    deaths = 0
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        let_processes_die(runner.get_loop())
        while runner.run(played_with_a_death(tmp_path / str(deaths), seen, warm_seats=ONE_SEAT)):
            deaths += 1
    gc.collect()
    assert deaths > 30
    assert any("'waiting'" in looks for looks in seen)


def test_an_agent_may_die_at_any_await_of_a_session_that_takes_a_title(tmp_path: Path) -> None:
    seen: set[str] = set()
    deaths = 0
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        let_processes_die(runner.get_loop())
        while runner.run(played_with_a_death(tmp_path / str(deaths), seen, warm_titles=ONE_TITLE)):
            deaths += 1
    gc.collect()
    assert deaths > 30
    assert any("playhouse-title" in looks and "'running'" in looks for looks in seen)


async def played_with_deaths(folder: Path, *, with_the_machine: bool) -> int:
    host, seen, deaths = Host.fresh(folder), set[str](), 0
    playing = asyncio.ensure_future(play(host))
    try:
        while not playing.done():
            async with AgentProcess(host) as agent:
                agent.process.dies_when = dies_when_new(host, seen)
                dying = asyncio.ensure_future(agent.process.died.wait())
                await asyncio.wait({playing, dying}, return_when=asyncio.FIRST_COMPLETED)
                dying.cancel()
                if not playing.done():
                    deaths += 1
                    agent.kernel_cleans_up()
                    if with_the_machine:
                        await host.loses_power()
        assert await playing
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    return deaths


def dies_when_new(host: Host, seen: set[str]) -> Callable[[], bool]:
    """At the first await at which the host looks as no agent has left it before."""

    def is_new() -> bool:
        looks = host.looks()
        is_unseen = looks not in seen
        seen.add(looks)
        return is_unseen

    return is_new


async def played_with_a_death(
    folder: Path,
    seen: set[str],
    *,
    with_the_machine: bool = False,
    warm_seats: tuple[WarmSeats, ...] = (),
    warm_titles: tuple[WarmTitles, ...] = (),
) -> bool:
    """Play, die where no earlier agent has died, and go on with the next. False when nowhere was left."""
    host = Host.fresh(folder)
    host.plane.warm_seats, host.plane.warm_titles = warm_seats, warm_titles
    async with AgentProcess(host) as first:
        first.process.dies_when = dies_when_new(host, seen)
        playing, dying = asyncio.ensure_future(play(host)), asyncio.ensure_future(first.process.died.wait())
        try:
            await asyncio.wait({playing, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not first.process.is_dead:
                first.process.dies_when = lives
                assert await playing == EndCode.STOPPED
                return False
            first.kernel_cleans_up()
            if with_the_machine:
                await host.loses_power()
            async with AgentProcess(host):
                code = await playing
                assert with_the_machine or code == EndCode.STOPPED
        finally:
            dying.cancel()
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    return True


async def play(host: Host) -> str:
    """A session from launch to stop, in which the game saves twice; the code of its end."""
    await host.until(host.has_what_should_wait, "waiting for a session")
    host.order()
    await host.until(lambda: is_at(host, ObservedState.RUNNING, ObservedState.ENDED), "running")
    host.game_writes(b"one")
    await host.until(lambda: host.saved == host.written or is_at(host, ObservedState.ENDED), "checkpointed")
    host.game_writes(b"two")
    host.order_stop()
    await host.until(lambda: is_at(host, ObservedState.ENDED), "ended")
    assert host.seen is not None
    assert host.seen.end is not None
    code = host.seen.end.code
    host.plane.forget(SESSION)
    await host.until(lambda: host.seen is None, "forgotten")
    await host.until(host.is_clean, "clean")
    assert host.saved == host.written
    return code


def is_at(host: Host, *states: ObservedState) -> bool:
    return host.seen is not None and host.seen.state in states
