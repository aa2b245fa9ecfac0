"""`orchestrator doctor` on what is really there, and really broken."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from diagnosis import looking
from diagnosis.looking import answer_of, days_of_certificate, trouble_of_connection, trouble_of_relay
from orchestrator.cli import main
from orchestrator.database import Database
from orchestrator.doctor import gathering
from orchestrator.doctor.gathering import gather
from orchestrator.embedded.lock import sole_holder
from orchestrator.saves.folder_store import FolderStore
from orchestrator.settings import Settings
from tests.certificates import trusted
from tests.conftest import only_on

_AS_NOBODY = """
import os
from orchestrator.cli import main
from orchestrator.doctor import gathering, rules
os.setgroups([]), os.setgid(65534), os.setuid(65534)
main(["doctor"])
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is slow; who does not answer here refuses at once."""
    monkeypatch.setattr(looking, "DEADLINE_S", 60.0)
    monkeypatch.setattr(gathering, "_ENGINE_DEADLINE_S", 60)
    monkeypatch.setattr(gathering, "_PATIENCE_S", 60.0)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody answers while it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


async def test_a_database_that_is_there_is_well(settings: Settings, nobody: str) -> None:
    facts = await gather(settings.model_copy(update={"public_url": f"http://{nobody}"}))
    assert facts.database.trouble == ""
    assert facts.database.is_current
    assert abs(facts.database.skew) < timedelta(seconds=60)
    assert (facts.store_trouble, facts.data_trouble, facts.database.ready_hosts) == ("", "", 0)
    assert facts.public_status is None
    assert facts.public_trouble


async def test_what_is_not_migrated_is_told_so(empty_database_url: str, settings: Settings, nobody: str) -> None:
    database = Database(empty_database_url)
    async with database.write():
        pass
    await database.close()
    asked = settings.model_copy(update={"database_url": empty_database_url, "public_url": f"http://{nobody}"})
    facts = (await gather(asked)).database
    assert (facts.trouble, facts.is_current, facts.revision) == ("", False, None)
    assert facts.head


@only_on("sqlite")
async def test_what_does_not_answer_is_told_in_its_own_words(settings: Settings, nobody: str) -> None:
    asked = settings.model_copy(
        update={
            "database_url": f"postgresql+asyncpg://me:hidden@{nobody}/play?password=hidden",
            "public_url": f"http://{nobody}",
            "registry": f"{nobody}/games",
            "turn_urls": (f"turn:{nobody}?transport=tcp",),
            "smtp_url": SecretStr(f"smtp+plain://{nobody}"),
            "mail_from": "play@example.org",
        }
    )
    facts = await gather(asked)
    troubles = (
        facts.database.trouble,
        facts.registry_trouble,
        facts.mail_trouble,
        facts.relays[0][1],
        facts.public_trouble,
    )
    assert all(troubles), troubles
    assert "hidden" not in repr(facts)


async def test_beside_make_play_its_address_is_asked_unless_another_was_given(
    nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_PUBLIC_URL", raising=False)
    with sole_holder(tmp_path, 8017, f"http://{nobody}"):
        played = await gather(Settings(data=tmp_path))
        given = await gather(Settings(data=tmp_path, public_url=f"http://{nobody}/given"))
    assert (played.public_url, given.public_url) == (f"http://{nobody}", f"http://{nobody}/given")


@only_on("sqlite")
def test_the_command_names_what_is_broken_and_fails(settings: Settings, nobody: str, tmp_path: Path) -> None:
    environment = {"ORCHESTRATOR_DATA": str(tmp_path / "nothing"), "ORCHESTRATOR_PUBLIC_URL": f"http://{nobody}"}
    result = CliRunner().invoke(main, ["doctor"], env=environment)
    assert result.exit_code == 1
    assert "broken  database" in result.output
    assert "orchestrator migrate" in result.output
    assert "orchestrator serve" in result.output
    assert not (tmp_path / "nothing").exists()


@only_on("sqlite")
def test_a_user_who_may_not_enter_the_data_folder_is_told_whose_it_is_to_ask(
    settings: Settings, nobody: str, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    environment = {"ORCHESTRATOR_DATA": str(closed / "data"), "ORCHESTRATOR_PUBLIC_URL": f"http://{nobody}"}
    words = (sys.executable, "-c", _AS_NOBODY)
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "cannot be entered by this user" in ended.stdout
    assert "Run it as the replica's user" in ended.stdout
    assert "there is no such file" not in ended.stdout


@only_on("sqlite")
async def test_a_database_that_says_nothing_is_told_so(
    settings: Settings, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+asyncpg://me@127.0.0.1:{silent.getsockname()[1]}/play"
        facts = await gather(settings.model_copy(update={"database_url": url, "public_url": f"http://{nobody}"}))
    assert facts.database.trouble.startswith("nothing came within ")


@only_on("sqlite")
async def test_a_store_that_does_not_give_back_keeps_nothing_of_the_doctors(
    settings: Settings, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(self: FolderStore, key: str) -> AsyncIterator[bytes]:
        assert [file for file in folder.rglob("*") if file.is_file()]
        raise OSError("this disk is broken")
        yield b""

    folder = settings.data / "saves"
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(FolderStore, "read", read)
    facts = await gather(settings.model_copy(update={"public_url": f"http://{nobody}"}))
    assert "broken" in facts.store_trouble
    assert [file for file in folder.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("address", ["mail..x", "127.0.0.1:70000"])
async def test_an_address_that_is_none_is_told_so(address: str) -> None:
    host, _, port = address.partition(":")
    assert await trouble_of_connection(host, int(port or 25))
    assert await trouble_of_relay(f"turn:{address}")
    assert await trouble_of_relay(f"turns:{address}")
    assert (await answer_of(f"http://{address}/")).trouble
    assert await days_of_certificate(f"https://{address}") is None


@pytest.mark.parametrize("date", ["Mon, 30 Nov 2020 14:00:00 -0000", "Mon, 30 Nov 2020 14:00:00 GMT", "yesterday"])
async def test_an_answer_is_one_whatever_its_date_says(date: str) -> None:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answering, "127.0.0.1", 0) as server:
        answer = await answer_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert answer.status == 200
    assert (answer.skew is None) == (date == "yesterday")
    assert answer.skew is None or answer.skew > timedelta(days=365)


class Stun(asyncio.DatagramProtocol):
    """Answers a binding request with its own transaction id (RFC 8489)."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(b"\x01\x01\x00\x00" + data[4:20], addr)


@pytest.fixture
async def stun() -> AsyncGenerator[int]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Stun, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


async def test_a_relay_that_answers_is_heard(stun: int, nobody: str) -> None:
    assert await trouble_of_relay(f"stun:127.0.0.1:{stun}") == ""
    assert await trouble_of_relay(f"turn:127.0.0.1:{stun}?transport=udp") == ""
    assert await trouble_of_relay(f"turn:{nobody}?transport=tcp") != ""


class Live(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server whose certificate ends in ten days, trusted here."""
    context = trusted("localhost", tmp_path, monkeypatch, lasts=timedelta(days=10))
    server = HTTPServer(("127.0.0.1", 0), Live)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


async def test_the_days_of_a_certificate_are_read(secure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    days = await days_of_certificate(secure)
    assert days is not None
    assert 9 < days < 10.1
    monkeypatch.delenv("SSL_CERT_FILE")
    assert await days_of_certificate(secure) is None
    answer = await answer_of(secure)
    assert (answer.status, answer.is_distrusted) == (None, True)
