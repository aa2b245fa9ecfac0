"""Two real replicas on one PostgreSQL, and people and hosts that turn to either."""

import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import psutil

from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.ids import new_id
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost

_START_TIMEOUT_S = 90


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Replica:
    """One `orchestrator serve`."""

    def __init__(self, settings: Settings) -> None:
        self._port = str(free_port())
        self.url = f"http://127.0.0.1:{self._port}"
        self._environment = os.environ | {
            "ORCHESTRATOR_DATA": str(settings.data),
            "ORCHESTRATOR_DATABASE_URL": settings.database_url,
            "ORCHESTRATOR_DRAIN_S": str(settings.drain_s),
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it can serve."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orchestrator", "serve", "--port", self._port),
            env=self._environment,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(_START_TIMEOUT_S), httpx.AsyncClient(timeout=60) as client:
            while True:
                assert self._process.returncode is None, "the replica ended by itself"
                try:
                    if (await client.get(f"{self.url}/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    def has_child(self, argument: str) -> bool:
        """Whether it runs a process that was started with this argument."""
        assert self._process is not None, "it was started"
        children = psutil.Process(self._process.pid).children()
        return any(argument in child.cmdline() for child in children)

    async def end(self) -> None:
        """As a service manager does it: SIGTERM. Returns when it is gone."""
        assert self._process is not None, "it was started"
        self._process.terminate()
        async with asyncio.timeout(_START_TIMEOUT_S):
            await self._process.wait()
        self._process = None

    async def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


@dataclass
class House:
    """`services` look at the same database from outside; they answer nobody and run no loop."""

    settings: Settings
    services: Services
    a: Replica
    b: Replica
    closing: AsyncExitStack

    def browser(self, replica: Replica) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=replica.url, timeout=60)
        self.closing.push_async_callback(client.aclose)
        return client

    async def person(self, name: str = "ada") -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        """A new person, signed in at each of the two."""
        async with self.services.database.write() as session:
            row = AccountRow(
                id=new_id("clx"),
                email=f"{name}@example.org",
                name=name,
                role=Role.PLAYER,
                state=AccountState.ACTIVE,
                created_at=await self.services.database.now(session),
            )
            session.add(row)
        account = Account(row.id, row.email, row.name, None, row.role)
        browsers = self.browser(self.a), self.browser(self.b)
        for browser in browsers:
            browser.cookies.set(tokens.COOKIE, await self.services.accounts.issue_token(account))
        return browsers

    async def host(self, replica: Replica, *, cpu_cores: float = 100.0) -> ScriptedHost:
        """A host with four seats that is ready, and speaks to this replica."""
        token = await self.services.identities.issue_join_token()
        host = ScriptedHost(self.browser(replica), token, cpu_cores=cpu_cores)
        await host.sync()
        return host

    def turn_to(self, host: ScriptedHost, replica: Replica) -> None:
        host.client = self.browser(replica)
