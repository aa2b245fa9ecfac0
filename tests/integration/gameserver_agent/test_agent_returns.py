"""What becomes of games and saves when an agent ends, and what the next one takes up."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta

from agent_protocol import ObservedState
from gameserver_agent.sessions.record import SessionFolder
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import (
    HOST_ID,
    ControlPlane,
    desired_session,
    files_of,
)
from tests.integration.gameserver_agent.processes import programs_of

_SLEEP = "trap 'echo bye > /home/player/end; exit 0' TERM; while :; do sleep 0.1; done"


async def until_recorded(folder: SessionFolder) -> None:
    """Players are told that it runs before the next agent could know."""
    async with asyncio.timeout(60):
        while True:
            record = folder.read()
            if record is not None and record.state is ObservedState.RUNNING:
                return
            await asyncio.sleep(0.02)


async def test_games_outlive_the_agent_and_are_taken_up_again(agent: AgentProcess, tiny_image: str) -> None:
    await agent.start()
    before = await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    await until_recorded(SessionFolder(agent.folder / "data" / "sessions" / "ses1"))
    await agent.kill_group()
    await agent.start()
    await agent.control_plane.until_synced(2)
    after = await agent.control_plane.until(
        "ses1", lambda seen: seen.state == ObservedState.RUNNING and seen.seat_ready
    )
    assert before.statistics is not None
    assert after.statistics is not None
    assert after.statistics.duration_s >= before.statistics.duration_s
    assert after.statistics.boot_s == before.statistics.boot_s
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None


async def test_a_game_that_ended_while_the_agent_was_away_is_reported_with_its_save(
    agent: AgentProcess, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, "echo kept > /home/player/note; while :; do sleep 0.1; done"))
    assert await agent.end() == 0
    client = docker_engine.client()
    client.kill("playhouse-ses1-1")
    client.close()
    await agent.start()
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "crashed"
    assert "SIGKILL" in ended.end.message
    assert ended.save is not None


async def test_without_a_control_plane_sessions_end_at_their_deadline_and_saves_are_kept(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    desired = desired_session("ses1", tiny_image, "echo kept > /home/player/note; exec sleep 600")
    await agent.start()
    await agent.play(desired)
    await control_plane.until("ses1", lambda seen: seen.save is not None)
    home = agent.home("ses1")
    soon = datetime.now(UTC) + timedelta(seconds=10)
    await control_plane.want(desired.model_copy(update={"expires_at": soon}))
    await control_plane.until_synced(1)
    (home / "late").write_text("written while away")
    control_plane.is_away = True
    await agent.until_log("save.failed", within_s=60)
    kept = list((agent.folder / "data" / "unsent").glob("ses1~1~*.tar.zst"))
    assert len(kept) == 1
    control_plane.is_away = False
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    await control_plane.until("ses1", lambda _: not kept[0].exists())
    away, back = (agent.log().count(f"control_plane.{word}") for word in ("away", "back"))
    assert 1 <= back == away <= 2  # what it asked before may still be answered well
    assert any("late" in files_of(archive) for archive in control_plane.saves.values())


async def test_with_the_option_all_sessions_end_before_the_agent(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start("--stop-sessions-on-exit")
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    assert await agent.end(signal.SIGINT) == 0
    assert control_plane.observed["ses1"].state == ObservedState.ENDED
    assert control_plane.observed["ses1"].save is not None
    assert docker_engine.container_names() == set()


async def test_leaving_waits_for_no_stubborn_game_and_loses_no_save(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start("--stop-sessions-on-exit")
    stubborn = "trap '' TERM; while :; do date > /home/player/now; sleep 0.1; done"
    await agent.play(desired_session("ses1", tiny_image, stubborn, stop_grace_s=25))
    control_plane.is_away = True
    assert await agent.end(signal.SIGINT) in {0, 1}
    assert docker_engine.container_names() == set()
    assert not (agent.folder / "seats" / HOST_ID).exists()
    control_plane.is_away = False
    await agent.start()
    await control_plane.until("ses1", lambda seen: seen.save is not None)


async def test_a_host_that_is_not_known_plays_on_and_one_that_was_removed_ends_its_sessions_and_says_so(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    """A replica may have been started on a wrong database for a while."""
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    control_plane.knows_nobody = True
    async with asyncio.timeout(60):
        while agent.log().count("sync.refused") < 2:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.1)
    control_plane.observed.clear()
    control_plane.knows_nobody = False
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    control_plane.has_removed_host = True
    assert agent.process is not None
    async with asyncio.timeout(60):
        assert await agent.process.wait() == 3
    assert docker_engine.container_names() == set()
    assert len(list((agent.folder / "data" / "unsent").glob("ses1~1~*.tar.zst"))) == 1
    control_plane.has_removed_host = False


async def test_a_save_that_could_not_be_captured_is_taken_by_the_next_agent(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    blocked = agent.folder / "data" / "unsent" / "ses1.partial"
    blocked.mkdir()
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    assert (agent.folder / "data" / "kept" / "ses1~1" / "home.ext4").exists()
    await control_plane.drop("ses1")
    await agent.end()
    blocked.rmdir()
    await agent.start()
    await control_plane.until_saved({"end": b"bye\n"})
    assert list((agent.folder / "data" / "kept").iterdir()) == []


async def test_a_damaged_record_costs_the_session_but_not_its_save(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    uid = (agent.folder / "seats" / HOST_ID / "ses1" / "seat").stat().st_uid
    assert await agent.end() == 0
    (agent.folder / "data" / "sessions" / "ses1" / "record.json").write_text("{")
    await control_plane.want_stop("ses1")
    control_plane.observed.clear()
    await agent.start()
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    await control_plane.until_saved({"end": b"bye\n"})
    assert docker_engine.container_names() == set()
    assert programs_of(uid) == []
    assert not (agent.folder / "seats" / HOST_ID).exists()


async def test_a_game_whose_record_is_damaged_is_taken_up_where_it_is_still_wanted(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    worker = agent.worker("ses1")
    assert await agent.end() == 0
    (agent.folder / "data" / "sessions" / "ses1" / "record.json").write_text("{")
    control_plane.observed.clear()
    await agent.start()
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    assert agent.worker("ses1") == worker
    assert docker_engine.container_names() == {"playhouse-ses1-1"}
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    await control_plane.until_saved({"end": b"bye\n"})
    assert docker_engine.container_names() == set()


async def test_a_game_that_nobody_names_any_more_plays_on_for_a_while(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    assert await agent.end() == 0
    (agent.folder / "data" / "sessions" / "ses1" / "record.json").write_text("{")
    order = control_plane.desired.pop("ses1")
    await agent.start()
    await agent.until_log("orphan.seen", within_s=60)
    await control_plane.until_synced(3)
    assert docker_engine.container_names() == {"playhouse-ses1-1"}
    await control_plane.want(order)
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    await agent.stop("ses1")
