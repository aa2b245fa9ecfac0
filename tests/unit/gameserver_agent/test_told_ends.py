"""What people are told of an end does not wait for the clean-up; the clean-up does not depend on who told it."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_protocol import BuildSpec, EndReport, ObservedSession, ObservedState
from gameserver_agent.errors import ControlPlaneUnreachableError, SaveRefusedError, SeatError
from gameserver_agent.runtime.fake_runtime import FakeProgram, FakeRuntime
from gameserver_agent.runtime.port import ContainerSpec
from gameserver_agent.seats.fake_seats import FakeSeat
from gameserver_agent.sessions import ending, kept, pictures
from gameserver_agent.sessions.record import SessionFolder, SessionRecord
from gameserver_agent.sessions.session_task import SessionTask
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_kept_saves import kept_homes, played, refuse_captures
from tests.unit.gameserver_agent.test_leftovers import reaped
from tests.unit.gameserver_agent.test_session_task import BUILD, OURS, Host, host

__all__ = ["host"]


def record_of(host: Host) -> SessionRecord:
    record = SessionFolder(host.services.session_folder("ses1")).read()
    assert record is not None
    return record


def rewrite(host: Host, **changes: object) -> None:
    SessionFolder(host.services.session_folder("ses1")).write(record_of(host).model_copy(update=changes))


async def told(host: Host, task: SessionTask) -> ObservedSession:
    return await host.until(task, lambda seen: seen.state == ObservedState.ENDED)


async def test_the_end_is_told_before_container_seat_and_home_are_gone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, may_remove = FakeRuntime.remove, asyncio.Event()

    async def slow(self: FakeRuntime, container_id: str) -> None:
        await may_remove.wait()
        await remove(self, container_id)

    monkeypatch.setattr(FakeRuntime, "remove", slow)
    task = await played(host)
    task.stop("stopped", "As ordered.")
    seen = await told(host, task)
    assert seen.end is not None
    assert seen.end.code == "stopped"
    assert seen.save is not None
    assert not task.has_ended
    may_remove.set()
    await host.ended(task)
    assert task.has_ended
    await host.assert_nothing_is_left()


async def test_a_clean_up_that_was_interrupted_is_finished_by_the_next_agent(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_self: FakeRuntime, _container_id: str) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as wedged:
        wedged.setattr(FakeRuntime, "remove", hang)
        first = await played(host)
        first.stop("stopped", "As ordered.")
        before = await told(host, first)
        await first.leave()
    assert len(await host.runtime.list_containers(OURS)) == 1
    second = host.session()
    assert second.observed().end == before.end
    assert not second.has_ended
    after = await host.ended(second)
    assert (after.end, after.save) == (before.end, before.save)
    assert len(host.store.sent) == 1
    await host.assert_nothing_is_left()
    assert not host.services.kept.folders()


async def test_nobody_waits_for_an_engine_that_is_away_and_the_save_comes_when_it_is_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "TOLD_AFTER_S", 0.1)
    monkeypatch.setattr(ending, "_KILLED_WITHIN_S", 0.1)
    task = await played(host)
    host.runtime.is_away = True
    task.stop("stopped", "As ordered.")
    seen = await told(host, task)
    assert seen.end is not None
    assert seen.end.code == "save_failed"
    assert "does not answer" in seen.end.message
    assert (host.services.session_folder("ses1") / "home" / "save").exists()
    assert not task.has_ended
    (host.services.session_folder("ses1") / "home" / "late").write_text("written while the engine was away")
    before = len(host.store.sent)
    host.runtime.is_away = False
    after = await host.ended(task)
    assert after.end == seen.end
    assert len(host.store.sent) == before + 1
    await host.assert_nothing_is_left()


async def test_a_start_on_an_engine_that_never_answers_is_told_in_time(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "TOLD_AFTER_S", 0.1)
    monkeypatch.setattr(ending, "_KILLED_WITHIN_S", 0.1)
    create = FakeRuntime.create

    async def lost(self: FakeRuntime, spec: ContainerSpec) -> str:
        await create(self, spec)
        self.is_away = True
        return await create(self, spec)

    monkeypatch.setattr(FakeRuntime, "create", lost)
    task = host.session()
    seen = await told(host, task)
    assert seen.end is not None
    assert seen.end.code == "engine_failed"
    host.runtime.is_away = False
    await host.ended(task)
    await host.assert_nothing_is_left()


async def gone_with_the_machine(host: Host) -> None:
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.remove(container.container_id)
    host.seats.living["ses1"].die()


async def test_a_machine_that_was_started_anew_is_named_and_the_save_is_sent(host: Host) -> None:
    first = await played(host)
    await first.leave()
    assert record_of(host).boot_id == host.services.boot_id
    rewrite(host, boot_id="the boot before")
    (container,) = await host.runtime.list_containers(OURS)
    await host.runtime.signal(container.container_id, "SIGKILL")
    ended = await host.ended(host.session())
    assert ended.end is not None
    assert ended.end.code == "host_restarted"
    assert ended.save is not None
    await host.assert_nothing_is_left()


async def test_a_host_all_of_whose_processes_died_was_restarted_too(host: Host) -> None:
    first = await played(host)
    before = await host.until(first, lambda seen: seen.statistics is not None)
    await first.leave()
    await gone_with_the_machine(host)
    ended = await host.ended(host.session())
    assert ended.end is not None
    assert ended.end.code == "host_restarted"
    assert ended.save is not None
    assert ended.statistics is not None
    assert before.statistics is not None
    assert ended.statistics.duration_s < before.statistics.duration_s + 5
    await host.assert_nothing_is_left()


async def test_a_night_without_an_agent_is_not_counted_as_played(host: Host) -> None:
    first = await played(host)
    await first.leave()
    await gone_with_the_machine(host)
    record = record_of(host)
    assert record.meter is not None
    assert record.statistics is not None
    yesterday = replace(record.meter, started_s=record.meter.started_s - 86_400)
    end = EndReport(code="stopped", message="The host was shut down.")
    rewrite(host, meter=yesterday, state=ObservedState.STOPPING, end=end)
    ended = await host.ended(host.session())
    assert ended.statistics is not None
    assert ended.statistics.duration_s == record.statistics.duration_s


async def test_a_game_that_is_gone_while_its_seat_lives_has_crashed(host: Host) -> None:
    first = await played(host)
    await first.leave()
    for container in await host.runtime.list_containers(OURS):
        await host.runtime.remove(container.container_id)
    ended = await host.ended(host.session())
    assert ended.end is not None
    assert ended.end.code == "crashed"
    await host.assert_nothing_is_left()


async def test_a_home_that_a_restart_left_without_a_record_is_kept_and_sent(host: Host) -> None:
    first = await played(host)
    await first.leave()
    await gone_with_the_machine(host)
    (host.services.session_folder("ses1") / "record.json").unlink()
    await reaped(host)
    assert await host.services.kept.try_again()
    assert len(host.services.outbox.letters()) == 1
    await host.assert_nothing_is_left()


async def test_a_seat_that_belongs_to_nothing_is_swept(host: Host) -> None:
    await host.seats.claim("ses9")
    assert await host.seats.known() == ("ses9",)
    await reaped(host)
    assert await host.seats.known() == ()


@dataclass
class Album:
    """Takes pictures, unless it is away."""

    taken: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    is_away: bool = False

    async def upload_picture(self, version_id: str, jpeg: bytes) -> None:
        if self.is_away:
            raise ControlPlaneUnreachableError("nobody there")
        self.taken.append((version_id, jpeg))


@pytest.fixture
def album(host: Host) -> Album:
    album = Album()
    object.__setattr__(host.services, "pictures", album)
    return album


async def test_the_version_of_the_end_shows_the_last_picture_of_the_game(host: Host, album: Album) -> None:
    host.runtime.programs[("play",)] = FakeProgram(exit_code_on_signal=0)
    task = await played(host)
    first = await host.until(task, lambda seen: seen.save is not None)
    host.seats.living["ses1"].picture = b"the end"
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert first.save is not None
    assert ended.save is not None
    assert ended.save.version_id == first.save.version_id
    assert album.taken[-1] == (ended.save.version_id, b"the end")


async def test_pictures_of_checkpoints_are_few(host: Host, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "AT_MOST_EVERY_S", 3600)
    task = await played(host)
    for number in (1, 2, 3):
        (host.services.session_folder("ses1") / "home" / "save").write_text("x" * number)
        await host.until(task, lambda _, sent=number: len(host.store.sent) >= sent)
    await host.until(task, lambda _: len(album.taken) >= 1)
    assert len(album.taken) == 1
    task.stop("stopped", "")
    await host.ended(task)
    assert len(album.taken) == 2


async def test_no_picture_holds_up_or_harms_an_end(host: Host, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_self: FakeSeat) -> bytes:
        await asyncio.Event().wait()
        raise SeatError("never")

    monkeypatch.setattr(FakeSeat, "thumbnail", hang)
    album.is_away = True
    task = await played(host)
    began_s = asyncio.get_running_loop().time()
    task.stop("stopped", "")
    seen = await told(host, task)
    assert asyncio.get_running_loop().time() - began_s < 5
    assert seen.end is not None
    assert seen.end.code == "stopped"
    await host.ended(task)
    assert album.taken == []


@pytest.mark.parametrize("refusal", [None, 401, 403])
async def test_a_checkpoint_that_did_not_reach_the_store_is_sent_though_nothing_changes(
    host: Host, monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    """Also where the orchestrator did not know the host for a moment."""
    monkeypatch.setattr("gameserver_agent.sessions.saves._AGAIN_MOST_S", 0.05)
    tried = asyncio.Event()
    upload = host.store.upload_save

    async def counted(*arguments: Any, number: int) -> object:
        tried.set()
        return await upload(*arguments, number=number)

    monkeypatch.setattr(host.store, "upload_save", counted)
    task = host.session()
    await host.running(task)
    host.store.is_away, host.store.refusal = refusal is None, refusal
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    await tried.wait()
    host.store.is_away, host.store.refusal = False, None
    seen = await host.until(task, lambda seen: seen.save is not None)
    assert seen.state == ObservedState.RUNNING
    task.stop("stopped", "")
    await host.ended(task)
    assert len(host.store.sent) == 1


async def test_how_full_the_save_folder_is_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.saves._MEASURE_EVERY_S", 0)
    task = host.session()
    await host.running(task)
    (host.services.session_folder("ses1") / "home" / "save").write_bytes(b"x" * 100_000)
    task.renew(task.desired)

    async def is_told() -> ObservedSession:
        while (task.observed().save_used_bytes or 0) < 100_000:  # noqa: ASYNC110 - it rides on the next sync
            await asyncio.sleep(0.01)
        return task.observed()

    async with asyncio.timeout(60):
        seen = await is_told()
    assert seen.save_used_bytes is not None
    assert seen.save_used_bytes < 120_000
    task.stop("stopped", "")
    await host.ended(task)


async def test_a_save_that_is_refused_says_why_and_is_kept_without_further_tries(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_captures(monkeypatch, SaveRefusedError("The save has more than 20000 files."))
    task = await played(host)
    task.stop("stopped", "As ordered.")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    assert "more than 20000 files" in ended.end.message
    assert "What was saved before is safe" in ended.end.message
    assert await host.services.kept.try_again()
    refuse_captures(monkeypatch, ValueError("asked again"))
    assert await host.services.kept.try_again()
    assert kept_homes(host) == ["ses1~1"]


async def test_of_refused_saves_the_newest_are_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_captures(monkeypatch, SaveRefusedError("The save is larger than 1 MB."))
    monkeypatch.setattr(kept, "REFUSED_KEPT", 1)
    for generation in (1, 2, 3):
        home = host.services.session_folder("ses1") / "home"
        home.mkdir(parents=True)
        host.services.kept.keep("ses1", generation)
        await host.services.kept.try_again()
    assert kept_homes(host) == ["ses1~3"]


@pytest.mark.parametrize("boots", [True, False])
async def test_a_plain_home_that_outgrew_its_limit_keeps_its_name(
    host: Host, monkeypatch: pytest.MonkeyPatch, boots: bool
) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.saves._MEASURE_EVERY_S", 0)
    monkeypatch.setattr(host.seats, "_boots", boots)
    limits = BUILD.limits.model_copy(update={"save_bytes": 2 * 1024**2})
    build: BuildSpec = BUILD.model_copy(update={"limits": limits})
    task = host.session(order(build=build, now=datetime.now(UTC)))
    await host.until(task, lambda seen: seen.statistics is not None)
    (host.services.session_folder("ses1") / "home" / "large").write_bytes(b"x" * 3 * 1024**2)
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_full"
    assert "2 MB" in ended.end.message
    assert kept_homes(host) == ["ses1~1"]
