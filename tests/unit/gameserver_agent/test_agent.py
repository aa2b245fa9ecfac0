"""The agent as a whole, without an orchestrator that answers."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent_protocol import DesiredSession, ObservedState
from gameserver_agent.agent import Agent
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.contact import Contact
from gameserver_agent.errors import EngineError
from gameserver_agent.host_usage import HostMeter
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.leftovers import Leftovers
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.runtime.port import Container
from gameserver_agent.sessions.kept import KeptSaves
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.session_task import SessionTask
from gameserver_agent.tasks import cancelled
from tests.crash.host import Plane
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_leftovers import abandoned
from tests.unit.gameserver_agent.test_session_task import BUILD, Host, host
from tests.unit.gameserver_agent.test_titles import NOVEL, ONE, until

__all__ = ["host"]


async def test_orders_that_meet_another_decision_are_followed_right_after_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look of its own would be an hour off."""
    is_busy, may_go_on, looks = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
    is_second = iter((False, True))

    async def look_at_leftovers(*_: object) -> bool:
        if next(is_second):
            is_busy.set()
            await may_go_on.wait()
        return True

    def plan(*_: object) -> list[object]:
        looks.release()
        return []

    monkeypatch.setattr(Leftovers, "look", look_at_leftovers)
    monkeypatch.setattr("gameserver_agent.agent.plan", plan)
    monkeypatch.setattr("gameserver_agent.agent._LOOK_EVERY_S", 3600)
    async with adopted(host, tmp_path) as agent, running(agent, host), asyncio.timeout(60):
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
    async with adopted(host, tmp_path) as agent, running(agent, host) as work, asyncio.timeout(60):
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
            done, _ = await asyncio.wait({stopping}, timeout=60)
            assert done
        finally:
            is_over.set()
            await stopping


