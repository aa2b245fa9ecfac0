"""The store, the engine, the disk or the whole machine goes away in the middle: games play on while they can, every
session has an end with a name, and every save arrives in the end.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent_protocol import ObservedSession, ObservedState
from gameserver_agent.images import Images
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.saves.home import HomeFolder
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.fake_seats import FakeSeats
from gameserver_agent.seats.places import SeatPlaces
from gameserver_agent.sessions import pause_clock
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.sessions.session_task import SessionTask
from streaming.protocol import SessionDescription
from tests.integration.docker_engine import DockerEngine, RunningEngine, import_tiny_image
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import HOST_ID, ControlPlane, desired_session, files_of
from tests.integration.gameserver_agent.processes import living_processes
from tests.unit.gameserver_agent.test_session_task import Store

_MB = 1024**2
_COUNTS = "cd; i=0; while :; do i=$((i+1)); echo $i > count; sleep 0.1; done"
_WAITS = "trap 'echo bye > /home/player/end; exit 0' TERM; while :; do sleep 0.1; done"


def end_code(seen: ObservedSession) -> str | None:
    return None if seen.end is None else seen.end.code


async def test_a_checkpoint_is_sent_when_the_store_is_back_though_nothing_changes(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    await agent.start()
    control_plane.is_store_away = True
    await agent.play(desired_session("ses1", tiny_image, f"echo once > /home/player/note; {_WAITS}"))
    await agent.until_log("save.checkpoint_failed", within_s=60)
    control_plane.is_store_away = False
    await control_plane.until_saved({"note": b"once\n"}, within_s=60)
    assert agent.log().count("save.checkpoint_failed") == 1
    assert end_code(await agent.stop("ses1")) == "stopped"


async def test_each_version_gets_a_picture_and_the_last_one_the_last(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _WAITS))
    ended = await agent.stop("ses1")
    assert ended.save is not None
    (picture,) = control_plane.pictures[ended.save.version_id]
    assert picture.startswith(b"\xff\xd8")
    assert len(picture) < 256 * 1024


@pytest.fixture
def small_disk(short_folder: Path) -> Generator[Path]:
    """The agent's data folder on a file system of its own, of 48 MB."""
    data = short_folder / "data"
    data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs", str(data)], check=True)
    yield data
    subprocess.run(["umount", "--lazy", str(data)], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as handle, contextlib.suppress(OSError):
        while True:
            handle.write(b"x" * 4096)
    return filler


async def test_a_full_disk_damages_no_save_and_refuses_the_next_session_by_name(
    small_disk: Path, agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    limits = {"save_bytes": 16 * _MB}
    desired = desired_session("ses1", tiny_image, f"while [ ! -e ~/go ]; do sleep 0.1; done; {_COUNTS}", stop_grace_s=1)
    roomy = desired.build.limits.model_copy(update=limits)
    desired = desired.model_copy(update={"build": desired.build.model_copy(update={"limits": roomy})})
    await agent.start()
    await agent.play(desired)
    home = agent.home("ses1")
    assert (home.parent / "home.ext4").stat().st_blocks * 512 >= 16 * _MB
    filler = await asyncio.to_thread(fill, small_disk)
    (home / "go").touch()
    await agent.until_log("save.checkpoint_failed", within_s=60)
    await control_plane.want(desired.model_copy(update={"session_id": "ses2"}))
    refused = await control_plane.until("ses2", lambda seen: seen.end is not None)
    assert end_code(refused) == "disk_full"
    (home / "big").write_bytes(b"x" * 8 * _MB)  # promised to the game, whatever else is on the disk
    os.sync()
    ended = await agent.stop("ses1")
    assert end_code(ended) == "save_failed"
    assert (small_disk / "kept" / "ses1~1" / "home.ext4").exists()
    filler.unlink()

    def has_come() -> bool:
        return any("big" in files_of(archive) for archive in control_plane.saves.values())

    async with asyncio.timeout(60), control_plane.news:
        await control_plane.news.wait_for(has_come)
    assert list((small_disk / "kept").iterdir()) == []
    assert agent.log().count("No space left") < 10


@pytest.fixture
def own_engine() -> Generator[tuple[DockerEngine, Callable[[signal.Signals], None]]]:
    """An engine that may be wedged: it takes signals."""
    running = RunningEngine()
    with running as engine:

        def send(number: signal.Signals) -> None:
            os.kill(int((engine.folder / "pid").read_text()), number)

        try:
            yield engine, send
        finally:
            send(signal.SIGCONT)


async def test_an_engine_that_never_answers_keeps_nobody_waiting_and_loses_nothing(
    own_engine: tuple[DockerEngine, Callable[[signal.Signals], None]],
    control_plane: ControlPlane,
    short_folder: Path,
    seat_runtime: Path,
) -> None:
    engine, send = own_engine
    image = import_tiny_image(engine)
    agent = AgentProcess(control_plane, engine.url, short_folder, seat_runtime)
    try:
        await agent.start()
        await agent.play(desired_session("ses1", image, _COUNTS, stop_grace_s=1))
        send(signal.SIGSTOP)
        before = (agent.home("ses1") / "count").read_text()
        await control_plane.want(desired_session("ses2", image, _WAITS))
        refused = await control_plane.until("ses2", lambda seen: seen.end is not None, within_s=60)
        assert end_code(refused) == "engine_failed"
        assert control_plane.observed["ses1"].state == ObservedState.RUNNING
        assert int((agent.home("ses1") / "count").read_text()) > int(before)
        await control_plane.want_stop("ses1")
        told = await control_plane.until("ses1", lambda seen: seen.end is not None, within_s=60)
        assert end_code(told) == "save_failed"
        last = (agent.home("ses1") / "count").read_text()
        send(signal.SIGCONT)
        await agent.cleared("ses1", within_s=60)
        await agent.cleared("ses2", within_s=60)
        assert engine.container_names() == set()
        assert not (short_folder / "seats" / HOST_ID).exists()
        newest = [files_of(archive)["count"] for archive in control_plane.saves.values()][-1]
        assert int(newest) >= int(last)
        assert await agent.end() == 0
    finally:
        send(signal.SIGCONT)
        print(agent.log())


async def test_a_machine_that_was_started_anew_names_the_end_and_sends_the_save(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, f"echo kept > /home/player/note; {_WAITS}"))
    await control_plane.until("ses1", lambda seen: seen.save is not None)
    uid = (agent.folder / "seats" / HOST_ID / "ses1" / "seat").stat().st_uid
    control_plane.saves.clear()
    (agent.home("ses1") / "late").write_text("after the last checkpoint")
    await agent.kill_group()
    with contextlib.closing(docker_engine.client()) as client:
        client.kill("playhouse-ses1-1")
    for process_id in living_processes(uid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGKILL)
    async with asyncio.timeout(60):
        while living_processes(uid):  # noqa: ASYNC110 - the dead tell nobody
            await asyncio.sleep(0.05)
    home = agent.home("ses1")
    HomeFolder(home.parent).unmount()
    assert list(home.iterdir()) == []
    await agent.start()
    ended = await agent.ended("ses1")
    assert end_code(ended) == "host_restarted"
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id]).keys() >= {"note", "late"}
    assert docker_engine.container_names() == set()


