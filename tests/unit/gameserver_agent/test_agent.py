"""The agent as a whole, without an orchestrator that answers."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_protocol import ObservedState
from gameserver_agent.agent import Agent
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.contact import Contact
from gameserver_agent.host_usage import HostMeter
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.leftovers import Leftovers
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.sessions.session_task import SessionTask
from gameserver_agent.tasks import cancelled
from tests.crash.host import Plane
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, Host, host
from tests.unit.gameserver_agent.test_titles import NOVEL, ONE, until

__all__ = ["host"]


async def test_orders_that_meet_another_decision_are_followed_right_after_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look of its own would be an hour off."""
    is_busy, may_go_on, looks = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
    is_second = iter((False, True))

    async def look_at_leftovers(*_: object) -> None:
        if next(is_second):
            is_busy.set()
            await may_go_on.wait()

    def plan(*_: object) -> list[object]:
        looks.release()
        return []

    monkeypatch.setattr(Leftovers, "look", look_at_leftovers)
    monkeypatch.setattr("gameserver_agent.agent.plan", plan)
    monkeypatch.setattr("gameserver_agent.agent._LOOK_EVERY_S", 3600)
    async with adopted(host, tmp_path) as agent, running(agent, host), asyncio.timeout(30):
        await is_busy.wait()
        await looks.acquire()
        await agent.answered(agent.report())
        assert looks.locked()
        may_go_on.set()
        await looks.acquire()


async def test_a_loop_that_fails_is_begun_again_and_ends_no_other(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Semaphore(0)

    async def fail() -> None:
        begun.release()
        raise OSError("no room")

    monkeypatch.setattr("gameserver_agent.tasks._AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr(host.services.titles, "keep", fail)
    async with adopted(host, tmp_path) as agent, running(agent, host) as work, asyncio.timeout(30):
        for _ in range(3):
            await begun.acquire()
        assert not work.done()


async def test_an_engine_that_hangs_does_not_make_the_end_of_all_sessions_late(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.titles.title.SETTLES_S", 0.0)
    is_over = asyncio.Event()

    async def hang(_: str) -> None:
        await is_over.wait()

    async with adopted(host, tmp_path) as agent:
        titles = host.services.titles
        titles.want(ONE)
        keeping = asyncio.create_task(titles.keep())
        await until(lambda: bool(titles.report()))
        await cancelled(keeping)
        monkeypatch.setattr(host.runtime, "remove", hang)
        stopping = asyncio.create_task(agent.stop_sessions(0.1))
        try:
            done, _ = await asyncio.wait({stopping}, timeout=10)
            assert done
        finally:
            is_over.set()
            await stopping


async def test_a_session_takes_the_title_that_its_own_room_leaves_no_place_for(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.titles.title.SETTLES_S", 0.0)
    async with asyncio.timeout(30), adopted(host, tmp_path) as agent, running(agent, host):
        host.services.titles.want(ONE)
        await until(lambda: bool(host.services.titles.report()))
        contact: Contact = vars(agent)["_contact"]
        contact.desired, contact.warm_titles = (order(build=NOVEL, now=datetime.now(UTC)),), ()
        await agent.answered(agent.report())
        await until(lambda: any(seen.state == ObservedState.RUNNING for seen in agent.observed()))
        assert len(host.runtime.specs) == 1
        assert await agent.stop_sessions(10)
    await host.assert_nothing_is_left()


async def test_sessions_are_reported_while_what_an_earlier_agent_left_is_cleared_away(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, began = asyncio.Event(), asyncio.Event()

    async def slowly(_: frozenset[str]) -> None:
        began.set()
        await may_go_on.wait()

    async with asyncio.timeout(30):
        task = host.session()
        await host.running(task)
        await task.leave()
        monkeypatch.setattr(host.services.titles, "clear", slowly)
        async with adopted(host, tmp_path) as agent, running(agent, host):
            await began.wait()
            (seen,) = agent.report().sessions
            assert seen.session_id == "ses1"
            host.services.titles.want(ONE)
            await agent.ordered()  # waits for nothing
            assert not host.services.titles.known()
            may_go_on.set()
            await until(lambda: bool(host.services.titles.known()))
            assert await agent.stop_sessions(10)
        await host.assert_nothing_is_left()


async def test_a_session_that_will_not_be_forgotten_holds_up_no_other(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_stuck, may_go_on = asyncio.Event(), asyncio.Event()
    forget = SessionTask.forget

    async def forget_slowly(task: SessionTask) -> None:
        is_stuck.set()
        await may_go_on.wait()
        await forget(task)

    monkeypatch.setattr(SessionTask, "forget", forget_slowly)
    first, second = (order(session_id, build=BUILD, now=datetime.now(UTC)) for session_id in ("ses1", "ses2"))
    plane = Plane()

    async def came(fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not fact():
                await plane.news.wait()

    def is_running(session_id: str, generation: int) -> bool:
        seen = plane.observed.get(session_id)
        return seen is not None and (seen.state, seen.generation) == (ObservedState.RUNNING, generation)

    async with adopted(host, tmp_path, plane) as agent, running(agent, host):
        plane.want(first)
        await came(lambda: is_running("ses1", 1))
        plane.want(first.model_copy(update={"want": "stop"}))
        await came(lambda: plane.observed["ses1"].state is ObservedState.ENDED)
        plane.forget("ses1")
        await is_stuck.wait()
        plane.want(second)
        await came(lambda: is_running("ses2", 1))
        plane.want(first.model_copy(update={"generation": 2}))
        await came(lambda: is_running("ses2", 1))
        assert plane.observed["ses1"].state is ObservedState.ENDED, "what is left of it goes first"
        may_go_on.set()
        await came(lambda: is_running("ses1", 2))
        for session in (first.model_copy(update={"generation": 2}), second):
            plane.want(session.model_copy(update={"want": "stop"}))
        await came(lambda: all(seen.state is ObservedState.ENDED for seen in plane.observed.values()))


@asynccontextmanager
async def adopted(host: Host, folder: Path, client: OrchestratorClient | None = None) -> AsyncGenerator[Agent]:
    """An agent with nobody to tell unless a `client` is given."""
    data = DataFolder(folder / "agent")
    try:
        async with OrchestratorClient("http://127.0.0.1:9", time.time) as nobody:
            agent = Agent(
                data=data,
                membership=Membership("hst1", "ins1", {}),
                client=client or nobody,
                clock=OrchestratorClock(folder / "clock.json"),
                runtime=host.runtime,
                meter=HostMeter(folder, 4),
                public_url="http://127.0.0.1:9100",
            )
            await agent.adopt(host.services if client is None else replace(host.services, changed=agent.changed))
            yield agent
    finally:
        data.close()


@asynccontextmanager
async def running(agent: Agent, host: Host) -> AsyncGenerator[asyncio.Task[None]]:
    work = asyncio.create_task(agent.run(host.services.outbox))
    try:
        yield work
    finally:
        await cancelled(work)
