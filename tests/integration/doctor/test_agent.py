"""`gameserver-agent doctor` on a machine with an engine, and on one without."""

import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from diagnosis import looking
from gameserver_agent.cli import main
from gameserver_agent.doctor import gathering
from gameserver_agent.doctor.gathering import Asked, gather
from gameserver_agent.doctor.rules import LIBRARIES, PROGRAMS
from tests.integration.docker_engine import DockerEngine

_AS_NOBODY = """
import os, sys
from gameserver_agent.cli import main
from gameserver_agent.doctor import gathering, rules
os.setgroups([]), os.setgid(65534), os.setuid(65534)
main(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is slow; who does not answer here refuses at once."""
    monkeypatch.setattr(looking, "DEADLINE_S", 60.0)
    monkeypatch.setattr(gathering, "_ENGINE_DEADLINE_S", 60)


def asked(data: Path, docker_host: str, **more: Any) -> Asked:
    usual = Asked("http://127.0.0.1:9", docker_host, data, data / "runtime", "127.0.0.1", 9, None, None)
    return replace(usual, **more)


async def test_an_engine_and_what_games_need_are_seen(docker_engine: DockerEngine, tmp_path: Path) -> None:
    facts = await gather(asked(tmp_path, docker_engine.url))
    assert facts.engine.trouble == ""
    assert facts.engine.version
    assert facts.engine.runc
    assert facts.engine.has_seccomp
    assert 0 < facts.engine.free_bytes < facts.engine.total_bytes
    assert [name for name, path in facts.programs if path is None] == []
    assert [name for name, _ in facts.programs] == [*PROGRAMS, *LIBRARIES]
    assert facts.shm_bytes > 0
    assert (facts.has_joined, facts.unsent_saves, facts.data_trouble) == (False, 0, "")
    assert facts.orchestrator_status is None


async def test_what_is_in_the_way_is_seen(tmp_path: Path) -> None:
    (tmp_path / "unsent").mkdir()
    (tmp_path / "unsent" / "ses~1~1~aa.tar.zst").touch()
    (tmp_path / "host.json").touch()
    with socket.socket() as held, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        held.bind(("127.0.0.1", 0))
        stream.bind(("0.0.0.0", 0))
        port, udp = held.getsockname()[1], stream.getsockname()[1]
        facts = await gather(asked(tmp_path, f"unix://{tmp_path}/nothing.sock", port=port, udp_ports=(udp, udp)))
    assert facts.engine.trouble
    assert facts.port_trouble
    assert f"{udp} first" in facts.udp_trouble
    assert not facts.has_udp_port
    assert (facts.has_joined, facts.unsent_saves) == (True, 1)


@pytest.mark.parametrize("mode", [0o700, 0o711])
async def test_a_seat_runtime_that_seats_cannot_enter_is_seen(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, mode)  # noqa: PTH101 - by a path it would be ASYNC240
        facts = await gather(asked(tmp_path, f"unix://{tmp_path}/nothing.sock", seat_runtime=Path(folder) / "runtime"))
    assert ("closed to the users of seats" in facts.runtime_trouble) == (mode == 0o700)


def test_the_command_names_what_is_broken_and_fails(tmp_path: Path) -> None:
    order = ["doctor", "--orchestrator", "http://127.0.0.1:9", "--docker-host", f"unix://{tmp_path}/nothing.sock"]
    result = CliRunner().invoke(main, [*order, "--data", str(tmp_path), "--port", "9"])
    assert result.exit_code == 1
    assert "broken  engine" in result.output
    assert "systemctl start docker" in result.output
    assert "broken  orchestrator" in result.output


def test_a_user_who_may_not_enter_the_agents_folder_is_told_whose_it_is_to_ask(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "host.json").touch()
    order = ("doctor", "--orchestrator", "http://127.0.0.1:9", "--docker-host", f"unix://{closed}/nothing.sock")
    order += ("--data", str(closed / "data"), "--seat-runtime", str(closed / "runtime"), "--port", "9")
    ended = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, *order], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "cannot be entered by this user" in ended.stdout
    assert "Run it as the agent's user" in ended.stdout
    assert "has not joined" not in ended.stdout


async def test_the_disk_of_another_machines_engine_is_not_ours(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        about = {"ServerVersion": "27.1.1", "DockerRootDir": "/"} if request.path.endswith("/info") else {}
        return web.json_response({"ApiVersion": "1.44", "MinAPIVersion": "1.24", **about})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    try:
        facts = await gather(asked(tmp_path, f"tcp://127.0.0.1:{listener.getsockname()[1]}"))
    finally:
        await runner.cleanup()
    assert (facts.engine.trouble, facts.engine.version) == ("", "27.1.1")
    assert (facts.engine.free_bytes, facts.engine.total_bytes) == (0, 0)
