"""What no record explains is ended, and the save in it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from gameserver_agent.errors import EngineError
from gameserver_agent.leftovers import Leftovers
from gameserver_agent.orphans import GRACE_S
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from gameserver_agent.runtime.port import Container, Image
from gameserver_agent.sessions.container import GENERATION_LABEL, title_container
from orchestrator.saves.agent_controllers import Generation
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS, Host, host

__all__ = ["host"]


ANOTHER = (order("ses9", build=BUILD, now=datetime.now(UTC)),)


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


async def reaped(host: Host, known: Mapping[str, int] | None = None) -> None:
    """Two looks, and enough time between them for what nobody names."""
    clock = Clock()
    leftovers = Leftovers(clock)
    for clock.now_s in (0.0, GRACE_S):
        await leftovers.look(host.services, known or {}, ANOTHER, host.services.titles.known)


async def abandoned(host: Host, record: str | None) -> Path:
    """A game that still runs, with something in its home, and no record that could be read."""
    task = host.session()
    await host.running(task)
    await task.leave()
    folder = host.services.session_folder("ses1")
    (folder / "home" / "save").write_text("progress")
    (folder / "record.json").unlink()
    if record is not None:
        (folder / "record.json").write_text(record)
    return folder


@pytest.mark.parametrize("record", ["{", None])
async def test_a_session_without_its_record_is_ended_and_its_save_sent(host: Host, record: str | None) -> None:
    await abandoned(host, record)
    await reaped(host)
    await host.assert_nothing_is_left()
    assert await host.services.kept.try_again()
    (letter,) = host.services.outbox.letters()
    assert (letter.session_id, letter.generation) == ("ses1", 1)


async def test_a_seat_and_a_home_without_a_container_are_ended_too(host: Host) -> None:
    await abandoned(host, "{")
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.remove(container.container_id)
    await reaped(host)
    await host.assert_nothing_is_left()
    assert await host.services.kept.try_again()
    assert_the_orchestrator_takes(host)


async def test_a_container_that_does_not_say_its_generation_is_ended_with_its_save(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    await abandoned(host, None)
    list_containers = host.runtime.list_containers

    async def without_generation(labels: Mapping[str, str]) -> tuple[Container, ...]:
        found = await list_containers(labels)
        return tuple(
            replace(one, labels={name: label for name, label in one.labels.items() if name != GENERATION_LABEL})
            for one in found
        )

    monkeypatch.setattr(host.runtime, "list_containers", without_generation)
    await reaped(host)
    await host.assert_nothing_is_left()
    assert await host.services.kept.try_again()
    assert_the_orchestrator_takes(host)


async def test_a_home_that_an_earlier_agent_kept_without_a_generation_is_taken(host: Host) -> None:
    folder = await abandoned(host, None)
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.remove(container.container_id)
    folder.rename(host.services.data / "kept" / "ses1~0")
    assert await host.services.kept.try_again()
    assert_the_orchestrator_takes(host)


def assert_the_orchestrator_takes(host: Host) -> None:
    """By the rule of its own front door."""
    [letter] = host.services.outbox.letters()
    rule = get_args(Generation)[1]
    assert rule.ge <= letter.generation < rule.lt


async def test_what_a_killed_agent_had_begun_to_write_goes(host: Host) -> None:
    folder = host.services.session_folder("ses1")
    folder.mkdir(parents=True)
    for name in (".record.json.0a1b2c3d", "restore.tar.zst"):
        (folder / name).write_text("{")
    await reaped(host)
    assert not folder.exists()


async def test_known_sessions_are_left_alone(host: Host) -> None:
    task = host.session()
    await host.running(task)
    await reaped(host, {"ses1": 1})
    assert len(await host.runtime.list_containers(OURS)) == 1
    assert (host.services.session_folder("ses1") / "home").exists()
    task.stop("stopped", "")
    await host.ended(task)


async def test_an_older_container_of_a_known_session_goes_without_its_home(host: Host) -> None:
    await abandoned(host, None)
    await reaped(host, {"ses1": 2})
    assert await host.runtime.list_containers(OURS) == ()
    assert (host.services.session_folder("ses1") / "home" / "save").exists()
    assert "ses1" in host.seats.living


async def test_an_engine_that_fails_ends_nothing_and_loses_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = await abandoned(host, "{")

    async def refuse(_self: FakeRuntime, _container_id: str, _signal: str = "") -> None:
        raise EngineError("the engine is stopping")

    with monkeypatch.context() as broken:
        broken.setattr(FakeRuntime, "signal", refuse)
        broken.setattr(FakeRuntime, "remove", refuse)
        await reaped(host)
    assert (folder / "home" / "save").exists()
    host.runtime.is_away = True
    await reaped(host)
    host.runtime.is_away = False
    await reaped(host)
    await host.assert_nothing_is_left()


async def test_no_more_than_a_few_are_ended_in_one_look(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.orphans.MOST_AT_ONCE", 1)
    for session_id in ("ses1", "ses2"):
        task = host.session(order(session_id, build=BUILD, now=datetime.now(UTC)))
        await host.running(task)
        await task.leave()
        (host.services.session_folder(session_id) / "record.json").unlink()
    await reaped(host)
    [left] = await host.runtime.list_containers(OURS)
    assert host.services.session_folder(left.labels["playhouse.session"]).exists()
    await reaped(host)
    await host.assert_nothing_is_left()


async def test_a_game_that_nobody_names_is_spared_until_its_time_is_over(host: Host) -> None:
    folder = await abandoned(host, "{")
    clock = Clock()
    leftovers = Leftovers(clock)
    for clock.now_s, desired in ((0.0, None), (GRACE_S, ()), (2 * GRACE_S - 1, ANOTHER), (3 * GRACE_S, None)):
        await leftovers.look(host.services, {}, desired, tuple)
        assert len(await host.runtime.list_containers(OURS)) == 1
        assert "ses1" in host.seats.living
        assert (folder / "home" / "save").exists()
        assert leftovers.stands_in_the_way(order(build=BUILD, now=datetime.now(UTC)))
    for clock.now_s in (4 * GRACE_S, 5 * GRACE_S):
        await leftovers.look(host.services, {}, ANOTHER, tuple)
    await host.assert_nothing_is_left()
    assert not leftovers.orphans


async def test_what_is_dead_goes_at_once_and_its_save_stays(host: Host) -> None:
    await abandoned(host, None)
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.signal(container.container_id, "SIGKILL")
    await Leftovers(Clock()).look(host.services, {}, None, tuple)
    await host.assert_nothing_is_left()
    assert await host.services.kept.try_again()
    assert len(host.services.outbox.letters()) == 1


async def test_a_title_that_begins_to_rise_during_the_look_is_left_alone(host: Host) -> None:
    host.runtime.images[BUILD.image_id] = Image(BUILD.image_id, (), 1)
    place = await host.seats.claim_waiting()
    seat = await host.seats.open(place, host.services.seat_config(BUILD))
    await host.runtime.create(title_container("title1", BUILD, OURS, place, seat.hello, str(host.folder)))
    told = iter(((), ("title1",)))
    await Leftovers(Clock()).look(host.services, {}, None, lambda: next(told))
    assert len(await host.runtime.list_containers(OURS)) == 1
    await Leftovers(Clock()).look(host.services, {}, None, tuple)
    assert not await host.runtime.list_containers(OURS)
    await host.seats.release(place)


async def test_a_game_whose_end_failed_stands_in_the_way_until_it_is_gone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise EngineError("it hangs")

    await abandoned(host, None)
    again = order(build=BUILD, now=datetime.now(UTC)).model_copy(update={"generation": 2})
    leftovers = Leftovers(Clock())
    with monkeypatch.context() as broken:
        broken.setattr(FakeRuntime, "remove", refuse)
        broken.setattr(FakeRuntime, "signal", refuse)
        await leftovers.look(host.services, {}, (again,), tuple)
    assert leftovers.stands_in_the_way(again)
    await leftovers.look(host.services, {}, (again,), tuple)
    assert not leftovers.stands_in_the_way(again)
    await host.assert_nothing_is_left()


async def test_folders_that_cannot_be_listed_are_looked_at_again_later(host: Host) -> None:
    host.services.data.mkdir(parents=True, exist_ok=True)
    (host.services.data / "sessions").write_text("a file where a folder should be")
    await reaped(host)
