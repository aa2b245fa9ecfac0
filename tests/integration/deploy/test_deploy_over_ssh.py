"""One evening of an operator: a replica and a game host are deployed over a real ssh to a machine that is a folder."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.ssh.deploy import PROJECT, release_of
from tests.integration.docker_engine import DockerEngine

_START = "    await asyncio.to_thread(require_reachable, settings)\n"  # among the first things that an agent does
_SSHD = "/usr/sbin/sshd"
_PASSED_ON = ("uv_", "pip_", "ssl_cert", "http_proxy", "https_proxy", "no_proxy")


@dataclass
class Machine:
    """`root` is the machine's `/`; `ssh` is how one gets there. `project` is the operator's checkout."""

    root: Path
    ssh: str
    project: Path

    def deploy(self, role: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, self.project / "deploy" / "ssh" / "deploy.py", role, "machine", "--ssh", self.ssh]
        return subprocess.run(
            [*program, "--manager", "processes", "--root", self.root, "--within", "120", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    def orchestrator(self, *words: str) -> str:
        """What the command that a deploy leaves on the machine prints."""
        command = self.root / "opt" / "playhouse" / "bin" / "orchestrator"
        return subprocess.run([command, *words], capture_output=True, text=True, check=True, cwd="/").stdout

    def base(self, role: str) -> Path:
        return self.root / "opt" / "playhouse" / role

    def runs(self, role: str) -> tuple[str, str]:
        """The release and the process."""
        base = self.base(role)
        return (base / "current").resolve().name, (base / "run" / "pid").read_text()

    def change(self, file: str, text: str, to: str) -> None:
        """Edit the operator's checkout."""
        path = self.project / file
        content = path.read_text()
        assert text in content
        path.write_text(content.replace(text, to))

    def end(self) -> None:
        for pid in self.root.glob("opt/playhouse/*/run/pid"):
            process = int(pid.read_text().split()[0])
            try:
                os.kill(process, 15)
                deadline = time.monotonic() + 60
                while _is_alive(process):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            except ProcessLookupError:
                continue


