"""Calls to the orchestrator when the clocks of both sides disagree, and when it fails."""

import email.utils
import socket
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent_protocol import News
from gameserver_agent.errors import (
    ControlPlaneAwayError,
    ControlPlaneRefusedError,
    ControlPlaneUnreachableError,
    HostRemovedError,
)
from gameserver_agent.orchestrator_client import HostIdentity, OrchestratorClient

KEY = Ed25519PrivateKey.generate()
HOUR_S = 3600.0


@dataclass
class Orchestrator:
    """Takes tokens that are good by its own clock, which it shows."""

    url: str = ""
    ahead_s: float = 0.0
    status: int = 200
    error: str = ""
    bodies: list[bytes] = field(default_factory=list[bytes])
    calls: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.calls += 1
        now_s = time.time() + self.ahead_s
        headers = {"Date": email.utils.formatdate(now_s, usegmt=True)}
        token = request.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(
            token,
            KEY.public_key(),
            ["EdDSA"],
            audience="orchestrator",
            options={"verify_exp": False, "verify_iat": False},
        )
        if not claims["iat"] - 30 <= now_s <= claims["exp"] + 30:
            return web.json_response({"error": "unauthorized", "message": "old"}, status=401, headers=headers)
        self.bodies.append(await request.read())
        return web.json_response(
            {"revision": 7, "versionId": "ver1", "error": self.error}, status=self.status, headers=headers
        )


@pytest.fixture
async def orchestrator() -> AsyncGenerator[Orchestrator]:
    made = Orchestrator()
    app = web.Application(client_max_size=8 * 1024**2)
    app.add_routes([web.route("*", "/{path:.*}", made.answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def client(orchestrator: Orchestrator) -> AsyncGenerator[OrchestratorClient]:
    async with OrchestratorClient(orchestrator.url, time.time) as made:
        made.identity = HostIdentity("hst1", KEY)
        yield made


@pytest.mark.parametrize("ahead_s", [0.0, 3 * HOUR_S, -3 * HOUR_S, 45 * 365 * 24 * HOUR_S])
async def test_no_difference_of_clocks_makes_a_token_invalid(
    orchestrator: Orchestrator, client: OrchestratorClient, ahead_s: float
) -> None:
    orchestrator.ahead_s = ahead_s
    assert await client.wait(3) == News(revision=7)
    assert orchestrator.calls == (1 if ahead_s == 0 else 2)


async def test_a_save_is_sent_whole_when_the_first_token_was_refused(
    orchestrator: Orchestrator, client: OrchestratorClient, tmp_path: Path
) -> None:
    orchestrator.ahead_s = -HOUR_S
    archive = tmp_path / "archive"
    archive.write_bytes(b"save" * 500_000)
    saved = await client.upload_save("ses1", 1, archive, "digest", number=1)
    assert (saved.version_id, saved.size_bytes) == ("ver1", 2_000_000)
    assert [body for body in orchestrator.bodies if body] == [archive.read_bytes()]


async def test_a_refusal_by_a_clock_like_ours_is_final(orchestrator: Orchestrator, client: OrchestratorClient) -> None:
    orchestrator.status = 401
    with pytest.raises(ControlPlaneRefusedError) as refused:
        await client.wait(3)
    assert refused.value.status == 401
    assert orchestrator.calls == 1


async def test_a_host_that_was_removed_is_told_apart_from_one_that_is_not_known(
    orchestrator: Orchestrator, client: OrchestratorClient
) -> None:
    orchestrator.status = 401
    for error, is_removed in (("unauthorized", False), ("host_removed", True)):
        orchestrator.error = error
        with pytest.raises(ControlPlaneRefusedError) as refused:
            await client.wait(3)
        assert isinstance(refused.value, HostRemovedError) is is_removed


async def test_a_store_that_fails_may_be_better_later(
    orchestrator: Orchestrator, client: OrchestratorClient, tmp_path: Path
) -> None:
    (tmp_path / "archive").write_bytes(b"save")
    for status in (500, 503, 429):
        orchestrator.status = status
        with pytest.raises(ControlPlaneUnreachableError) as error:
            await client.upload_save("ses1", 1, tmp_path / "archive", "digest", number=1)
        assert not isinstance(error.value, ControlPlaneAwayError), "other calls may get through"
    orchestrator.status = 200
    await client.upload_save("ses1", 1, tmp_path / "archive", "digest", number=1)


async def test_a_picture_is_sent_as_it_is(orchestrator: Orchestrator, client: OrchestratorClient) -> None:
    await client.upload_picture("ver1", b"jpeg")
    assert orchestrator.bodies == [b"jpeg"]


async def test_where_no_connection_comes_about_nothing_else_gets_through_either(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"save")
    async with OrchestratorClient(f"http://127.0.0.1:{closed_port()}", time.time) as client:
        client.identity = HostIdentity("hst1", KEY)
        with pytest.raises(ControlPlaneAwayError):
            await client.upload_save("ses1", 1, tmp_path / "archive", "digest", number=1)


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
