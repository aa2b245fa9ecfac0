"""A thousand simulated agents on one replica: what they cost it, and how soon an order reaches one.

They are one light client that says what real agents say when nothing happens: a sync at the interval that the replica
asks for, and a wait that is always held.
"""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from agent_protocol import Capacity, HostImage, SyncRequest, Usage
from bench.fleet.town import GIB, IMAGE_ID, SEATS, SLUG, SimulatedHost, add_game, add_hosts, add_people
from bench.results import Row, percentile
from orchestrator.accounts import tokens
from orchestrator.services import open_services
from orchestrator.settings import Settings

AGENTS = 1000
LAUNCHES = 200
LAUNCHES_AT_ONCE = 8
ORDERS = 100
SETTLES_S = 15.0
WATCHED_S = 30.0
READY_WITHIN_S = 60.0
TOKEN_LASTS_S = 40.0
UNAVAILABLE = 503
RETRIES_AFTER_S = 1.0


class LightAgent:
    """One simulated agent. `ordered_at_s` says when each session was first heard of, by the monotonic clock."""

    def __init__(self, host: SimulatedHost, client: aiohttp.ClientSession, ordered_at_s: dict[str, float]) -> None:
        self._host = host
        self._client = client
        self._ordered_at_s = ordered_at_s
        self._seq = 0
        self._signed_s = -TOKEN_LASTS_S
        self._authorization = ""
        self._revision = 0
        self._news = asyncio.Event()
        self.syncs = 0
        self.refused = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sync())
            tasks.create_task(self._wait())

    async def _sync(self) -> None:
        while True:
            self._news.clear()
            self._seq += 1
            async with self._client.post("/api/agents/sync", data=self._report(), headers=self._headers()) as answer:
                if answer.status == UNAVAILABLE:  # as an agent does: again, a moment later
                    self.refused += 1
                    await asyncio.sleep(RETRIES_AFTER_S)
                    continue
                assert answer.status == 200, await answer.text()
                content = json.loads(await answer.read())
            self._hear(content["sessions"])
            self.syncs += 1
            self._revision = content["revision"]
            try:
                async with asyncio.timeout(content["next_sync_ms"] / 1000):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _wait(self) -> None:
        while True:
            known = self._revision
            url = f"/api/agents/wait?revision={known}"
            async with self._client.get(url, headers=self._headers()) as answer:
                if answer.status == UNAVAILABLE:
                    self.refused += 1
                    await asyncio.sleep(RETRIES_AFTER_S)
                    continue
                assert answer.status == 200, await answer.text()
                content = json.loads(await answer.read())
            if content["revision"] > self._revision:
                self._revision = content["revision"]
                self._hear(content["sessions"])
                self._news.set()

    def _hear(self, orders: Sequence[Mapping[str, object]]) -> None:
        heard_s = time.monotonic()
        for order in orders:
            self._ordered_at_s.setdefault(str(order["session_id"]), heard_s)

    def _report(self) -> str:
        return SyncRequest(
            incarnation=1,
            seq=self._seq,
            public_url="http://127.0.0.1:9100",
            images=(HostImage(image_id=IMAGE_ID, size_bytes=GIB),),
            capacity=Capacity(
                cpu_cores=4.0 * SEATS, memory_bytes=4 * GIB * SEATS, seats=SEATS, disk_free_bytes=100 * GIB
            ),
            usage=Usage(cpu_cores=0.5, memory_bytes=GIB),
        ).model_dump_json()

    def _headers(self) -> dict[str, str]:
        if time.monotonic() - self._signed_s > TOKEN_LASTS_S:
            self._signed_s, self._authorization = time.monotonic(), self._host.authorization()
        return {"Authorization": self._authorization, "Content-Type": "application/json"}


