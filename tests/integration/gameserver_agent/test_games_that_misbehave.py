"""Whatever a game does, its session has an end with a name, its save is safe, and nothing of it stays on the host."""

from pathlib import Path

import pytest

from agent_protocol import DesiredSession, ObservedSession
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import HOST_ID, ControlPlane, desired_session, files_of
from tests.integration.gameserver_agent.processes import programs_of

_MB = 1024**2


def limited(desired: DesiredSession, **limits: object) -> DesiredSession:
    build = desired.build.model_copy(update={"limits": desired.build.limits.model_copy(update=limits)})
    return desired.model_copy(update={"build": build})


def seat_uid(agent: AgentProcess) -> int:
    return (agent.folder / "seats" / HOST_ID / "ses1" / "seat").stat().st_uid


def assert_nothing_is_left(agent: AgentProcess, engine: DockerEngine, uid: int | None = None) -> None:
    assert engine.container_names() == set()
    assert not (agent.folder / "seats" / HOST_ID).exists()
    assert [path.name for path in (agent.folder / "data" / "sessions" / "ses1").iterdir()] == ["record.json"]
    assert str(agent.folder) not in Path("/proc/mounts").read_text()
    if uid is not None:
        assert programs_of(uid) == []


def code_of(ended: ObservedSession) -> str:
    assert ended.end is not None
    return ended.end.code


async def test_one_that_exits_at_once_is_over_with_its_last_words(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await control_plane.want(desired_session("ses1", tiny_image, "echo nothing to do; exit 0"))
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert (ended.end.code, ended.end.log_tail) == ("exited", ("nothing to do",))
    assert_nothing_is_left(agent, docker_engine)


async def test_one_that_eats_its_memory_is_named(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    eats = "echo kept > /home/player/note; echo hungry; exec dd if=/dev/zero of=/dev/null bs=400M count=1"
    await agent.start()
    await control_plane.want(limited(desired_session("ses1", tiny_image, eats), memory_bytes=64 * _MB))
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "out_of_memory"
    assert "64 MB" in ended.end.message
    assert "hungry" in ended.end.log_tail
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id]) == {"note": b"kept\n"}
    assert_nothing_is_left(agent, docker_engine)


async def test_one_that_forks_without_end_is_contained_and_stops_clean(
    agent: AgentProcess, tiny_image: str, docker_engine: DockerEngine
) -> None:
    bomb = "(while :; do (while :; do sleep 600 & done) ; done) 2>/dev/null & echo x > /home/player/note; sleep 600"
    await agent.start()
    await agent.play(limited(desired_session("ses1", tiny_image, bomb, stop_grace_s=1), pids=40))
    uid = seat_uid(agent)
    ended = await agent.stop("ses1")
    assert code_of(ended) == "stopped"
    assert ended.save is not None
    assert_nothing_is_left(agent, docker_engine, uid)


async def test_one_that_fills_its_disk_meets_the_end_of_its_own(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    fills = (
        "cd; echo first > note; dd if=/dev/zero of=/tmp/big bs=1M count=400 2>/tmp/words;"
        " dd if=/dev/zero of=big bs=1M count=64 2>&1; exec sleep 600"
    )
    await agent.start()
    await agent.play(limited(desired_session("ses1", tiny_image, fills), save_bytes=8 * _MB, memory_bytes=512 * _MB))
    full = await control_plane.until("ses1", lambda seen: (seen.save_used_bytes or 0) > 7.5 * _MB)
    assert full.save_used_bytes is not None
    assert full.save_used_bytes <= 8 * _MB
    ended = await agent.stop("ses1")
    assert code_of(ended) == "stopped"
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id])["note"] == b"first\n"
    assert_nothing_is_left(agent, docker_engine)


