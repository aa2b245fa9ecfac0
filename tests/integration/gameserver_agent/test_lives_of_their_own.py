"""Whatever dies beside a running game, the game goes on or ends with a reason and its save."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent_protocol import DesiredSession, ObservedState
from orchestrator.embedded.engine import keep_running
from orchestrator.embedded.private_engine import PrivateEngine
from tests.integration.docker_engine import DockerEngine, import_tiny_image
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import ControlPlane, desired_session, files_of
from tests.integration.gameserver_agent.viewer import viewer_of

COUNTING = (
    "n=0; trap 'echo bye > /home/player/end; exit 0' TERM;"
    " while :; do n=$((n+1)); echo $n > /home/player/count; sleep 0.1; done"
)


def count_of(archive: bytes) -> int:
    return int(files_of(archive).get("count", b"0").strip() or b"0")


def newest_count(control_plane: ControlPlane) -> int:
    return max((count_of(archive) for archive in control_plane.saves.values()), default=0)


async def until_saved_beyond(control_plane: ControlPlane, count: int) -> None:
    async with asyncio.timeout(60), control_plane.news:
        await control_plane.news.wait_for(lambda: newest_count(control_plane) > count)


def container_of(engine: DockerEngine, name: str) -> tuple[str, int]:
    """Its id and its first process."""
    with contextlib.closing(engine.client()) as client:
        about = client.inspect_container(name)
    return str(about["Id"]), int(about["State"]["Pid"])


async def running_again(agent: AgentProcess, session_id: str) -> None:
    """A newly started agent has taken the session up."""
    agent.control_plane.observed.clear()
    await agent.start()
    await agent.control_plane.until(session_id, lambda seen: seen.state == ObservedState.RUNNING and seen.seat_ready)


async def test_the_picture_goes_on_when_the_agent_dies_and_the_next_one_takes_it_up(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    """Its process alone, and then its whole process group."""
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, COUNTING))
    before = (container_of(docker_engine, "playhouse-ses1-1"), agent.worker("ses1"))
    async with agent.moving_picture("ses1"), viewer_of(agent, "ses1") as viewer:
        assert agent.process is not None
        agent.process.kill()
        await agent.process.wait()
        await viewer.sees(40)
        await running_again(agent, "ses1")
        await viewer.sees(20)
        await until_saved_beyond(control_plane, newest_count(control_plane))

        await agent.kill_group()
        await viewer.sees(40)
        await running_again(agent, "ses1")
        await viewer.sees(20)
        assert (await control_plane.until("ses1", lambda seen: seen.peers == 1)).peers == 1
        await until_saved_beyond(control_plane, newest_count(control_plane))
        async with viewer_of(agent, "ses1") as again:  # a page that was opened anew finds the same game
            await again.sees(10)
        assert (container_of(docker_engine, "playhouse-ses1-1"), agent.worker("ses1")) == before
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None
    last = files_of(control_plane.saves[ended.save.version_id])
    assert last["end"] == b"bye\n"
    assert docker_engine.container_names() == set()
    assert not agent.seat("ses1").exists()


async def test_a_killed_seat_worker_ends_the_session_with_its_save(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, COUNTING))
    uid = agent.seat("ses1").stat().st_uid
    os.kill(agent.worker("ses1"), signal.SIGKILL)
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "seat_failed"
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id])["end"] == b"bye\n"
    assert docker_engine.container_names() == set()
    assert not agent.seat("ses1").exists()
    assert processes_under(uid) == []


def processes_under(uid: int) -> list[str]:
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == uid and " Z " not in (process / "stat").read_text():
                found.append((process / "comm").read_text().strip())
    return found


async def test_two_agents_on_one_machine_touch_nothing_of_each_other(
    agent: AgentProcess, tiny_image: str, docker_engine: DockerEngine, short_folder: Path, seat_runtime: Path
) -> None:
    """One engine, one folder of seats, two hosts."""
    async with ControlPlane(host_id="hst2") as plane:
        (short_folder / "second").mkdir(mode=0o711)
        second = AgentProcess(plane, docker_engine.url, short_folder / "second", seat_runtime, agent.seat_folders)
        try:
            await asyncio.gather(agent.start(), second.start())
            desired = desired_session("ses1", tiny_image, COUNTING), desired_session("ses2", tiny_image, COUNTING)
            await asyncio.gather(agent.play(desired[0]), second.play(desired[1]))
            uids = {agent.seat("ses1").stat().st_uid, second.seat("ses2").stat().st_uid}
            assert len(uids) == 2
            await agent.kill_group()
            await running_again(agent, "ses1")
            ended = await agent.stop("ses1")
            assert ended.save is not None
            assert docker_engine.container_names() == {"playhouse-ses2-1"}
            assert plane.observed["ses2"].state == ObservedState.RUNNING
            assert (await second.stop("ses2")).save is not None
        finally:
            await second.end_everything()
    assert docker_engine.container_names() == set()


@pytest.fixture
async def private_engine(short_folder: Path) -> AsyncGenerator[PrivateEngine]:
    """As `orchestrator up` has it: watched, and started again when it dies."""
    engine = PrivateEngine(short_folder / "house", short_folder / "run")
    said: list[str] = []
    try:
        await engine.start()
        watching = asyncio.create_task(keep_running(engine, said.append))
        yield engine
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    finally:
        await engine.stop()
        print("\n".join(said))


@pytest.fixture
async def played(
    control_plane: ControlPlane, private_engine: PrivateEngine, short_folder: Path, seat_runtime: Path
) -> AsyncGenerator[tuple[AgentProcess, DesiredSession]]:
    """An agent on the private engine, and a session that it plays."""
    image = import_tiny_image(DockerEngine(private_engine.docker_host, short_folder))
    process = AgentProcess(control_plane, private_engine.docker_host, short_folder, seat_runtime)
    try:
        await process.start()
        desired = desired_session("ses1", image, COUNTING)
        await process.play(desired)
        yield process, desired
    finally:
        await process.end_everything()
        print(process.log())


def kill_of(engine_run: Path, pid_file: str) -> int:
    (file,) = engine_run.glob(f"engine-*/{pid_file}")
    process = int(file.read_text())
    os.kill(process, signal.SIGKILL)
    return process


async def test_the_game_goes_on_when_the_engine_dies_and_can_be_stopped_with_its_save(
    played: tuple[AgentProcess, DesiredSession], control_plane: ControlPlane, private_engine: PrivateEngine
) -> None:
    agent, _ = played
    before = agent.worker("ses1")
    async with agent.moving_picture("ses1"), viewer_of(agent, "ses1") as viewer:
        kill_of(agent.folder / "run", "pid")
        await viewer.sees(40)
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(private_engine.is_answering):  # noqa: ASYNC110 - an engine calls nobody
                await asyncio.sleep(0.1)
        await viewer.sees(20)
        await until_saved_beyond(control_plane, newest_count(control_plane))
        assert agent.worker("ses1") == before
        assert control_plane.observed["ses1"].state == ObservedState.RUNNING
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id])["end"] == b"bye\n"


async def test_a_killed_containerd_costs_no_save_and_the_end_is_named(
    played: tuple[AgentProcess, DesiredSession], control_plane: ControlPlane
) -> None:
    """The engine starts its containerd again; until then, and a while after, it cannot say that a game has ended. When
    that takes too long, the end is told early, and the save follows.
    """
    agent, _ = played
    async with agent.moving_picture("ses1"), viewer_of(agent, "ses1") as viewer:
        kill_of(agent.folder / "run", "exec/containerd/containerd.pid")
        await viewer.sees(40)
        await until_saved_beyond(control_plane, newest_count(control_plane))
    await control_plane.want_stop("ses1")
    ended = await control_plane.until("ses1", lambda seen: seen.state == ObservedState.ENDED, within_s=60)
    assert ended.end is not None
    assert ended.end.code in {"stopped", "save_failed"}
    await agent.cleared("ses1", within_s=60)
    assert newest_count(control_plane) > 0