async def measure(settings: Settings, agents: int = AGENTS) -> list[Row]:
    async with open_services(settings) as services:
        await add_game(services)
        hosts = await add_hosts(services.database, agents)
        people = await add_people(services, LAUNCHES + ORDERS)
    async with (
        _replica(settings) as (url, process_id),
        aiohttp.ClientSession(
            url, connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(60)
        ) as client,
    ):
        ordered_at_s: dict[str, float] = {}
        fleet = [LightAgent(host, client, ordered_at_s) for host in hosts]
        tasks = [asyncio.create_task(_after(agent, number, agents)) for number, agent in enumerate(fleet)]
        try:
            await asyncio.sleep(SETTLES_S)
            before_s, began_s, syncs = _cpu_s(process_id), time.monotonic(), sum(agent.syncs for agent in fleet)
            await asyncio.sleep(WATCHED_S)
            took_s = time.monotonic() - began_s
            share = 100 * (_cpu_s(process_id) - before_s) / took_s
            syncs_per_s = (sum(agent.syncs for agent in fleet) - syncs) / took_s
            assert not any(task.done() for task in tasks), next(task for task in tasks if task.done())
            orders_ms = await _orders_ms(url, people[:ORDERS], ordered_at_s)
            launches_per_s = await _launches_per_s(url, people[ORDERS:])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return [
        Row("agents1000_replica_cpu_pct", share, "%", "<= 50"),
        Row("agents1000_syncs_per_s", syncs_per_s, "1/s"),
        Row("agents1000_refused", sum(agent.refused for agent in fleet), "", "0"),
        Row("order_at_agent_p95_ms", percentile(orders_ms, 0.95), "ms", "<= 50"),
        Row("order_at_agent_p50_ms", percentile(orders_ms, 0.50), "ms"),
        Row("launches_per_s_http", launches_per_s, "1/s"),
    ]


async def _after(agent: LightAgent, number: int, agents: int) -> None:
    await asyncio.sleep(10.0 * number / agents)  # not all at one instant
    await agent.run()


async def _orders_ms(url: str, people: Sequence[str], ordered_at_s: dict[str, float]) -> list[float]:
    """From each launch's 202 to its order in the hands of an agent, one launch after the other."""
    took_ms: list[float] = []
    async with aiohttp.ClientSession(url) as client:
        for cookie in people:
            session_id = await _launch(client, url, cookie)
            answered_s = time.monotonic()
            async with asyncio.timeout(30):
                while session_id not in ordered_at_s:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.001)
            took_ms.append(1000 * max(0.0, ordered_at_s[session_id] - answered_s))
    return took_ms


async def _launches_per_s(url: str, people: Sequence[str]) -> float:
    waiting = list(people)

    async def work(client: aiohttp.ClientSession) -> None:
        while waiting:
            await _launch(client, url, waiting.pop())

    began_s = time.monotonic()
    async with aiohttp.ClientSession(url) as client:
        await asyncio.gather(*(work(client) for _ in range(LAUNCHES_AT_ONCE)))
    return len(people) / (time.monotonic() - began_s)


async def _launch(client: aiohttp.ClientSession, url: str, cookie: str) -> str:
    headers = {"Origin": url, "Cookie": f"{tokens.COOKIE}={cookie}"}
    async with client.post("/api/game/launch", json={"gameSlug": SLUG}, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["sessionId"])


@asynccontextmanager
async def _replica(settings: Settings) -> AsyncGenerator[tuple[str, int]]:
    """One `orchestrator serve` on the settings' database: its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "serve", "--port", str(port)),
        env=os.environ
        | {
            "ORCHESTRATOR_DATA": str(settings.data),
            "ORCHESTRATOR_DATABASE_URL": settings.database_url,
            "ORCHESTRATOR_PUBLIC_URL": url,
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession(url) as client:
            while not await _is_ready(client):
                assert process.returncode is None, "the replica ended by itself"
                await asyncio.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        await process.wait()


async def _is_ready(client: aiohttp.ClientSession) -> bool:
    try:
        async with client.get("/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _cpu_s(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