async def test_a_session_takes_the_title_that_its_own_room_leaves_no_place_for(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.titles.title.SETTLES_S", 0.0)
    async with asyncio.timeout(60), adopted(host, tmp_path) as agent, running(agent, host):
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

    async def slowly(_: frozenset[str]) -> bool:
        began.set()
        await may_go_on.wait()
        return True

    async with asyncio.timeout(60):
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
        async with asyncio.timeout(60):
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


async def test_nothing_is_decided_before_it_was_seen_what_is_left(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A game whose record is lost stands in the way of its own order, however the engine stutters at first."""
    folder = await abandoned(host, "{")
    list_containers, calls = host.runtime.list_containers, list[int]()

    async def stutter(labels: Mapping[str, str]) -> Sequence[Container]:
        calls.append(1)
        if len(calls) < 4:
            raise EngineError("busy")
        return await list_containers(labels)

    monkeypatch.setattr(host.runtime, "list_containers", stutter)
    monkeypatch.setattr("gameserver_agent.agent._LOOK_EVERY_S", 0.02)
    plane = Plane()
    plane.want(order(build=BUILD, now=datetime.now(UTC)))
    async with adopted(host, tmp_path, plane) as agent, running(agent, host):
        await until(lambda: any(seen.state == ObservedState.RUNNING for seen in agent.observed()))
        assert (folder / "home" / "save").read_text() == "progress"
        assert len(host.runtime.specs) == 1, "the game that lived was taken up"


async def test_a_stop_of_a_later_generation_keeps_the_earlier_ones_save_as_its_own(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await abandoned(host, "{")
    monkeypatch.setattr("gameserver_agent.agent._LOOK_EVERY_S", 0.02)
    plane, keep, kept = Plane(), KeptSaves.keep, list[tuple[str, int | None]]()

    def note(saves: KeptSaves, session_id: str, generation: int | None) -> None:
        kept.append((session_id, generation))
        keep(saves, session_id, generation)

    list_containers, waits = host.runtime.list_containers, iter((False, True))

    async def slowly(labels: Mapping[str, str]) -> Sequence[Container]:
        if next(waits, False):  # the order is heard while it is seen what is left
            await plane.news.wait()
            await asyncio.sleep(0.1)
        return await list_containers(labels)

    monkeypatch.setattr(host.runtime, "list_containers", slowly)
    monkeypatch.setattr(KeptSaves, "keep", note)
    plane.want(order(build=BUILD, now=datetime.now(UTC)).model_copy(update={"generation": 2, "want": "stop"}))
    async with adopted(host, tmp_path, plane) as agent, running(agent, host):
        await until(lambda: "ses1" in plane.observed and plane.observed["ses1"].state is ObservedState.ENDED)
        plane.forget("ses1")
        await until(lambda: not agent.observed())
    assert kept[0] == ("ses1", 1)


async def test_a_record_that_cannot_be_removed_is_tried_again_once_a_look(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = list[float]()

    async def refuse(_: SessionTask) -> None:
        tries.append(time.monotonic())
        raise OSError("read-only")

    monkeypatch.setattr(SessionTask, "forget", refuse)
    monkeypatch.setattr("gameserver_agent.agent._LOOK_EVERY_S", 0.1)
    plane, desired = Plane(), order(build=BUILD, now=datetime.now(UTC))
    async with adopted(host, tmp_path, plane) as agent, running(agent, host):
        plane.want(desired)
        await until(lambda: any(seen.state == ObservedState.RUNNING for seen in agent.observed()))
        plane.want(desired.model_copy(update={"want": "stop"}))
        await until(lambda: "ses1" in plane.observed and plane.observed["ses1"].state is ObservedState.ENDED)
        plane.forget("ses1")
        await until(lambda: len(tries) >= 6)
    assert tries[5] - tries[0] > 0.25


async def test_a_disk_that_hangs_holds_up_neither_the_lease_nor_another_session(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deadlines move with nearly every sync, and records are written for them."""
    first, second = (order(session_id, build=BUILD, now=datetime.now(UTC)) for session_id in ("ses1", "ses2"))
    plane, may_go_on, hanging, written = Plane(), threading.Event(), threading.Event(), list[SessionRecord]()
    write = SessionFolder.write

    def write_slowly(folder: SessionFolder, record: SessionRecord) -> None:
        if folder.path.name == "ses1" and record.state is ObservedState.RUNNING:
            hanging.set()
            may_go_on.wait(30)
            written.append(record)
        write(folder, record)

    def later(minutes: int) -> DesiredSession:
        return first.model_copy(update={"expires_at": first.expires_at + timedelta(minutes=minutes)})

    async def came(fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not fact():
                await plane.news.wait()

    def is_running(session_id: str) -> bool:
        seen = plane.observed.get(session_id)
        return seen is not None and seen.state is ObservedState.RUNNING

    try:
        async with adopted(host, tmp_path, plane) as agent, running(agent, host):
            plane.want(first)
            await came(lambda: is_running("ses1"))
            monkeypatch.setattr(SessionFolder, "write", write_slowly)
            plane.want(later(1))
            await until(hanging.is_set)
            for minutes in range(2, 12):
                plane.want(later(minutes))
                await plane.news.wait()
            plane.want(second)
            await came(lambda: is_running("ses2"))
            may_go_on.set()
            kept = SessionFolder(host.services.session_folder("ses1"))
            await until(lambda: (record := kept.read()) is not None and record.desired == later(11))
            assert len(written) <= 3, "one write stands for all that moved meanwhile"
            for session in (later(11), second):
                plane.want(session.model_copy(update={"want": "stop"}))
            await came(lambda: all(seen.state is ObservedState.ENDED for seen in plane.observed.values()))
    finally:
        may_go_on.set()


async def test_a_disk_that_cannot_be_looked_at_keeps_no_session_from_its_start(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, hanging = threading.Event(), threading.Event()
    plane = Plane()

    def folders(_services: SessionServices) -> list[str]:
        if plane.desired and not hanging.is_set():
            hanging.set()
            may_go_on.wait(30)
        return []

    monkeypatch.setattr("gameserver_agent.leftovers._session_folders", folders)
    monkeypatch.setattr("gameserver_agent.leftovers._DISK_WITHIN_S", 0.2, raising=False)
    monkeypatch.setattr("gameserver_agent.agent._LOOK_AT_ENGINE_EVERY_S", 0.1)
    first, second = (order(session_id, build=BUILD, now=datetime.now(UTC)) for session_id in ("ses1", "ses2"))
    try:
        async with adopted(host, tmp_path, plane) as agent, running(agent, host):
            plane.want(first)
            await until(hanging.is_set)
            plane.want(second)
            async with asyncio.timeout(60):
                while "ses2" not in plane.observed:
                    await plane.news.wait()
            may_go_on.set()
            await until(lambda: all(seen.state is ObservedState.RUNNING for seen in agent.observed()))
            assert await agent.stop_sessions(10)
    finally:
        may_go_on.set()


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
                metrics=host.services.meter,
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
