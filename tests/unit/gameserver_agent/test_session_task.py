"""One session's way, on an engine and seats in memory: wherever it ends, nothing is left behind."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_protocol import BuildSpec, DesiredSession, ObservedSession, ObservedState, RestoreSource, SavedVersion
from gameserver_agent.errors import ControlPlaneRefusedError, ControlPlaneUnreachableError
from gameserver_agent.images import Images
from gameserver_agent.runtime.fake_runtime import FakeProgram, FakeRuntime
from gameserver_agent.runtime.port import Image
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.fake_seats import FakeSeats
from gameserver_agent.seats.places import SeatPlaces
from gameserver_agent.sessions.record import SessionFolder
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.session_task import SessionTask
from tests.unit.gameserver_agent.orders import order

OURS = {"playhouse.installation": "ins1", "playhouse.host": "hst1"}
BUILD = BuildSpec(
    build_id="bld1",
    image="game:1",
    image_id="sha256:game",
    manifest_digest="sha256:m",
    command=("play",),
    stop_grace_s=0.1,
)


@dataclass
class Store:
    """Takes saves, unless it is away or refuses."""

    sent: list[str] = field(default_factory=list[str])
    is_away: bool = False
    refusal: int | None = None

    async def upload_save(
        self, session_id: str, generation: int, archive: Path, digest: str, *, number: int
    ) -> SavedVersion:
        if self.is_away:
            raise ControlPlaneUnreachableError("nobody there")
        if self.refusal is not None:
            raise ControlPlaneRefusedError(self.refusal, "no", "no")
        self.sent.append(digest)
        return SavedVersion(version_id=f"ver{len(self.sent)}", digest=digest, size_bytes=1)

    async def download_save(self, source: RestoreSource, target: Path) -> None:
        await asyncio.Event().wait()


@dataclass
class Host:
    """All that one session needs, in memory but for its folders."""

    folder: Path
    runtime: FakeRuntime
    seats: FakeSeats
    store: Store
    services: SessionServices
    news: asyncio.Event

    def session(self, desired: DesiredSession | None = None) -> SessionTask:
        record = SessionFolder(self.services.session_folder("ses1")).read()
        task = SessionTask(desired or order(build=BUILD, now=datetime.now(UTC)), self.services, record)
        task.begin()
        return task

    async def until(self, task: SessionTask, fact: Callable[[ObservedSession], bool]) -> ObservedSession:
        try:
            async with asyncio.timeout(60):
                while not fact(task.observed()):
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            raise AssertionError(f"still {task.observed()}") from None
        return task.observed()

    async def ended(self, task: SessionTask) -> ObservedSession:
        seen = await self.until(task, lambda seen: seen.state == ObservedState.ENDED)
        async with asyncio.timeout(60):
            await task.finished()
        return seen

    async def running(self, task: SessionTask) -> ObservedSession:
        return await self.until(task, lambda seen: seen.state == ObservedState.RUNNING)

    async def assert_nothing_is_left(self) -> None:
        assert await self.runtime.list_containers({}) == ()
        assert self.seats.living == {}
        assert list((self.folder / "seats" / "hst1").glob("*")) == []
        home = HomeFolder(self.services.session_folder("ses1"))
        assert not home.path.exists()
        assert not home.image.exists()
        assert list((self.folder / "data" / "unsent").glob("*.partial")) == []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # a rootless agent: plain folders, its own uid
    monkeypatch.setattr("gameserver_agent.sessions.ending.SEND_WITHIN_S", 0.3)
    runtime = FakeRuntime()
    runtime.images["sha256:game"] = Image("sha256:game", (), 1)
    runtime.registry["game@sha256:m"] = Image("sha256:game", ("sha256:m",), 1000)
    seats = FakeSeats(SeatPlaces(tmp_path / "seats", "hst1"))
    store, news = Store(), asyncio.Event()
    services = SessionServices(
        runtime=runtime,
        images=Images(runtime),
        seats=seats,
        downloads=store,
        outbox=Outbox(tmp_path / "data" / "unsent", store, 1, lambda letter, saved: None),
        data=tmp_path / "data",
        interpreter=sys.executable,
        ours=OURS,
        changed=news.set,
    )
    return Host(tmp_path, runtime, seats, store, services, news)


async def test_a_session_runs_from_first_frame_to_stop_order(host: Host) -> None:
    task = host.session()
    running = await host.running(task)
    assert running.seat_ready
    task.stop("stopped", "The session was stopped.")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is None  # the game has written nothing
    assert ended.statistics is not None
    assert ended.statistics.boot_s is not None
    await host.assert_nothing_is_left()


async def test_a_stop_is_heard_while_pulling(host: Host) -> None:
    host.runtime.images.clear()
    host.runtime.may_pull.clear()
    task = host.session()
    seen = await host.until(task, lambda seen: seen.progress is not None)
    assert seen.state == ObservedState.PULLING
    task.stop("stopped", "")
    await host.ended(task)
    await host.assert_nothing_is_left()


async def test_a_stop_is_heard_while_restoring(host: Host) -> None:
    restore = RestoreSource(version_id="ver1", path="/x", digest="0", size_bytes=1)
    task = host.session(order(build=BUILD).model_copy(update={"restore": restore}))
    await host.until(task, lambda seen: seen.state == ObservedState.RESTORING)
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.save is None
    assert host.store.sent == []
    await host.assert_nothing_is_left()


async def test_a_stop_is_heard_while_booting(host: Host) -> None:
    host.seats = FakeSeats(SeatPlaces(host.folder / "seats", "hst1"), boots=False)
    object.__setattr__(host.services, "seats", host.seats)
    task = host.session()
    await host.until(task, lambda seen: seen.state == ObservedState.BOOTING and seen.statistics is not None)
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.statistics is not None
    assert ended.statistics.boot_s is None
    await host.assert_nothing_is_left()


async def test_a_stop_before_the_first_step_ends_at_once(host: Host) -> None:
    task = host.session()
    task.stop("stopped", "")
    await host.ended(task)
    await host.assert_nothing_is_left()


async def test_a_seat_that_does_not_come_up_is_named(host: Host) -> None:
    host.seats.refuses = "Xvfb is not installed"
    ended = await host.ended(host.session())
    assert ended.end is not None
    assert ended.end.code == "seat_failed"
    assert "Xvfb is not installed" in ended.end.message
    await host.assert_nothing_is_left()


async def test_a_seat_that_dies_ends_the_session(host: Host) -> None:
    task = host.session()
    await host.running(task)
    host.seats.living["ses1"].die()
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "seat_failed"
    await host.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        (FakeProgram(exit_code=0), "exited"),
        (FakeProgram(exit_code=1, output=("Invalid window",)), "crashed"),
        (FakeProgram(exit_code=137, out_of_memory=True), "out_of_memory"),
    ],
)
async def test_a_game_that_leaves_by_itself_says_why(host: Host, program: FakeProgram, code: str) -> None:
    host.runtime.programs[("play",)] = program
    ended = await host.ended(host.session())
    assert ended.end is not None
    assert (ended.end.code, ended.end.log_tail) == (code, program.output)
    await host.assert_nothing_is_left()


async def test_an_engine_that_fails_ends_the_session_with_a_reason(host: Host) -> None:
    host.runtime.images.clear()
    host.runtime.registry.clear()
    host.runtime.is_away = True
    task = host.session()
    ended = await host.until(task, lambda seen: seen.end is not None)
    assert ended.end is not None
    assert ended.end.code == "engine_failed"
    assert not task.has_ended
    host.runtime.is_away = False
    await host.ended(task)
    await host.assert_nothing_is_left()


async def test_a_game_that_ignores_the_signal_is_killed(host: Host) -> None:
    host.runtime.programs[("play",)] = FakeProgram(ignores=frozenset({"SIGTERM"}))
    task = host.session()
    await host.running(task)
    task.stop("stopped", "")
    await host.ended(task)
    await host.assert_nothing_is_left()


async def test_a_change_is_checkpointed_while_the_game_runs(host: Host) -> None:
    task = host.session()
    await host.running(task)
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    seen = await host.until(task, lambda seen: seen.save is not None)
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.save == seen.save
    assert len(host.store.sent) == 1


async def test_a_home_without_a_limit_of_its_own_is_watched(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.saves._MEASURE_EVERY_S", 0)
    limits = BUILD.limits.model_copy(update={"save_bytes": 2 * 1024**2})
    task = host.session(order(build=BUILD.model_copy(update={"limits": limits}), now=datetime.now(UTC)))
    await host.running(task)
    home = host.services.session_folder("ses1") / "home"
    (home / ".cache").mkdir()
    (home / ".cache" / "large").write_bytes(b"x" * 3 * 1024**2)
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_full"
    assert "2 MB" in ended.end.message
    await host.assert_nothing_is_left()


async def test_a_home_is_watched_while_a_checkpoint_is_under_way(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.sessions.saves._MEASURE_EVERY_S", 0.05)
    is_sending = asyncio.Event()

    async def slowly(*_: object, **__: object) -> SavedVersion:
        is_sending.set()
        await asyncio.Event().wait()
        raise AssertionError

    limits = BUILD.limits.model_copy(update={"save_bytes": 2 * 1024**2})
    task = host.session(order(build=BUILD.model_copy(update={"limits": limits}), now=datetime.now(UTC)))
    await host.running(task)
    home = host.services.session_folder("ses1") / "home"
    with monkeypatch.context() as line:
        line.setattr(host.store, "upload_save", slowly)
        (home / "save").write_text("progress")
        async with asyncio.timeout(60):
            await is_sending.wait()
    (home / "large").write_bytes(b"x" * 3 * 1024**2)
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_full"


async def test_a_save_that_cannot_be_sent_is_kept_and_said(host: Host) -> None:
    task = host.session()
    await host.running(task)
    host.store.is_away = True
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    task.stop("stopped", "")
    ended = await host.ended(task)
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    (letter,) = host.services.outbox.letters()
    host.store.is_away = False
    saved = await host.services.outbox.send(letter)
    assert saved.digest == letter.digest
    assert host.services.outbox.letters() == ()


async def test_a_refused_save_is_set_aside_and_not_lost(host: Host) -> None:
    task = host.session()
    await host.running(task)
    host.store.refusal = 409
    (host.services.session_folder("ses1") / "home" / "save").write_text("progress")
    task.stop("stopped", "")
    await host.ended(task)
    assert len(list((host.folder / "data" / "unsent" / "refused").iterdir())) == 1


async def test_leaving_ends_nothing_and_the_next_agent_goes_on(host: Host) -> None:
    first = host.session()
    before = await host.running(first)
    await first.leave()
    (container,) = await host.runtime.list_containers(OURS)
    assert container.is_running
    second = host.session()
    after = await host.running(second)
    assert before.statistics is not None
    assert after.statistics is not None
    assert after.statistics.boot_s == before.statistics.boot_s
    await host.until(second, lambda seen: seen.seat_ready)
    second.stop("stopped", "")
    await host.ended(second)
    await host.assert_nothing_is_left()


async def test_a_start_that_was_interrupted_begins_anew(host: Host) -> None:
    host.runtime.images.clear()
    host.runtime.may_pull.clear()
    first = host.session()
    await host.until(first, lambda seen: seen.progress is not None)
    await first.leave()
    host.runtime.may_pull.set()
    second = host.session()
    await host.running(second)
    second.stop("stopped", "")
    await host.ended(second)
    await host.assert_nothing_is_left()


async def test_an_end_that_was_interrupted_is_finished(host: Host) -> None:
    host.runtime.programs[("play",)] = FakeProgram(ignores=frozenset({"SIGTERM"}))
    desired = order(build=BUILD.model_copy(update={"stop_grace_s": 20}), now=datetime.now(UTC))
    first = host.session(desired)
    await host.running(first)
    first.stop("stopped", "As ordered.")
    await host.until(first, lambda seen: seen.state == ObservedState.STOPPING)
    await first.leave()
    (container,) = await host.runtime.list_containers(OURS)
    await host.runtime.signal(container.container_id, "SIGKILL")
    second = host.session(desired)
    ended = await host.ended(second)
    assert ended.end is not None
    assert (ended.end.code, ended.end.message) == ("stopped", "As ordered.")
    await host.assert_nothing_is_left()