@pytest.fixture(scope="module")
def machine() -> Generator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="deploy-", dir="/tmp"))
    folder.chmod(0o755)
    root, project = folder / "machine", folder / "checkout"
    for name, (content, is_executable) in release_of(PROJECT).files.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if is_executable else 0o644)
    uv = shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")
    tools = root / "opt" / "playhouse" / "tools" / "bin"
    tools.mkdir(parents=True)
    (tools / "uv").symlink_to(uv)
    keys = folder / "ssh"
    keys.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("host", "operator"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    passed_on = " ".join(
        f'"{name}={value}"' for name, value in os.environ.items() if name.lower().startswith(_PASSED_ON)
    )
    (keys / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {keys / 'host'}\nAuthorizedKeysFile {keys / 'operator.pub'}\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
        + (f"SetEnv {passed_on}\n" if passed_on else "")
    )
    host_key = " ".join((keys / "host.pub").read_text().split()[:2])
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (keys / "config").write_text(
        f"Host machine\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentityFile {keys / 'operator'}\n"
        f"IdentitiesOnly yes\nUserKnownHostsFile {keys / 'known_hosts'}\nGlobalKnownHostsFile none\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    found = Machine(root, f"ssh -F {keys / 'config'}", project)
    with (keys / "log").open("wb") as log:
        server = subprocess.Popen([_SSHD, "-D", "-e", "-f", keys / "sshd_config"], stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            assert server.poll() is None, (keys / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield found
    finally:
        found.end()
        server.terminate()
        server.wait()
        print((keys / "log").read_text())
        shutil.rmtree(folder)


@pytest.mark.timeout(900)
def test_a_stranger_deploys_a_replica_and_a_host_and_no_broken_release_takes_them_down(
    machine: Machine, docker_engine: DockerEngine
) -> None:
    port, agents_port = _free_port(), _free_port()
    settings = machine.project / "orchestrator.env"

    # Without settings it says what is missing; a check says what would change; neither changes anything.
    refused = machine.deploy("orchestrator", "--check")
    assert refused.returncode == 1
    assert "deploy/systemd/orchestrator.env.example" in refused.stderr
    settings.write_text(f"ORCHESTRATOR_PORT={port}\nORCHESTRATOR_PUBLIC_URL='http://127.0.0.1:{port}'\n")
    checked = machine.deploy("orchestrator", "--check", "--settings", str(settings))
    assert checked.returncode == 0, checked.stderr
    assert "machine: playhouse-orchestrator is started" in checked.stdout
    assert [path.name for path in (machine.root / "opt" / "playhouse").iterdir()] == ["tools"]

    # The replica runs, on a database that was made, and its command finds it.
    first = machine.deploy("orchestrator", "--settings", str(settings))
    assert first.returncode == 0, first.stdout + first.stderr
    assert _is_ready(port)
    running = machine.runs("orchestrator")
    etc = machine.root / "etc" / "playhouse" / "orchestrator.env"
    assert etc.stat().st_mode & 0o777 == 0o600

    # The same again: nothing is done, with the settings or without.
    for words in ((), ("--settings", str(settings), "--check")):
        again = machine.deploy("orchestrator", *words)
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout == f"machine: nothing changes, {running[0]} runs\n"
    assert machine.runs("orchestrator") == running

    # A game host joins with a token of the command that lies there, and is seen.
    token = machine.orchestrator("hosts", "token").strip()
    agent = machine.project / "agent.env"
    data = machine.root / "var" / "lib" / "playhouse-agent"
    agent.write_text(
        f"GAMESERVER_AGENT_ORCHESTRATOR_URL=http://127.0.0.1:{port}\nGAMESERVER_AGENT_TOKEN={token}\n"
        f"GAMESERVER_AGENT_PORT={agents_port}\nGAMESERVER_AGENT_HOST=127.0.0.1\nGAMESERVER_AGENT_NAME=host7\n"
        f"GAMESERVER_AGENT_DOCKER_HOST={docker_engine.url}\nGAMESERVER_AGENT_DATA={data / 'data'}\n"
        f"GAMESERVER_AGENT_SEAT_FOLDERS={machine.root / 'seats'}\n"
        f"GAMESERVER_AGENT_SEAT_RUNTIME={machine.root / 'runtime'}\n"
    )
    joined = machine.deploy("agent", "--settings", str(agent))
    assert joined.returncode == 0, joined.stdout + joined.stderr
    assert "host7" in machine.orchestrator("hosts", "list")
    hosts_agent = machine.runs("agent")

    # What does not load never gets as far as being started.
    service = "gameserver_agent/service.py"
    machine.change(service, "import asyncio\n", "import asyncio\nimport nothing_of_that_name\n")
    broken = machine.deploy("agent")
    assert broken.returncode == 1
    assert "nothing_of_that_name" in broken.stderr
    assert machine.runs("agent") == hosts_agent

    # A release of which the agent loads and does not start: it is taken back, while at the same time the replica, which
    # is well, takes over. Of packages that have not changed there is one copy.
    machine.change(service, "import nothing_of_that_name\n", "")
    machine.change(service, _START, f"{_START}    raise RuntimeError('not today')\n")
    with ThreadPoolExecutor(2) as both:
        ill, new = both.map(machine.deploy, ("agent", "orchestrator"))
    assert ill.returncode == 1, ill.stdout
    assert "not today" in ill.stderr
    assert f"{hosts_agent[0]} runs again, and is well." in ill.stderr
    version, process = machine.runs("agent")
    assert version == hosts_agent[0]
    assert process != hosts_agent[1]
    assert _is_ready(agents_port)
    assert new.returncode == 0, new.stdout + new.stderr
    version, process = machine.runs("orchestrator")
    assert version != running[0]
    assert process != running[1]
    assert "not today" in (machine.base("orchestrator") / "current" / service).read_text()
    assert len(list((machine.base("orchestrator") / "environments").iterdir())) == 1
    assert _is_ready(port)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as response:
        return response.status == 200


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
