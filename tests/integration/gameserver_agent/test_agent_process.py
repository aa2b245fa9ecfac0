"""The whole agent as it is run: its command line, a real engine, real seat workers."""

from agent_protocol import ObservedState
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import ControlPlane, desired_session


async def test_a_desired_session_is_started_and_stopped(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await control_plane.want(desired_session("ses1", tiny_image, "echo hi > /home/player/note; exec sleep 600"))
    await control_plane.until("ses1", lambda seen: seen.seat_ready and seen.state == ObservedState.BOOTING)
    agent.paint("ses1")
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    await control_plane.want_stop("ses1")
    ended = await control_plane.until("ses1", lambda seen: seen.state == ObservedState.ENDED)
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None
    assert ended.statistics is not None
    assert ended.statistics.boot_s is not None
    assert docker_engine.client().containers(all=True) == []
    assert await agent.end() == 0