@dataclass
class RealHost:
    """One session on a real engine and real homes, its display imagined."""

    folder: Path
    runtime: DockerRuntime
    services: SessionServices
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, task: SessionTask, fact: Callable[[ObservedSession], bool]) -> ObservedSession:
        async with asyncio.timeout(60):
            while not fact(task.observed()):  # noqa: ASYNC110 - a task that is asked, not waited for
                await asyncio.sleep(0.02)
        return task.observed()


@pytest.fixture
async def real_host(docker_engine: DockerEngine, short_folder: Path) -> AsyncGenerator[RealHost]:
    runtime, store = DockerRuntime(docker_engine.url), Store()
    services = SessionServices(
        runtime=runtime,
        images=Images(runtime),
        seats=FakeSeats(SeatPlaces(short_folder / "seats", "hst1"), boots=False),
        downloads=store,
        outbox=Outbox(short_folder / "data" / "unsent", store, 1, lambda letter, saved: None),
        data=short_folder / "data",
        interpreter="/usr/bin/python3",
        ours={"playhouse.installation": "ins1", "playhouse.host": "hst1"},
        changed=lambda: None,
        booting_within_s=2,
    )
    yield RealHost(short_folder, runtime, services)
    await runtime.close()


async def test_a_game_that_shows_nothing_ends_by_its_name(
    real_host: RealHost, tiny_image: str, docker_engine: DockerEngine
) -> None:
    task = SessionTask(
        desired_session("ses1", tiny_image, "echo waiting for nothing; exec sleep 600"), real_host.services
    )
    task.begin()
    ended = await real_host.until(task, lambda seen: seen.end is not None)
    await task.finished()
    assert ended.end is not None
    assert (ended.end.code, ended.end.log_tail) == ("boot_timeout", ("waiting for nothing",))
    assert "2 seconds" in ended.end.message
    assert docker_engine.container_names() == set()


async def test_a_game_that_nobody_looks_at_stands_still_until_somebody_does(
    real_host: RealHost, tiny_image: str, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause_clock, "PAUSE_AFTER_S", 1.0)
    seats = real_host.services.seats
    assert isinstance(seats, FakeSeats)
    task = SessionTask(desired_session("ses1", tiny_image, _COUNTS, stop_grace_s=1), real_host.services)
    task.begin()
    await real_host.until(task, lambda seen: seen.statistics is not None)
    seats.living["ses1"].show_first_frame()
    await real_host.until(task, lambda seen: seen.paused)
    count = real_host.services.session_folder("ses1") / "home" / "count"
    (container,) = await real_host.runtime.list_containers(real_host.services.ours)
    async with asyncio.timeout(60):
        while not (await real_host.runtime.status(container.container_id)).is_paused:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    frozen = count.read_text()
    await asyncio.sleep(0.5)  # five counts, were it to run
    assert count.read_text() == frozen
    await task.connect(SessionDescription(type="offer", sdp="v=0"))
    assert not (await real_host.runtime.status(container.container_id)).is_paused
    async with asyncio.timeout(60):
        while count.read_text() == frozen:  # noqa: ASYNC110 - a file tells nobody that it grows
            await asyncio.sleep(0.01)
    task.stop("stopped", "")
    ended = await real_host.until(task, lambda seen: seen.end is not None)
    await task.finished()
    assert ended.save is not None
    assert docker_engine.container_names() == set()
