"""Games that wait at their title, with a real engine and real workers: taken once, with the save, none left over."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from agent_protocol import BuildSpec, DesiredSession, ObservedState, WarmTitles
from gameserver_agent.seats.places import SeatPlace, seat_processes
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent import display
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import (
    ControlPlane,
    archive_of,
    desired_session,
    files_of,
)

GAME = """
if [ -n "$PLAYHOUSE_WAITS" ]; then
  echo nobody > $HOME/title
  while ! [ -e $PLAYHOUSE_WAITS ]; do sleep 0.05; done
  cat $PLAYHOUSE_WAITS > $HOME/player
fi
cat $HOME/chapter > $HOME/read
exec sleep 600
"""
SAVE = {"chapter": b"one"}


def session(session_id: str, image_id: str, **changes: object) -> DesiredSession:
    made = desired_session(session_id, image_id, GAME, waits_at_title=True)
    return made.model_copy(update={"timezone": "Europe/Berlin", **changes})


def build(image_id: str) -> BuildSpec:
    return session("any", image_id).build


async def want_title(agent: AgentProcess, plane: ControlPlane, image_id: str) -> SeatPlace:
    """The seat's place of a title that waits, once it does."""
    plane.warm_titles = (WarmTitles(build=build(image_id), count=1, memory_bytes=2**28),)
    async with asyncio.timeout(60):
        while not (places := agent.places.waiting()) or not (places[0].seat / "control.sock").exists():  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.05)
    (place,) = places
    await paint(place)
    await plane.until_waiting(1)
    (said,) = plane.syncs[-1].warm_seats
    assert (said.build_id, said.image_id, said.memory_bytes) == ("bld1", image_id, 2**28)
    return place


async def paint(place: SeatPlace) -> None:
    until = asyncio.get_running_loop().time() + 60
    while True:  # the X server may be a moment behind its worker
        painter = await asyncio.create_subprocess_exec(
            sys.executable, display.__file__, str(place.seat), stderr=asyncio.subprocess.DEVNULL
        )
        if await painter.wait() == 0:
            return
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.2)


async def until_file(path: Path) -> bytes:
    async with asyncio.timeout(60):
        while not path.exists() or not path.read_bytes():  # noqa: ASYNC110, ASYNC240 - as above, and it is short
            await asyncio.sleep(0.05)
    return path.read_bytes()  # noqa: ASYNC240 - as above


async def until_no_home_is_left(agent: AgentProcess) -> None:
    """It goes last."""
    async with asyncio.timeout(60):
        while any((agent.folder / "data" / "titles").iterdir()):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


def titles(engine: DockerEngine) -> set[str]:
    return {name for name in engine.container_names() if "title" in name}


async def test_of_two_launches_one_takes_the_title_and_both_have_their_saves(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    place = await want_title(agent, control_plane, tiny_image)
    (title,) = titles(docker_engine)
    with contextlib.closing(docker_engine.client()) as client:
        assert client.inspect_container(title)["State"]["Paused"]
    control_plane.warm_titles = ()
    restore = control_plane.restore_source(archive_of(SAVE))
    for session_id in ("ses1", "ses2"):
        await control_plane.want(session(session_id, tiny_image, restore=restore))
    for session_id in ("ses1", "ses2"):
        await control_plane.until(session_id, lambda seen: seen.seat_ready)
        await agent.paint(session_id)
        await control_plane.until(session_id, lambda seen: seen.state == ObservedState.RUNNING)
        assert await until_file(agent.home(session_id) / "read") == b"one"
        assert not (agent.home(session_id) / "title").exists()
    assert titles(docker_engine) == {title}
    assert len(docker_engine.container_names()) == 2
    (taker,) = (one for one in ("ses1", "ses2") if agent.places.existing(one) == place)
    told = json.loads(await until_file(agent.home(taker) / "player"))
    assert told == {"timezone": "Europe/Berlin", "language": "C.UTF-8"}
    for session_id in ("ses1", "ses2"):
        ended = await agent.stop(session_id)
        assert ended.statistics is not None
        assert (ended.statistics.boot_s is None) is (session_id == taker)
        assert ended.save is not None
        assert files_of(control_plane.saves[ended.save.version_id])["read"] == b"one"
    assert docker_engine.container_names() == set()
    assert not place.folder.exists()
    await until_no_home_is_left(agent)


async def test_an_agent_that_is_killed_leaves_no_title_and_keeps_the_one_that_was_taken(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    taken = await want_title(agent, control_plane, tiny_image)
    (first,) = titles(docker_engine)
    await control_plane.want(session("ses1", tiny_image))
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    assert agent.places.existing("ses1") == taken
    await control_plane.until_waiting(0)
    left = await want_title(agent, control_plane, tiny_image)
    assert len(titles(docker_engine)) == 2
    await agent.kill_group()
    control_plane.warm_titles = ()
    await agent.start()
    await control_plane.until_synced(2)
    await control_plane.until_waiting(0)
    await agent.released(left)
    assert titles(docker_engine) == {first}
    assert seat_processes(left) == ()
    assert not left.folder.exists()
    assert control_plane.observed["ses1"].state == ObservedState.RUNNING
    assert agent.places.existing("ses1") == taken
    (agent.home("ses1") / "chapter").write_bytes(b"two")
    ended = await agent.stop("ses1")
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id])["chapter"] == b"two"
    assert docker_engine.container_names() == set()
    assert await agent.end() == 0
    await until_no_home_is_left(agent)


async def test_a_title_that_died_is_passed_over_and_one_that_is_not_wanted_goes(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    place = await want_title(agent, control_plane, tiny_image)
    (title,) = titles(docker_engine)
    control_plane.warm_titles = ()
    with contextlib.closing(docker_engine.client()) as client:
        client.kill(title)
    await agent.play(session("ses1", tiny_image, restore=control_plane.restore_source(archive_of(SAVE))))
    assert await until_file(agent.home("ses1") / "read") == b"one"
    assert not (agent.home("ses1") / "player").exists()
    assert titles(docker_engine) == set()
    await agent.released(place)
    await agent.stop("ses1")
    # Sessions need the room: one that waits gives way.
    place = await want_title(agent, control_plane, tiny_image)
    control_plane.warm_titles = ()
    await control_plane.until_waiting(0)
    await agent.released(place)
    assert docker_engine.container_names() == set()
    await until_no_home_is_left(agent)
