"""What no record explains is ended, and the save in it is kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gameserver_agent.contact import Stranger
from gameserver_agent.errors import EngineError
from gameserver_agent.leftovers import end_leftovers
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS, Host, host

__all__ = ["host"]


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
    assert await end_leftovers(host.services, {})
    await host.assert_nothing_is_left()
    assert await host.services.kept.try_again()
    (letter,) = host.services.outbox.letters()
    assert (letter.session_id, letter.generation) == ("ses1", 1)


async def test_a_seat_and_a_home_without_a_container_are_ended_too(host: Host) -> None:
    await abandoned(host, "{")
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.remove(container.container_id)
    assert await end_leftovers(host.services, {})
    await host.assert_nothing_is_left()
    assert await host.services.kept.try_again()
    assert len(host.services.outbox.letters()) == 1


async def test_known_sessions_are_left_alone(host: Host) -> None:
    task = host.session()
    await host.running(task)
    assert await end_leftovers(host.services, {"ses1": 1})
    assert len(await host.runtime.list_containers(OURS)) == 1
    assert (host.services.session_folder("ses1") / "home").exists()
    task.stop("stopped", "")
    await host.ended(task)


async def test_an_older_container_of_a_known_session_goes_without_its_home(host: Host) -> None:
    await abandoned(host, None)
    assert await end_leftovers(host.services, {"ses1": 2})
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
        assert not await end_leftovers(host.services, {})
    assert (folder / "home" / "save").exists()
    host.runtime.is_away = True
    assert not await end_leftovers(host.services, {})
    host.runtime.is_away = False
    assert await end_leftovers(host.services, {})
    await host.assert_nothing_is_left()


async def test_no_more_than_a_few_are_ended_in_one_look(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.leftovers.MOST_AT_ONCE", 1)
    for session_id in ("ses1", "ses2"):
        task = host.session(order(session_id, build=BUILD, now=datetime.now(UTC)))
        await host.running(task)
        await task.leave()
        (host.services.session_folder(session_id) / "record.json").unlink()
    assert not await end_leftovers(host.services, {})
    [left] = await host.runtime.list_containers(OURS)
    assert host.services.session_folder(left.labels["playhouse.session"]).exists()
    assert await end_leftovers(host.services, {})
    await host.assert_nothing_is_left()


async def test_folders_that_cannot_be_listed_are_looked_at_again_later(host: Host) -> None:
    host.services.data.mkdir(parents=True, exist_ok=True)
    (host.services.data / "sessions").write_text("a file where a folder should be")
    assert not await end_leftovers(host.services, {})


def test_a_host_is_a_stranger_only_after_three_refusals_over_five_seconds() -> None:
    twice = Stranger().refused(401, 100).refused(401, 106)
    assert not twice.is_certain
    assert twice.refused(401, 107).is_certain
    assert not Stranger().refused(401, 100).refused(401, 101).refused(401, 104).is_certain
    assert not twice.refused(409, 107).refused(401, 108).is_certain
