"""A newer agent meets what an older one left, and a host whose clock is not the orchestrator's."""

import asyncio
import fcntl
import json
import os
import shutil
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent_protocol import ObservedState
from streaming.seat_client import SeatClient
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import ControlPlane, desired_session, files_of
from tests.integration.gameserver_agent.test_lives_of_their_own import processes_under
from tests.integration.gameserver_agent.viewer import viewer_of

REPOSITORY = Path(__file__).parents[3]
HOUR_S = 3600.0
_SLEEP = "trap 'echo bye > /home/player/end; exit 0' TERM; while :; do sleep 0.1; done"


def other_version(folder: Path, *, spoken: tuple[int, ...]) -> Path:
    """Our packages as another version of them, whose seats and agents speak these protocols, the newest first."""
    code = folder / "other"
    for package in ("agent_protocol", "gameserver_agent", "streaming"):
        shutil.copytree(REPOSITORY / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    about = code / "streaming" / "__init__.py"
    ours = about.read_text()
    theirs = ours.replace("PROTOCOL_VERSION = 1\n", f"PROTOCOL_VERSION = {spoken[0]}\n")
    theirs = theirs.replace("SPOKEN_PROTOCOLS = (PROTOCOL_VERSION,)\n", f"SPOKEN_PROTOCOLS = {spoken}\n")
    assert theirs.count(str(spoken[0])) > ours.count(str(spoken[0])) or spoken == (1,)
    about.write_text(theirs + "\n# another version\n")
    return code


@pytest.fixture
def ours(seat_runtime: Path) -> Generator[set[str]]:
    """What other tests run from stays where it is."""
    folders = list(seat_runtime.iterdir())
    holds = [os.open(folder, os.O_RDONLY) for folder in folders]
    for hold in holds:
        fcntl.flock(hold, fcntl.LOCK_SH)
    yield {folder.name for folder in folders}
    for hold in holds:
        os.close(hold)


def others(agent: AgentProcess, ours: set[str]) -> set[str]:
    return {path.name for path in agent.seat_runtime.iterdir() if not path.name.startswith(".")} - ours


@pytest.mark.parametrize("is_rolled_back", [False, True], ids=["newer", "rolled back"])
async def test_whoever_plays_sees_and_does_the_same_while_the_agent_is_another(
    agent: AgentProcess,
    control_plane: ControlPlane,
    tiny_image: str,
    docker_engine: DockerEngine,
    ours: set[str],
    *,
    is_rolled_back: bool,
) -> None:
    """The agent of the next release, which speaks a newer protocol of seats as well, follows ours; or ours follows it,
    when that is taken back. As `systemctl restart` and `make deploy-agent` do it: SIGTERM.
    """
    next_release = other_version(agent.folder, spoken=(2, 1))
    first, second = (next_release, None) if is_rolled_back else (None, next_release)
    await agent.start(code=first)
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    worker, [container] = agent.worker("ses1"), docker_engine.container_names()
    runs_from = others(agent, ours)
    async with agent.moving_picture("ses1"), viewer_of(agent, "ses1") as viewer:
        assert await agent.end() == 0
        await viewer.sees(20)  # while there is no agent
        was_idle_s = await _idle_s(agent)
        await viewer.press("KeyA")
        async with asyncio.timeout(60):
            while await _idle_s(agent) >= was_idle_s:  # noqa: ASYNC110 - a seat tells of input when it is asked
                await asyncio.sleep(0.05)
        control_plane.observed.clear()
        await agent.start(code=second)
        await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING and seen.seat_ready)
        await control_plane.until("ses1", lambda seen: seen.peers == 1 and seen.last_input_at is not None)
        await viewer.sees(20)
        async with viewer_of(agent, "ses1") as again:  # a page that was loaded anew, by the new agent
            await again.sees(5)
    assert agent.worker("ses1") == worker
    assert docker_engine.container_names() == {container}
    assert runs_from <= others(agent, ours), "the seat runs from what it was started from"
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id])["end"] == b"bye\n"
    if is_rolled_back:
        assert await agent.end() == 0
        await agent.start()
        await control_plane.until_synced()
        assert not runs_from & others(agent, ours), "nobody needs the next release's folder any more"


async def _idle_s(agent: AgentProcess) -> float:
    """Since when nobody did anything, as the seat says: to nobody's agent, since there is none."""
    client = await SeatClient.open(agent.seat("ses1") / "control.sock")
    try:
        idle_s = (await client.status()).idle_s
        return float("inf") if idle_s is None else idle_s
    finally:
        await client.close()


async def test_a_living_seat_of_an_unknown_protocol_is_ended_with_its_save_by_name(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine, ours: set[str]
) -> None:
    await agent.start(code=other_version(agent.folder, spoken=(99,)))
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    uid = agent.seat("ses1").stat().st_uid
    await agent.kill_group()
    assert {"Xvfb", "pulseaudio"} < set(processes_under(uid))
    await agent.start()
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "seat_failed"
    assert "another protocol" in ended.end.message
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id])["end"] == b"bye\n"
    assert docker_engine.container_names() == set()
    assert not agent.seat("ses1").exists()
    assert processes_under(uid) == []


async def test_a_clock_that_jumps_by_hours_ends_nothing_and_keeps_nobody_out(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    """The orchestrator's clock and the host's part company in the middle of a game, one way and the other."""
    await agent.start()
    desired = desired_session("ses1", tiny_image, _SLEEP)
    await agent.play(desired)
    for ahead_s in (3 * HOUR_S, -3 * HOUR_S):
        control_plane.ahead_s = ahead_s
        await control_plane.until_synced(2)  # the deadlines are still those of before the jump
        later = control_plane.now() + timedelta(minutes=30)
        await control_plane.want(desired.model_copy(update={"expires_at": later, "ends_at": later}))
        await control_plane.until_synced(2)
        async with agent.moving_picture("ses1"), viewer_of(agent, "ses1") as viewer:
            await viewer.sees(5)
        (agent.home("ses1") / "note").write_text(str(ahead_s))
        await control_plane.until_saved({"note": str(ahead_s).encode()})
        assert control_plane.observed["ses1"].state == ObservedState.RUNNING
    assert "agent.refused" not in agent.log()
    assert "sync.refused" not in agent.log()
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"


async def test_a_restarted_agent_without_a_control_plane_ends_sessions_at_their_deadline_by_its_time(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    """The host's own clock is three hours ahead of it, so that the deadline has passed for ever there."""
    control_plane.ahead_s = -3 * HOUR_S
    await agent.start()
    desired = desired_session("ses1", tiny_image, _SLEEP)
    later = {
        "expires_at": control_plane.now() + timedelta(hours=1),
        "ends_at": control_plane.now() + timedelta(hours=1),
    }
    await agent.play(desired.model_copy(update=later))
    deadline = control_plane.now() + timedelta(seconds=12)
    await control_plane.want(desired.model_copy(update=later | {"expires_at": deadline}))
    await control_plane.until_synced(2)
    control_plane.is_away = True
    await agent.kill_group()
    await agent.start()
    await agent.until_log('"code": "expired"', within_s=60)
    (said,) = (json.loads(line) for line in agent.logs[-1].read_text().splitlines() if "session.ending" in line)
    ended_at = datetime.fromisoformat(said["timestamp"]) + timedelta(seconds=control_plane.ahead_s)
    assert ended_at >= deadline
    control_plane.is_away = False
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code in {"expired", "save_failed"}
