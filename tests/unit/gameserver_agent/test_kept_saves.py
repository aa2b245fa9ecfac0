"""However a session ends, a save is removed from the host only once it lies in the outbox."""

import asyncio
import errno
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_protocol import BuildSpec, ObservedState, SavedVersion
from gameserver_agent.errors import SaveError
from gameserver_agent.runtime.fake_runtime import FakeProgram
from gameserver_agent.saves import archive
from gameserver_agent.saves.archive import Archive, Owner, SaveRules
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.sessions.ending import SEND_WITHIN_S
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.session_task import SessionTask
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS, Host, host

__all__ = ["host"]


def refuse_captures(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Callable[[], None]:
    """Captures fail until what is returned is called."""
    original, is_broken = archive.capture, True

    async def capture(home: Path, target: Path, rules: SaveRules, owner: Owner, interpreter: str) -> Archive:
        if is_broken:
            raise error
        return await original(home, target, rules, owner, interpreter)

    def mend() -> None:
        nonlocal is_broken
        is_broken = False

    monkeypatch.setattr(archive, "capture", capture)
    return mend


async def played(host: Host, text: str = "progress") -> SessionTask:
    task = host.session()
    await host.running(task)
    (host.services.session_folder("ses1") / "home" / "save").write_text(text)
    return task


def kept_homes(host: Host) -> list[str]:
    return [path.name for path in (host.folder / "data" / "kept").glob("*")]


@pytest.mark.parametrize("error", [SaveError("too large"), OSError(errno.ENOSPC, "disk full"), ValueError("a mistake")])
async def test_a_save_that_cannot_be_captured_is_kept_and_captured_later(
    host: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    mend = refuse_captures(monkeypatch, error)
    task = await played(host)
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    assert "kept on the host" in ended.end.message
    await host.assert_nothing_is_left()
    assert kept_homes(host) == ["ses1~1"]
    assert not await host.services.kept.try_again()
    assert kept_homes(host) == ["ses1~1"]
    mend()
    assert await host.services.kept.try_again()
    assert kept_homes(host) == []
    (letter,) = host.services.outbox.letters()
    assert (letter.session_id, letter.generation) == ("ses1", 1)


async def test_a_kept_save_survives_another_start_of_its_session(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    mend = refuse_captures(monkeypatch, SaveError("no"))
    first = await played(host)
    first.stop("stopped", "")
    await host.ended(first)
    mend()
    second = SessionTask(order(generation=2, build=BUILD, now=datetime.now(UTC)), host.services)
    second.begin()
    await host.running(second)
    assert list((host.services.session_folder("ses1") / "home").iterdir()) == []
    assert await host.services.kept.try_again()
    assert [letter.generation for letter in host.services.outbox.letters()] == [1]
    second.stop("stopped", "")
    await host.ended(second)


async def test_a_home_that_a_broken_end_left_is_not_wiped_by_the_next_start(host: Host) -> None:
    folder = SessionFolder(host.services.session_folder("ses1"))
    task = await played(host)
    await task.leave()
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.remove(container.container_id)
    record = folder.read()
    assert record is not None
    second = SessionTask(order(generation=2, build=BUILD, now=datetime.now(UTC)), host.services)
    second.begin()
    await host.running(second)
    assert kept_homes(host) == ["ses1~1"]
    second.stop("stopped", "")
    await host.ended(second)


async def test_nothing_is_sent_twice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    task = await played(host)
    await host.until(task, lambda seen: seen.save is not None)
    mend = refuse_captures(monkeypatch, SaveError("no"))
    task.stop("stopped", "")
    await host.ended(task)
    mend()
    record = SessionFolder(host.folder / "data" / "kept" / "ses1~1").read()
    assert record is not None
    assert record.save is not None
    assert await host.services.kept.try_again()
    assert host.services.outbox.letters() == ()


async def test_a_kept_home_without_a_readable_record_is_sent_whole(host: Host) -> None:
    home = host.services.session_folder("ses1") / "home"
    home.mkdir(parents=True)
    (home / "save").write_text("progress")
    (home.parent / "record.json").write_text("{")
    host.services.kept.keep("ses1", 3)
    assert await host.services.kept.try_again()
    (letter,) = host.services.outbox.letters()
    assert letter.generation == 3
    assert kept_homes(host) == []


async def test_while_the_engine_is_away_a_running_game_keeps_its_home(host: Host) -> None:
    task = await played(host)
    host.runtime.is_away = True
    task.stop("stopped", "")
    await host.until(task, lambda seen: seen.state == ObservedState.STOPPING)
    late = host.services.session_folder("ses1") / "home" / "late"
    late.write_text("written while the engine was away")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await task.finished()
    assert late.exists()
    before = list(host.store.sent)
    host.runtime.is_away = False
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert len(host.store.sent) == len(before) + 1
    await host.assert_nothing_is_left()


async def test_an_agent_that_leaves_meanwhile_leaves_the_save_to_the_next(host: Host) -> None:
    task = await played(host)
    host.runtime.is_away = True
    task.stop("stopped", "As ordered.")
    await host.until(task, lambda seen: seen.state == ObservedState.STOPPING)
    await task.leave()
    host.runtime.is_away = False
    ended = await host.ended(host.session())
    assert ended.end is not None
    assert ended.end.message == "As ordered."
    assert ended.save is not None
    await host.assert_nothing_is_left()


async def test_a_full_disk_never_ends_a_running_game(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_self: SessionFolder, _record: SessionRecord) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gameserver_agent.sessions.playing._SAMPLE_EVERY_S", 0.01)
    monkeypatch.setattr("gameserver_agent.sessions.playing._RECORD_EVERY_SAMPLES", 1)
    task = await played(host)
    tried = asyncio.Event()

    def counted(self: SessionFolder, record: SessionRecord) -> None:
        loop.call_soon_threadsafe(tried.set)
        no_room(self, record)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(SessionFolder, "write", counted)
    for _ in range(3):
        tried.clear()
        await tried.wait()
    assert task.observed().state == ObservedState.RUNNING
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None
    await host.assert_nothing_is_left()


async def test_a_send_that_hangs_leaves_the_save_in_the_outbox(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    task = host.session()
    await host.running(task)

    async def hang(_session_id: str, _generation: int, _archive: Path, _digest: str, *, number: int) -> SavedVersion:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(host.store, "upload_save", hang)
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    assert len(host.services.outbox.letters()) == 1
    await host.assert_nothing_is_left()


def test_the_whole_end_fits_into_the_orchestrators_deadline() -> None:
    (longest,) = (limit.le for limit in BuildSpec.model_fields["stop_grace_s"].metadata if hasattr(limit, "le"))
    capture_s = (archive.capture.__kwdefaults__ or {})["deadline_s"]
    assert longest + capture_s + SEND_WITHIN_S < 60


async def test_an_agent_in_a_hurry_gives_a_stubborn_game_less_grace(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.ending.HURRIED_GRACE_S", 0.1)
    host.runtime.programs[("play",)] = FakeProgram(ignores=frozenset({"SIGTERM"}))
    task = host.session(order(build=BUILD.model_copy(update={"stop_grace_s": 25}), now=datetime.now(UTC)))
    await host.running(task)
    task.stop("stopped", "")
    await host.until(task, lambda seen: seen.state == ObservedState.STOPPING)
    task.hasten()
    await host.ended(task)
    await host.assert_nothing_is_left()


async def test_a_session_without_time_for_its_end_is_killed_and_saved_by_the_next_agent(host: Host) -> None:
    host.runtime.programs[("play",)] = FakeProgram(ignores=frozenset({"SIGTERM"}))
    desired = order(build=BUILD.model_copy(update={"stop_grace_s": 25}), now=datetime.now(UTC))
    first = host.session(desired)
    await host.running(first)
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    first.stop("stopped", "As ordered.")
    await first.abandon()
    await first.leave()
    assert await host.runtime.list_containers({}) == ()
    assert list((host.folder / "seats" / "hst1").glob("*")) == []
    assert HomeFolder(host.services.session_folder("ses1")).exists()
    ended = await host.ended(host.session(desired))
    assert ended.end is not None
    assert ended.end.message == "As ordered."
    assert ended.save is not None
    await host.assert_nothing_is_left()
