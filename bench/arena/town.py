"""Replicas, the proxy before them, a tenant with its sessions, and the processes that play."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.arena.crowd import Plan
from matches.values import Game
from orchestrator.services import open_services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan as TenantPlan

READY_WITHIN_S = 90.0
_AT_ONCE = 16
_ANSWER = 2**28  # bytes of a line that a crowd may answer with

_PROXY = """
global
    maxconn 9000
defaults
    mode http
    retries 2
    option redispatch
    timeout connect 1s
    timeout client 90s
    timeout server 90s
    timeout tunnel 1h
    timeout check 5s
frontend everybody
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /health/ready
    # Who polls comes to the replica that gave them their sid.
    stick-table type string len 64 size 100k expire 2h
    stick match url_param(sid)
    stick store-response res.cook(io)
"""


class Replica:
    """One `orchestrator serve`, always on the same port."""

    def __init__(self, settings: Settings) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {
            "ORCHESTRATOR_DATA": str(settings.data),
            "ORCHESTRATOR_DATABASE_URL": settings.database_url,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it can serve."""
        command = (sys.executable, "-m", "orchestrator", "serve", "--port", str(self.port))
        self._process = await asyncio.create_subprocess_exec(
            *command, env=self._environment, stderr=asyncio.subprocess.DEVNULL
        )
        await _until_ready(self.url, self._process)

    @property
    def cpu_s(self) -> float:
        assert self._process is not None, "it was started"
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    async def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()


class CrowdProcess:
    """A crowd elsewhere: `do` has it do something, and gives back what it says of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def do(self, what: str, **how: Any) -> dict[str, Any]:
        assert self._process.stdout is not None
        await self.tell(do=what, **how)
        answer = await self._process.stdout.readline()
        assert answer, f"a crowd ended while it should {what}"
        return json.loads(answer)


class Crowds:
    def __init__(self, crowds: Sequence[CrowdProcess]) -> None:
        self._crowds = crowds

    async def do(self, what: str, **how: Any) -> list[dict[str, Any]]:
        """All of them at once."""
        return list(await asyncio.gather(*(crowd.do(what, **how) for crowd in self._crowds)))

    async def play(self, seconds: float, per_s: float) -> list[dict[str, Any]]:
        """So many moves a second in all."""
        return await self.do("play", seconds=seconds, per_s=per_s / len(self._crowds))


@asynccontextmanager
async def crowds(url: str, plans: Sequence[Plan], processes: int) -> AsyncGenerator[Crowds]:
    """Processes that play these matches, every one its share."""
    async with AsyncExitStack() as stack:
        made: list[CrowdProcess] = []
        for number in range(processes):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.arena.crowd"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_ANSWER,
            )
            stack.push_async_callback(_ended, process)
            crowd = CrowdProcess(process)
            share = [asdict(plan) for plan in plans[number::processes]]
            await crowd.tell(url=url, plans=share, at_once=_AT_ONCE)
            made.append(crowd)
        yield Crowds(made)


@asynccontextmanager
async def proxied(replicas: Sequence[Replica], folder: Path) -> AsyncGenerator[str]:
    """HAProxy before these replicas: where it listens. Who polls stays with one of them."""
    port, file = free_port(), folder / "haproxy.cfg"
    servers = "".join(
        f"    server r{number} 127.0.0.1:{replica.port} check inter 500ms fall 3 rise 1\n"
        for number, replica in enumerate(replicas)
    )
    file.write_text(_PROXY.format(port=port) + servers)
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    process = await asyncio.create_subprocess_exec("haproxy", "-db", "-q", "-f", file, env={"PATH": path})
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, process)
        yield url
    finally:
        await _ended(process)


async def tenants_key(settings: Settings) -> str:
    """The live key of a new tenant."""
    async with open_services(settings) as services:
        live, _ = await services.tenant_keys.create("Acme Games", TenantPlan.ENTERPRISE, [])
    return live.secret


async def sessions(url: str, key: str, matches: int, polling_each: int | None) -> tuple[list[Plan], float]:
    """So many sessions of two players each, of the four games in turn; every so many-th pair polls. Also how many were
    made a second.
    """
    games, plans, waiting = list(Game), list[Plan](), list(range(matches))

    async def make(client: aiohttp.ClientSession) -> None:
        while waiting:
            number = waiting.pop()
            game, players = games[number % len(games)].value, (f"a{number}", f"b{number}")
            body = {"game": game, "matchType": "private", "players": [{"id": player} for player in players]}
            async with client.post(f"{url}/v1/sessions", json=body) as answer:
                assert answer.status == 201, await answer.text()
                made = await answer.json()
            is_polling = polling_each is not None and number % polling_each == 0
            plans.append(Plan(made["sessionId"], made["sessionToken"], game, players, is_polling))

    began_s = time.monotonic()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client:
        await asyncio.gather(*(make(client) for _ in range(8)))
    return plans, matches / (time.monotonic() - began_s)


async def _until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as client:
        while True:
            assert process.returncode is None, "it ended by itself"
            with suppress(aiohttp.ClientError):
                async with client.get(f"{url}/health/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
