"""A replica whose secrets lie in files, and what others on its machine and readers of its log see of them."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from orchestrator.settings import Settings
from tests.conftest import only_on

DEADLINE_S = 90
_MARK = "ReplicasSecret"


@only_on("postgresql")
def test_no_secret_of_a_replica_is_in_a_command_line_its_log_or_an_answer(settings: Settings, tmp_path: Path) -> None:
    own, closed = _held_port(), _held_port()
    port, nobody = own.getsockname()[1], closed.getsockname()[1]
    secrets = {
        "DATABASE_URL": settings.database_url.replace("@/", f":Database{_MARK}@/"),
        "SMTP_URL": f"smtps://post:Mail{_MARK}@127.0.0.1:{nobody}",
        "GOOGLE_CLIENT_SECRET": f"Google{_MARK}",
        "TURN_SECRET": f"Relay{_MARK}",
    }
    assert all(_MARK in secret for secret in secrets.values())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    environment |= {
        "ORCHESTRATOR_DATA": str(settings.data),
        "ORCHESTRATOR_DRAIN_S": "0",
        "ORCHESTRATOR_MAIL_FROM": "play@example.org",
        "ORCHESTRATOR_GOOGLE_CLIENT_ID": "client",
        "ORCHESTRATOR_GOOGLE_ISSUER": f"https://127.0.0.1:{nobody}",
        "ORCHESTRATOR_TURN_URLS": "turn:127.0.0.1:3478",
    }
    for name, secret in secrets.items():
        file = tmp_path / name
        file.touch(mode=0o600)
        file.write_text(f"{secret}\n")
        environment[f"ORCHESTRATOR_{name}_FILE"] = str(file)
    log = tmp_path / "log"
    words = (sys.executable, "-m", "orchestrator", "serve", "--port", str(port))
    with log.open("wb") as output:
        replica = subprocess.Popen(words, env=environment, stdout=output, stderr=output)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as client:
            _until(lambda: _is_ready(client), replica, log)
            _use_what_needs_them(client)
            _until(lambda: "mail.away" in log.read_text(), replica, log)
            seen = _command_lines()
            told = client.get("/schema/openapi.json").content + client.get("/health/ready").content
    finally:
        replica.terminate()
        replica.wait(DEADLINE_S)
        own.close()
        closed.close()
    assert b"--port" in seen[f"{replica.pid}"]
    mark = _MARK.encode()
    assert not [name for name, content in seen.items() if mark in content]
    assert mark not in log.read_bytes()
    assert mark not in told


def _held_port() -> socket.socket:
    """A port that nobody gets and nobody listens on, but who means to and asks for it by its number."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _until(holds: Callable[[], bool], replica: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert replica.poll() is None, log.read_text()
        assert time.monotonic() < give_up_at, log.read_text()
        time.sleep(0.05)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _use_what_needs_them(client: httpx.Client) -> None:
    """A letter that no server takes, and a provider that does not answer."""
    found = re.search(r'name="csrfToken" value="([0-9a-f]{64})"', client.get("/register").text)
    assert found is not None
    person = {"email": "ada@example.org", "password": "correct horse battery", "name": "Ada", "csrfToken": found[1]}
    assert client.post("/api/auth/register", data=person).status_code in {200, 201, 302, 303}
    begun = client.get("/api/auth/signin/google")
    assert begun.headers["location"].startswith("/signin?error=OAuthCallback"), begun.text


def _command_lines() -> dict[str, bytes]:
    """Of every process that this machine has now."""
    found: dict[str, bytes] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                found[folder.name] = (folder / "cmdline").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
    return found
