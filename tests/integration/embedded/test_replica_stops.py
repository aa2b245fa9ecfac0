"""A replica that is told to end, as a process: whoever is held for news is let go, and nothing is logged as a bug."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from orchestrator.embedded.logs import tail
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.integration.embedded.conftest import ended
from tests.integration.orchestrator.conftest import ScriptedHost

STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 15.0  # a held request is answered after 25


async def test_a_replica_ends_at_once_though_requests_are_held(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "replica.log"
    async with open_services(settings) as services:
        token = await services.identities.issue_join_token()
    async with _replica(log) as (process, client):
        host = ScriptedHost(client, token)
        revision = (await host.sync()).revision
        url = f"/api/agents/wait?revision={revision}"
        held = [asyncio.create_task(client.get(url, headers=host.headers)) for _ in range(2)]
        gone = asyncio.create_task(client.get(url, headers=host.headers))
        await _arrived(client, len(held) + 1)
        gone.cancel()
        began = time.monotonic()
        process.terminate()
        await ended(process, 60)
        took_s = time.monotonic() - began
        answers = await asyncio.gather(*held)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert took_s < STOPS_WITHIN_S, log.read_text()
    assert "Exception" not in log.read_text()
    assert "Cancel" not in log.read_text()


@asynccontextmanager
async def _replica(log: Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """On the data folder of the environment, ready."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orchestrator", "serve", "--port", str(port)),
            env=os.environ | {"ORCHESTRATOR_DRAIN_S": "0.2"},
            stdout=output,
            stderr=output,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            async with asyncio.timeout(STARTS_WITHIN_S):
                while not await _is_ready(client):
                    assert process.returncode is None, tail(log)
                    await asyncio.sleep(0.05)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).is_success
    except httpx.TransportError:
        return False


async def _arrived(client: httpx.AsyncClient, requests: int) -> None:
    """Returns when that many requests, each on a connection of its own, have gone out and been taken up."""
    for _ in range(requests):
        assert await _is_ready(client)
