"""The whole agent as it is run, while sessions live: its command line, a real engine, real seat workers."""

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import aiohttp

from agent_protocol import ObservedState
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import (
    HOST_ID,
    INSTALLATION,
    ControlPlane,
    archive_of,
    desired_session,
    files_of,
)
from tests.integration.gameserver_agent.processes import processes_of, programs_of

_UNIT = Path(__file__).parents[3] / "deploy" / "systemd" / "playhouse-agent.service"
_SLEEP = "trap 'echo bye > /home/player/end; exit 0' TERM; while :; do sleep 0.1; done"


async def test_a_desired_session_is_started_and_stopped_with_its_save(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id]) == {"end": b"bye\n"}
    assert ended.statistics is not None
    assert ended.statistics.boot_s is not None
    assert docker_engine.container_names() == set()
    assert not (agent.folder / "seats" / HOST_ID).exists()
    await control_plane.drop("ses1")
    assert list((agent.folder / "data" / "sessions").iterdir()) == []
    assert await agent.end() == 0


async def test_what_its_unit_leaves_an_agent_is_enough_for_a_session_and_for_its_next_agent(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    """The capabilities of `deploy/systemd/playhouse-agent.service`, and no new privileges."""
    [line] = [line for line in _UNIT.read_text().splitlines() if line.startswith("CapabilityBoundingSet=")]
    left = [f"+{name.removeprefix('CAP_').lower()}" for name in line.partition("=")[2].split()]
    agent.started_by = ("setpriv", f"--bounding-set={','.join(('-all', *left))}", "--no-new-privs", "--")
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    assert agent.process is not None
    assert _capabilities(agent.process.pid).bit_count() <= len(left) < _capabilities(os.getpid()).bit_count()
    assert agent.home("ses1").is_mount()
    worker = agent.worker("ses1")
    await agent.end()
    await agent.start("--token-file", str(agent.folder / "token-that-was-removed"))
    await control_plane.until_synced()
    await control_plane.until("ses1", lambda seen: seen.state == ObservedState.RUNNING)
    assert agent.worker("ses1") == worker
    ended = await agent.stop("ses1")
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id]) == {"end": b"bye\n"}
    assert not agent.home("ses1").exists()


def _capabilities(process: int) -> int:
    [line] = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("CapEff:")]
    return int(line.split()[1], 16)


