"""Starts engine, game, replica and agent in this order, watches them, and stops them the other way round.

The agent goes first, while the replica still takes its last saves; then the replica; then the engine. Replica and agent
are programs of their own, as in the cluster shape: each has its log, its memory and its crash; Ctrl-C reaches neither.
"""

import asyncio
import http.client
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from migrations import migrate
from orchestrator.catalog.definition import load_definition
from orchestrator.catalog.images import inspect_image
from orchestrator.embedded import agent, people
from orchestrator.embedded.address import Address
from orchestrator.embedded.engine import open_engine
from orchestrator.embedded.errors import PartFailed
from orchestrator.embedded.game import DEMO, build_image
from orchestrator.embedded.people import SignIn
from orchestrator.embedded.program import Program, Start
from orchestrator.embedded.terminal import Terminal
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings

REPLICA_READY_WITHIN_S = 60.0
AGENT_READY_WITHIN_S = 120.0
AGENT_STOPS_WITHIN_S = 13.5
REPLICA_STOPS_WITHIN_S = 3.0
FAILURES_AT_START = 3
POLL_S = 0.05


@dataclass(frozen=True)
class Playground:
    """What is running, for the person who started it."""

    url: str
    sign_in: SignIn


@asynccontextmanager
async def playground(settings: Settings, address: Address, terminal: Terminal) -> AsyncGenerator[Playground]:
    """Everything up and ready inside the block; everything stopped after it. Raises what `errors` names."""
    data = settings.data.absolute()
    async with AsyncExitStack() as stack:
        migrating = asyncio.create_task(migrate(settings.database_url))
        try:
            engine = await stack.enter_async_context(open_engine(data, terminal.say))
        finally:
            await asyncio.wait({migrating})
        migrating.result()
        services = await stack.enter_async_context(open_services(settings))
        replica = await stack.enter_async_context(_replica(settings, address, data, terminal))
        definition = load_definition(DEMO / "game.toml")
        terminal.begin(definition.title)  # while the replica starts
        is_new = await build_image(DEMO, definition.title, engine.docker_host, terminal.console)
        terminal.done(f"{definition.title}: " + ("built" if is_new else "built before"))
        image = await asyncio.to_thread(inspect_image, definition.build.image, engine.docker_host)
        await services.catalog.add_game(definition, image)
        sign_in = await people.demo_account(services.accounts, data)
        terminal.begin("Starting the replica and the agent")
        host_agent = await stack.enter_async_context(_agent(services, address, engine.docker_host, data, terminal))
        await _replica_ready(address, replica)  # the agent waits for it, too
        await _agent_ready(services, host_agent, data)
        terminal.done("Ready")
        yield Playground(settings.public_url, sign_in)


def replica_environment(settings: Settings, data: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """What the replica gets: `ours`, and what was settled here. A URL that lies in a file is left there."""
    settled = {
        "ORCHESTRATOR_DATA": str(data),
        "ORCHESTRATOR_PUBLIC_URL": settings.public_url,
        "ORCHESTRATOR_DRAIN_S": "0",  # who ends it here waits for it
    }
    if settings.database_url_file is None:
        settled["ORCHESTRATOR_DATABASE_URL"] = settings.database_url
    return {**ours, **settled}


def _replica(settings: Settings, address: Address, data: Path, terminal: Terminal) -> Program:
    words = (sys.executable, "-m", "orchestrator", "serve", "--host", address.host, "--port", str(address.port))
    environment = replica_environment(settings, data, os.environ)

    async def prepare(_: int | None) -> Start:
        return Start(words, environment)

    log = data / "logs" / "replica.log"
    return Program("replica", prepare, log, terminal.say, stop_within_s=REPLICA_STOPS_WITHIN_S, dies_with_us_by="TERM")


def _agent(services: Services, address: Address, docker_host: str, data: Path, terminal: Terminal) -> Program:
    words = agent.command(address, services.settings.public_url, docker_host, data)
    environment = agent.environment(os.environ)

    async def prepare(last_exit: int | None) -> Start:
        token = await agent.join_token(services.identities, data, last_exit)
        return Start(words, {**environment, "PLAYHOUSE_HOST_TOKEN": token or ""})

    log = data / "logs" / "agent.log"
    # killed, not ended: games then live on, and the next agent takes them over
    return Program("agent", prepare, log, terminal.say, stop_within_s=AGENT_STOPS_WITHIN_S, dies_with_us_by="KILL")


async def _replica_ready(address: Address, replica: Program) -> None:
    await _until(lambda: asyncio.to_thread(_is_ready, address), replica, REPLICA_READY_WITHIN_S)


async def _agent_ready(services: Services, host_agent: Program, data: Path) -> None:
    membership = data / "agent" / "host.json"
    began = time.time()

    async def has_synced() -> bool:
        if not membership.exists():
            return False
        host_id = str(json.loads(membership.read_bytes())["host_id"])
        return any(
            known.host.id == host_id
            and known.is_ready
            and known.host.last_sync_at is not None
            and known.host.last_sync_at.timestamp() >= began - 1
            for known in await services.fleet_overview.hosts()
        )

    await _until(has_synced, host_agent, AGENT_READY_WITHIN_S)


async def _until(holds: Callable[[], Awaitable[bool]], part: Program, within_s: float) -> None:
    """Waits for the condition; raises PartFailed when the part keeps ending, or the time is over."""
    deadline = time.monotonic() + within_s
    while not await holds():
        if part.failures >= FAILURES_AT_START:
            raise PartFailed(f"The {part.name} does not start:\n{part.last_words()}")
        if time.monotonic() > deadline:
            raise PartFailed(f"The {part.name} was not ready within {within_s:.0f} s:\n{part.last_words()}")
        await asyncio.sleep(POLL_S)


def _is_ready(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.local_host, address.port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
