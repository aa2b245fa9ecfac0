"""Titles on an imagined host: how they are kept, taken and given up."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent_protocol import DesiredSession, ObservedState, RestoreSource, WarmTitles
from gameserver_agent.errors import EngineError, SaveError
from gameserver_agent.runtime.fake_runtime import FakeProgram
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.sessions.container import TITLE_LABEL
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.session_task import SessionTask
from gameserver_agent.tasks import cancelled
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_leftovers import reaped
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS, Host, host
from tracing.otlp import OtlpTracer

__all__ = ["host"]
NOVEL = BUILD.model_copy(update={"waits_at_title": True})
RESTORE = RestoreSource(version_id="ver1", path="/x", digest="0", size_bytes=1)
ONE = (WarmTitles(build=NOVEL, count=1, memory_bytes=7),)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.titles.title.SETTLES_S", 0.0)
    monkeypatch.setattr("gameserver_agent.titles.waiting._LOOK_EVERY_S", 0.02)
    monkeypatch.setattr("gameserver_agent.titles.waiting._ASK_EVERY_S", 0.02)


@asynccontextmanager
async def kept(host: Host, *orders: WarmTitles) -> AsyncGenerator[asyncio.Task[None]]:
    titles = host.services.titles
    titles.want(orders)
    keeping = asyncio.create_task(titles.keep())
    try:
        if orders:
            await until(lambda: bool(titles.report()))
        yield keeping
    finally:
        await cancelled(keeping)
        await titles.end()


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not fact():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


def session(host: Host, session_id: str = "ses1", **changes: object) -> SessionTask:
    desired: DesiredSession = order(session_id, build=NOVEL, now=datetime.now(UTC)).model_copy(update=changes)
    task = SessionTask(desired, host.services, None)
    task.begin()
    return task


async def title_containers(host: Host) -> list[str]:
    found = await host.runtime.list_containers(OURS)
    return [container.container_id for container in found if TITLE_LABEL in container.labels]


async def test_a_title_stands_still_and_says_what_it_takes(host: Host) -> None:
    async with kept(host, *ONE):
        (container_id,) = await title_containers(host)
        assert (await host.runtime.status(container_id)).is_paused
        (said,) = host.services.titles.report()
        assert (said.build_id, said.image_id, said.count, said.memory_bytes) == ("bld1", "sha256:game", 1, 7)
    await host.assert_nothing_is_left()


async def test_of_two_sessions_one_takes_it_and_the_boot_of_the_other_alone_is_learned_from(host: Host) -> None:
    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        (container_id,) = await title_containers(host)
        tasks = [session(host, "ses1"), session(host, "ses2")]
        for task in tasks:
            await host.running(task)
        assert [task.title_id is None for task in tasks].count(False) == 1
        assert await title_containers(host) == [container_id]
        assert not (await host.runtime.status(container_id)).is_paused
        assert len(await host.runtime.list_containers(OURS)) == 2
        for task in tasks:
            task.stop("stopped", "")
            statistics = (await host.ended(task)).statistics
            assert statistics is not None
            assert (statistics.boot_s is None) is (task.title_id is not None)
    await host.assert_nothing_is_left()


async def test_a_title_that_is_taken_is_told_in_the_trace(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing.otlp.CLOSED_WITHIN_S", 60.0)
    came = InMemorySpanExporter()
    tracer = OtlpTracer("agent", "hst1", came)
    host = replace(host, services=replace(host.services, tracer=tracer))
    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        task = session(host, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        await host.running(task)
        task.stop("stopped", "")
        await host.ended(task)
    await asyncio.to_thread(tracer.close)
    spans = {span.name: dict(span.attributes or {}) for span in came.get_finished_spans()}
    assert set(spans) == {"host.launch", "title.take", "game.boot"}
    assert spans["host.launch"]["playhouse.start"] == "title"
    assert spans["title.take"] == {"playhouse.has_save": False}


async def test_another_version_of_the_build_takes_nothing(host: Host) -> None:
    async with kept(host, *ONE):
        task = session(host, build=NOVEL.model_copy(update={"command": ("play", "hard")}))
        await host.running(task)
        assert task.title_id is None
        task.stop("stopped", "")
        await host.ended(task)
    await host.assert_nothing_is_left()


@pytest.mark.parametrize("trouble", ["game", "seat", "engine"])
async def test_a_title_of_no_use_costs_the_session_nothing_but_time(
    host: Host, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr("gameserver_agent.titles.waiting._ASK_EVERY_S", 3600)
    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        (container_id,) = await title_containers(host)
        match trouble:
            case "game":
                await host.runtime.signal(container_id, "SIGKILL")
            case "seat":
                (seat,) = host.seats.living.values()
                seat.die()
            case _:

                async def refuse(_: str) -> None:
                    raise EngineError("no")

                monkeypatch.setattr(host.runtime, "unpause", refuse)
        task = session(host)
        await host.running(task)
        assert task.title_id is None
        await until(lambda: host.services.titles.known() == frozenset())
        assert await title_containers(host) == []
        assert len(host.seats.living) == 1
        monkeypatch.undo()
        task.stop("stopped", "")
        await host.ended(task)


async def test_a_stop_is_heard_while_a_title_is_taken(host: Host) -> None:
    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        task = session(host, restore=RESTORE)
        await host.until(task, lambda seen: seen.state == ObservedState.RESTORING and seen.seat_ready)
        task.stop("stopped", "")
        await host.ended(task)
        assert host.store.sent == []
        await host.assert_nothing_is_left()


async def test_a_home_that_cannot_be_emptied_costs_the_session_nothing_but_time(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = list[HomeFolder]()

    def fail(home: HomeFolder) -> None:
        failed.append(home)
        raise SaveError("find took too long")

    monkeypatch.setattr(HomeFolder, "empty", fail)
    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        task = session(host, restore=RESTORE)
        await until(lambda: bool(failed) and task.title_id is None)
        await host.until(task, lambda seen: seen.seat_ready or seen.state == ObservedState.ENDED)
        task.stop("stopped", "")
        ended = (await host.ended(task)).end
        assert ended is not None
        assert ended.code == "stopped"
        await host.assert_nothing_is_left()


async def test_a_title_whose_session_cannot_be_recorded_is_not_played(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SessionFolder.write

    def refuse(folder: SessionFolder, record: SessionRecord) -> None:
        if record.title_id is not None:
            raise OSError("no room")
        write(folder, record)

    monkeypatch.setattr(SessionFolder, "write", refuse)
    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        task = session(host)
        await host.running(task)
        assert task.title_id is None
        assert await title_containers(host) == []
        task.stop("stopped", "")
        await host.ended(task)
        await host.assert_nothing_is_left()


async def test_an_agent_that_dies_before_a_taken_game_moves_leaves_a_session_that_goes_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpause, records = host.runtime.unpause, list[SessionRecord | None]()

    async def die(_: str) -> None:
        records.append(SessionFolder(host.services.session_folder("ses1")).read())
        await asyncio.Event().wait()

    async with kept(host, *ONE):
        host.services.titles.want((), [NOVEL])
        (container_id,) = await title_containers(host)
        monkeypatch.setattr(host.runtime, "unpause", die)
        dead = session(host)
        await until(lambda: bool(records))
        (record,) = records
        assert record is not None
        assert record.title_id == dead.title_id
        assert host.services.images.uses.last_used_s(NOVEL.image_id) is not None
        monkeypatch.setattr(host.runtime, "unpause", unpause)
        task = SessionTask(record.desired, host.services, record)
        task.begin()
        await host.running(task)
        assert not (await host.runtime.status(container_id)).is_paused
        task.stop("stopped", "")
        await host.ended(task)
        await dead.leave()
        await host.assert_nothing_is_left()


async def test_one_that_dies_is_replaced_and_one_that_is_not_wanted_goes(host: Host) -> None:
    async with kept(host, *ONE):
        (first,) = await title_containers(host)
        await host.runtime.signal(first, "SIGKILL")
        async with asyncio.timeout(60):
            while await title_containers(host) in ([], [first]) or not host.services.titles.report():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        host.services.titles.want(())
        await until(lambda: host.services.titles.report() == ())
        await until(lambda: not host.seats.living)
    await host.assert_nothing_is_left()


async def test_a_launch_while_titles_are_given_up_ends_nothing_else(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles, remove, may_go = host.services.titles, host.runtime.remove, asyncio.Event()

    async def slowly(container_id: str) -> None:
        await may_go.wait()
        await remove(container_id)

    async with kept(host, ONE[0].model_copy(update={"count": 2})):
        await until(lambda: len(titles.known()) == 2 == sum(said.count for said in titles.report()))
        monkeypatch.setattr(host.runtime, "remove", slowly)
        titles.want(())
        await until(lambda: sum(said.count for said in titles.report()) < 2)
        taken = titles.taken(NOVEL)
        may_go.set()
        if taken is not None:
            await titles.discard(taken)
        monkeypatch.setattr("gameserver_agent.titles.waiting.AFTER_TAKE_S", 0.0)
        titles.taken(NOVEL)
        titles.want(ONE)
        await until(lambda: bool(titles.report()))
    await host.assert_nothing_is_left()


async def test_none_is_raised_of_an_image_that_is_not_here(host: Host) -> None:
    host.runtime.images.clear()
    titles = host.services.titles
    titles.want(ONE)
    keeping = asyncio.create_task(titles.keep())
    await asyncio.sleep(0.1)
    await cancelled(keeping)
    assert (host.runtime.pulls, titles.report()) == (0, ())
    await host.assert_nothing_is_left()


async def test_all_that_are_too_many_go_at_once_and_one_for_each_session_that_begins_is_spared(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.titles.waiting._LOOK_EVERY_S", 3600)
    titles, remove = host.services.titles, host.runtime.remove
    together, begun = asyncio.Event(), list[str]()

    async def remove_together(container_id: str) -> None:
        begun.append(container_id)
        if len(begun) == 2:
            together.set()
        await together.wait()
        await remove(container_id)

    async with kept(host, ONE[0].model_copy(update={"count": 3})):
        await until(lambda: sum(said.count for said in titles.report()) == 3)
        monkeypatch.setattr(host.runtime, "remove", remove_together)
        titles.want((), [NOVEL])
        assert [said.count for said in titles.report()] == [1]
        await until(together.is_set)
        await until(lambda: len(titles.known()) == 1)
    await host.assert_nothing_is_left()


async def test_one_that_rises_makes_way_too(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.seats, "_boots", False)
    async with kept(host) as keeping:
        host.services.titles.want(ONE)
        await until(lambda: bool(host.runtime.specs))
        host.services.titles.want(())
        await until(lambda: not host.services.titles.known())
        assert not keeping.done()
        await host.assert_nothing_is_left()


async def test_one_that_is_not_wanted_any_more_while_it_is_cleared_away_leaves_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.runtime.programs[NOVEL.command] = FakeProgram(exit_code=1)
    release, is_ending, may_go_on = host.seats.release, asyncio.Event(), asyncio.Event()

    async def slowly(place: SeatPlace) -> None:
        is_ending.set()
        await may_go_on.wait()
        await release(place)

    monkeypatch.setattr(host.seats, "release", slowly)
    monkeypatch.setattr("gameserver_agent.titles.title.DRAWS_WITHIN_S", 0.05)
    async with kept(host):
        host.services.titles.want(ONE)
        async with asyncio.timeout(60):
            await is_ending.wait()
        host.services.titles.want(())
        await asyncio.sleep(0)
        may_go_on.set()
        await until(lambda: not host.services.titles.known())
        await host.assert_nothing_is_left()
        assert list((host.folder / "data" / "titles").glob("*")) == []


async def test_one_that_is_not_wanted_any_more_before_it_began_keeps_no_other_from_rising(host: Host) -> None:
    async with kept(host):
        host.services.titles.want(ONE)
        while not host.services.titles.known():  # noqa: ASYNC110 - in the very step in which it is begun
            await asyncio.sleep(0)
        host.services.titles.want(())
        await until(lambda: not host.services.titles.known())
        host.services.titles.want(ONE)
        await until(lambda: bool(host.services.titles.report()))


@pytest.mark.parametrize("trouble", ["image", "game"])
async def test_one_that_does_not_rise_keeps_no_other_from_rising(
    host: Host, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    broken = NOVEL.model_copy(update={"build_id": "bld0", "command": ("broken",)})
    if trouble == "image":
        broken = broken.model_copy(update={"image_id": "sha256:absent"})
    host.runtime.programs["broken",] = FakeProgram(exit_code=1)
    async with kept(host, WarmTitles(build=broken, count=1, memory_bytes=7), *ONE):
        assert [said.build_id for said in host.services.titles.report()] == ["bld1"]
    await host.assert_nothing_is_left()


async def test_one_that_fails_while_the_engine_stutters_is_ended_later(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, is_away, refused = host.runtime.remove, True, list[str]()

    async def stutter(container_id: str) -> None:
        if is_away:
            refused.append(container_id)
            raise EngineError("no answer")
        await remove(container_id)

    monkeypatch.setattr(host.runtime, "pause", stutter)
    monkeypatch.setattr(host.runtime, "remove", stutter)
    async with kept(host):
        host.services.titles.want(ONE)
        await until(lambda: len(refused) > 2)
        host.services.titles.want(())
        assert len(await title_containers(host)) == 1
        assert host.services.titles.known()
        is_away = False
        await until(lambda: not host.services.titles.known())
        await host.assert_nothing_is_left()


async def test_a_container_that_will_not_go_keeps_nothing_else_that_an_earlier_agent_left(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.titles.waiting._ASK_EVERY_S", 3600)
    remove = host.runtime.remove
    async with kept(host, ONE[0].model_copy(update={"count": 2})):
        await until(lambda: sum(said.count for said in host.services.titles.report()) == 2)
        stubborn, _ = await title_containers(host)

        async def refuse(container_id: str) -> None:
            if container_id == stubborn:
                raise EngineError("no")
            await remove(container_id)

        monkeypatch.setattr(host.runtime, "remove", refuse)
        later = replace(host.services)
        await later.titles.clear(frozenset())
        assert await title_containers(host) == [stubborn]
        assert len(list((host.folder / "data" / "titles").iterdir())) == 1
        monkeypatch.undo()


async def test_what_waits_is_no_leftover_and_what_an_earlier_agent_left_is(host: Host) -> None:
    async with kept(host, *ONE):
        await reaped(host)
        (container_id,) = await title_containers(host)
        later = replace(host.services)
        await later.titles.clear(host.services.titles.known())
        assert await title_containers(host) == [container_id]
        await later.titles.clear(frozenset())
        assert await title_containers(host) == []
        assert list((host.folder / "data" / "titles").iterdir()) == []