async def test_a_game_sees_nothing_but_its_own(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    look = (
        "cd /home/player; ls /sys/class/net > net; grep CapEff /proc/self/status > capabilities;"
        " grep NoNewPrivs /proc/self/status > privileges; id -u > uid; touch /here 2> root; ps > processes;"
        " cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max > memory 2>/dev/null;"
        " cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max > pids 2>/dev/null;"
        " cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max > cpu 2>/dev/null;"
        " env > environment; ls /tmp/.X11-unix /session /session/pulse > mounts;"
        " touch /session/a 2> session; touch /session/pulse/a 2>> session; exec sleep 600"
    )
    desired = desired_session("ses1", tiny_image, look)
    limits = desired.build.limits.model_copy(update={"memory_bytes": 64 * 1024**2, "pids": 50, "cpu_cores": 0.5})
    await agent.start()
    await agent.play(desired.model_copy(update={"build": desired.build.model_copy(update={"limits": limits})}))
    seat = agent.folder / "seats" / HOST_ID / "ses1" / "seat"
    uid = seat.stat().st_uid
    ended = await agent.stop("ses1")
    assert ended.save is not None
    seen = {name: content.decode() for name, content in files_of(control_plane.saves[ended.save.version_id]).items()}
    assert seen["net"].split() == ["lo"]
    assert int(seen["capabilities"].split()[1], 16) == 0
    assert seen["privileges"].split()[1] == "1"
    assert 210_000 <= int(seen["uid"]) == uid <= 219_999
    assert "Read-only file system" in seen["root"]
    assert seen["memory"].split() == [str(64 * 1024**2)]
    assert seen["pids"].split() == ["50"]
    assert seen["cpu"].split()[0] == "50000"
    assert "worker" not in seen["processes"]
    assert "DISPLAY=:0" in seen["environment"]
    assert seen["mounts"].split() == [
        *("/session:", "Xauthority", "pulse", "/session/pulse:", "native", "/tmp/.X11-unix:", "X0")
    ]
    assert "PULSE_SERVER=unix:/session/pulse/native" in seen["environment"]
    assert seen["session"].count("Read-only file system") == 2


async def test_a_game_hears_its_sound_server_also_after_that_was_restarted(
    agent: AgentProcess, tiny_image: str, docker_engine: DockerEngine
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    uid = (agent.folder / "seats" / HOST_ID / "ses1" / "seat").stat().st_uid
    with contextlib.closing(docker_engine.client()) as client:
        game = int(client.inspect_container("playhouse-ses1-1")["State"]["Pid"])
    inside = f"unix:/proc/{game}/root/session/pulse/native"
    first = await pulse_answer(inside)
    assert "game" in first
    (server,) = processes_of(uid, "pulseaudio")
    os.kill(server, signal.SIGKILL)
    async with asyncio.timeout(60):
        while not (processes_of(uid, "pulseaudio") and "game" in await pulse_answer(inside)):  # noqa: ASYNC110 - a sound server calls nobody
            await asyncio.sleep(0.1)
    assert (await agent.stop("ses1")).end is not None


async def pulse_answer(server: str) -> str:
    """The sinks of a sound server, reached as a game reaches it; empty when it does not answer."""
    environment = {"PATH": os.environ["PATH"], "PULSE_SERVER": server, "HOME": "/nonexistent"}
    asking = await asyncio.create_subprocess_exec(
        *("pactl", "list", "short", "sinks"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return (await asking.communicate())[0].decode()


async def test_a_crash_reaches_the_player_with_its_last_words(agent: AgentProcess, tiny_image: str) -> None:
    await agent.start()
    await agent.control_plane.want(desired_session("ses1", tiny_image, "echo starting; echo Invalid window; exit 3"))
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "crashed"
    assert "exit code 3" in ended.end.message
    assert "Invalid window" in ended.end.message
    assert ended.end.log_tail == ("starting", "Invalid window")


async def test_a_game_that_ignores_its_stop_signal_is_killed_after_its_grace(
    agent: AgentProcess, tiny_image: str
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, "trap '' TERM; while :; do sleep 1; done", stop_grace_s=1))
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code == "stopped"
    assert "container.killed" in agent.log()


async def test_a_save_is_restored_changed_and_captured(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    desired = desired_session(
        "ses1",
        tiny_image,
        "",
        command=("/bin/sh", "-c", f"cd; cat saves/one > saves/two; echo more >> saves/one; echo x > other; {_SLEEP}"),
        save_paths=("saves",),
    )
    source = control_plane.restore_source(archive_of({"saves/one": b"first\n"}))
    await agent.start()
    await agent.play(desired.model_copy(update={"restore": source}))
    checkpoint = await control_plane.until("ses1", lambda seen: seen.save is not None)
    assert checkpoint.save is not None
    wanted = {"saves/one": b"first\nmore\n", "saves/two": b"first\n"}
    assert files_of(control_plane.saves[checkpoint.save.version_id]) == wanted
    ended = await agent.stop("ses1")
    assert ended.save == checkpoint.save  # nothing has changed since, so nothing new was kept


async def test_a_hostile_save_folder_gives_away_nothing_and_stops_nothing(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    hostile = "cd; ln -s /etc/shadow shadow; ln -s / everything; mkfifo pipe; echo mine > mine; exec sleep 600"
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, hostile))
    ended = await agent.stop("ses1")
    assert ended.save is not None
    assert files_of(control_plane.saves[ended.save.version_id]) == {"mine": b"mine\n"}


async def test_a_full_save_folder_is_the_games_problem_alone(agent: AgentProcess, tiny_image: str) -> None:
    desired = desired_session("ses1", tiny_image, "dd if=/dev/zero of=/home/player/big bs=1M count=64; exec sleep 600")
    limits = desired.build.limits.model_copy(update={"save_bytes": 8 * 1024**2})
    await agent.start()
    await agent.play(desired.model_copy(update={"build": desired.build.model_copy(update={"limits": limits})}))
    ended = await agent.stop("ses1")
    assert ended.end is not None
    assert ended.end.code in {"stopped", "save_failed"}
    assert not (agent.folder / "data" / "sessions" / "ses1" / "home.ext4").exists()


async def test_containers_of_others_are_never_touched(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str, docker_engine: DockerEngine
) -> None:
    foreign = {"playhouse.installation": INSTALLATION, "playhouse.host": "another"}
    orphaned = {"playhouse.installation": INSTALLATION, "playhouse.host": HOST_ID, "playhouse.session": "gone"}
    docker_engine.run_sleeper("users-own", tiny_image, {})
    docker_engine.run_sleeper("other-host", tiny_image, foreign)
    docker_engine.run_sleeper("orphan", tiny_image, orphaned)
    try:
        await agent.start()
        await agent.play(desired_session("ses1", tiny_image, _SLEEP))
        await agent.stop("ses1")
        assert docker_engine.container_names() == {"users-own", "other-host", "orphan"}, "nobody has said a word of it"
        await control_plane.want(desired_session("gone", tiny_image, _SLEEP).model_copy(update={"want": "stop"}))
        async with asyncio.timeout(60):
            while docker_engine.container_names() != {"users-own", "other-host"}:  # noqa: ASYNC110 - an engine that is asked
                await asyncio.sleep(0.1)
    finally:
        docker_engine.remove("users-own")
        docker_engine.remove("other-host")


async def test_a_missing_image_is_named(agent: AgentProcess, tiny_image: str) -> None:
    await agent.start()
    await agent.control_plane.want(desired_session("ses1", "sha256:" + "0" * 64, "true"))
    ended = await agent.ended("ses1")
    assert ended.end is not None
    assert ended.end.code == "image_missing"
    assert ended.save is None
    assert tiny_image in {image.image_id for image in agent.control_plane.syncs[-1].images}


async def test_pages_connect_with_a_token_of_their_session_alone(
    agent: AgentProcess, control_plane: ControlPlane, tiny_image: str
) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    url = f"{agent.url}/session/ses1/connect"
    offer = {"type": "offer", "sdp": "v=0"}
    async with aiohttp.ClientSession() as browser:
        tokens = {
            "nonsense": 401,
            control_plane.stream_token("ses1", host_id="x"): 401,
            control_plane.stream_token("ses2"): 403,
        }
        for token, status in tokens.items():
            async with browser.post(url, json={"token": token, "offer": offer}) as answer:
                assert answer.status == status
        async with browser.post(url, json={"token": control_plane.stream_token("ses1"), "offer": offer}) as answer:
            assert answer.status == 400  # the token is good; the offer is none
        async with browser.get(f"{agent.url}/session/ses1/", allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"] == f"{control_plane.url}/play/ses1"
        async with browser.get(f"{agent.url}/api/health") as answer:
            health = await answer.json()
        assert health.keys() == {"status", "containers", "cpu_percent", "memory_percent", "disk_percent"}
        assert (health["status"], health["containers"]) == ("ok", 1)
        async with browser.get(f"{agent.url}/api/containers") as answer:
            assert answer.status == 401
        secret = (agent.folder / "data" / "api-secret").read_text()
        headers = {"Authorization": f"Bearer {secret}"}
        async with browser.get(f"{agent.url}/api/containers", headers=headers) as answer:
            assert [entry["session_id"] for entry in await answer.json()] == ["ses1"]


async def test_nothing_of_a_seat_runs_as_root(agent: AgentProcess, tiny_image: str) -> None:
    await agent.start()
    await agent.play(desired_session("ses1", tiny_image, _SLEEP))
    uid = (agent.folder / "seats" / HOST_ID / "ses1" / "seat").stat().st_uid
    assert {"Xvfb", "pulseaudio", "sh"} <= set(programs_of(uid))
    await agent.stop("ses1")
    assert programs_of(uid) == []


async def test_what_the_agent_keeps_is_for_its_eyes_only(agent: AgentProcess, tiny_image: str) -> None:
    await agent.start()
    await agent.control_plane.until_synced(1)
    assert await agent.end() == 0
    data = agent.folder / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    files = [path for path in data.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"host-key.pem", "host.json", "incarnation", "api-secret"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
