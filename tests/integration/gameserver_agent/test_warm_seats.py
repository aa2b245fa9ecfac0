"""Seats that wait for a session, with a real engine and real workers: taken once, replaced, and never left over."""

import os
import signal

from agent_protocol import ObservedState, WarmSeats
from gameserver_agent.seats.places import SeatPlace, seat_processes
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import HOST_ID, ControlPlane, desired_session

GAME = "exec sleep 600"
ONE = WarmSeats(width=1280, height=720, count=1)


def worker(place: SeatPlace) -> int:
    return int((place.seat / "worker.pid").read_text())


async def test_a_session_takes_the_seat_that_waits_and_the_next_one_gets_another(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await control_plane.want_waiting(ONE)
    (first,) = agent.places.waiting()
    first_worker, first_cookie = worker(first), (first.seat / "Xauthority").read_bytes()
    # Two at once: one of them takes it, and the other does not share it.
    await control_plane.want(desired_session("ses1", tiny_image, GAME))
    await agent.play(desired_session("ses2", tiny_image, GAME))
    await agent.paint("ses1")
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    places = [agent.places.existing("ses1"), agent.places.existing("ses2")]
    assert first in places
    assert [place and place.folder.name for place in places].count(first.folder.name) == 1
    assert len({place.owner.uid for place in places if place}) == 2
    assert worker(first) == first_worker
    # Its successor has nothing of it.
    await control_plane.until_waiting(1)
    (second,) = agent.places.waiting()
    assert second.owner.uid not in {place.owner.uid for place in places if place}
    assert (second.seat / "Xauthority").read_bytes() != first_cookie
    for session_id in ("ses1", "ses2"):
        ended = await agent.stop(session_id)
        assert ended.end is not None
        assert ended.end.code == "stopped"
    assert not first.folder.exists()
    assert agent.places.waiting() == (second,)
    # Sessions need the room: it gives way.
    await control_plane.want_waiting()
    await agent.released(second)
    assert seat_processes(second) == ()
    assert docker_engine.container_names() == set()


async def test_an_agent_that_is_killed_leaves_no_seat_waiting_and_keeps_the_one_that_was_taken(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    await agent.start()
    await control_plane.want_waiting(ONE)
    (taken,) = agent.places.waiting()
    await agent.play(desired_session("ses1", tiny_image, GAME))
    taken_worker = worker(taken)
    await control_plane.until_waiting(1)
    (left,) = agent.places.waiting()
    await agent.kill_group()
    assert seat_processes(left) != ()
    await agent.start()
    await control_plane.until_synced(2)
    await control_plane.until_waiting(1)
    assert seat_processes(left) == ()
    assert not left.folder.exists()
    assert agent.places.existing("ses1") == taken
    assert worker(taken) == taken_worker
    assert control_plane.observed["ses1"].state == ObservedState.RUNNING
    # A waiting seat that dies is replaced, and an orderly end leaves none.
    (fresh,) = agent.places.waiting()
    os.kill(worker(fresh), signal.SIGKILL)
    await control_plane.until_waiting(0)
    await control_plane.until_waiting(1)
    await agent.stop("ses1")
    assert await agent.end() == 0
    assert not (agent.seat_folders / HOST_ID).exists()