async def test_one_that_floods_its_log_keeps_its_last_lines(
    agent: AgentProcess, tiny_image: str, docker_engine: DockerEngine
) -> None:
    floods = "i=0; while [ $i -lt 100000 ]; do echo line $i; i=$((i+1)); done; exit 7"
    await agent.start()
    await agent.control_plane.want(desired_session("ses1", tiny_image, floods))
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "crashed"
    assert ended.end.log_tail[-1] == "line 99999"
    assert len(ended.end.log_tail) <= 30
    assert_nothing_is_left(agent, docker_engine)


async def test_one_that_leaves_the_display_runs_on_until_it_is_stopped(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, "sleep 600"))  # what painted has closed its connection
    await control_plane.until_synced(2)
    assert control_plane.observed["ses1"].state == "running"
    assert code_of(await agent.stop("ses1")) == "stopped"
    assert_nothing_is_left(agent, docker_engine)


async def test_a_folder_of_traps_gives_what_is_a_save_and_nothing_else(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    traps = (
        "cd; ln -s /etc/shadow shadow; ln -s / all; mkfifo pipe; /bin/busybox mknod null c 1 3; mkdir saves;"
        " ln -s ../saves saves/loop; echo odd > \"$(printf 'saves/\\377\\376')\"; echo mine > saves/mine;"
        " while :; do date > saves/now; done"
    )
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, traps, stop_grace_s=1))
    checkpoint = await control_plane.until("ses1", lambda seen: seen.save is not None)
    assert checkpoint.save is not None
    ended = await agent.stop("ses1")
    assert code_of(ended) == "stopped"
    assert ended.save is not None
    found = files_of(control_plane.saves[ended.save.version_id])
    assert found.keys() == {"saves/mine", "saves/\udcff\udcfe", "saves/now"}
    assert found["saves/\udcff\udcfe"] == b"odd\n"
    assert_nothing_is_left(agent, docker_engine)


@pytest.mark.parametrize(
    ("trap", "words"),
    [
        ("/bin/busybox truncate -s 1000000000000 giant", "larger than 256 MB"),
        ("mkdir many; i=0; while [ $i -lt 20100 ]; do : > many/$i; i=$((i+1)); done", "more than 20000 files"),
        ("i=0; while [ $i -lt 60 ]; do mkdir d; cd d; i=$((i+1)); done; : > deep", "32 levels deep"),
    ],
)
async def test_a_save_that_cannot_be_taken_is_refused_by_name_and_the_one_before_is_kept(
    agent: AgentProcess,
    control_plane: ControlPlane,
    tiny_image: str,
    docker_engine: DockerEngine,
    trap: str,
    words: str,
) -> None:
    await agent.start()
    script = f"cd; echo good > note; while [ ! -e trap ]; do sleep 0.1; done; {trap}; echo trapped; exec sleep 600"
    await agent.play(desired_session("ses1", tiny_image, script, stop_grace_s=1))
    good = await control_plane.until("ses1", lambda seen: seen.save is not None)
    (agent.home("ses1") / "trap").touch()
    await agent.until_log(words, within_s=60)
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "save_failed"
    assert words in ended.end.message
    assert good.save is not None
    assert b"good\n" in files_of(control_plane.saves[good.save.version_id]).values()
    (kept,) = (agent.folder / "data" / "kept").iterdir()
    assert (kept / "home.ext4").exists()
    await agent.until_log("save.refused_and_kept", within_s=60)
    assert_nothing_is_left(agent, docker_engine)


async def test_a_save_is_whole_though_it_changed_while_it_was_taken(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    changes = (
        "cd; trap 'i=done; echo $i > a; echo $i > b; exit 0' TERM; i=0;"
        " while :; do i=$((i+1)); echo $i > a; echo $i > b; : > new$((i%50)); /bin/busybox rm -f new$((i%37)); done"
    )
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, changes))
    await control_plane.until("ses1", lambda seen: seen.save is not None)
    ended = await agent.stop("ses1")
    assert code_of(ended) == "stopped"
    assert ended.save is not None
    found = files_of(control_plane.saves[ended.save.version_id])
    assert (found["a"], found["b"]) == (b"done\n", b"done\n")
