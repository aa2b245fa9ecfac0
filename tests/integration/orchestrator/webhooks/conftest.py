"""Webhooks on a database, with a clock that a test turns and tenants' servers on this machine."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.notices import Notices
from orchestrator.outside.reach import Reach
from orchestrator.webhooks.dispatcher import Dispatcher
from orchestrator.webhooks.envelope import secret_of
from orchestrator.webhooks.models import WebhookDelivery, WebhookEndpoint
from orchestrator.webhooks.sender import HttpSender, Sender
from orchestrator.webhooks.service import Webhooks, WithSecret
from tests.integration.orchestrator.webhooks.receiver import Receiver, receiving

TENANT, OTHER = "tna", "tnb"
REACH = Reach([ip_network("127.0.0.1/32")])
SECRETS = partial(secret_of, b"a house's own secret")


@dataclass
class Scene:
    """`time` is the database's, until a test moves it."""

    database: Database
    sender: Sender = field(default_factory=lambda: HttpSender(REACH))
    notices: Notices = field(default_factory=Notices)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.database, self.notices, REACH, SECRETS)
        self.dispatcher = self.replica(self.sender)

    def replica(self, sender: Sender, database: Database | None = None) -> Dispatcher:
        """Another one that delivers."""
        return Dispatcher(database or self.database, self.notices, sender, SECRETS, lambda: 0.5)

    async def now(self, _session: AsyncSession) -> datetime:
        return self.time

    async def endpoint(self, receiver: Receiver, tenant_id: str = TENANT, **more: Any) -> WithSecret:
        options: dict[str, Any] = {"retries": 3, **more}
        return await self.webhooks.add(tenant_id, receiver.url, **options)

    async def happens(self, session_id: str, number: int = 1, tenant_id: str = TENANT, **more: Any) -> None:
        async with self.database.write() as session:
            await self.enqueue(session, session_id, number, tenant_id, **more)

    async def enqueue(
        self, session: AsyncSession, session_id: str, number: int = 1, tenant_id: str = TENANT, **more: Any
    ) -> None:
        what: dict[str, Any] = {"event": "game.move", "game": "chess", "mode": "live", "data": {"number": number}}
        what = {**what, "at": self.time, **more}
        await self.webhooks.enqueue(session, tenant_id=tenant_id, session_id=session_id, **what)

    async def passes(self, span: timedelta, step: timedelta = timedelta(minutes=1)) -> None:
        """Time goes by, and what becomes due is sent."""
        until = self.time + span
        while self.time < until:
            self.time += min(step, until - self.time)
            await self.dispatcher.round()

    async def log(self) -> list[WebhookDelivery]:
        """All that was written down, in its order."""
        async with self.database.read() as session:
            return list(await session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.number)))

    async def look(self, endpoint: WithSecret) -> WebhookEndpoint:
        """The endpoint as it is now."""
        async with self.database.read() as session:
            found = await session.get(WebhookEndpoint, endpoint.endpoint.id)
        assert found is not None
        return found

    async def states(self) -> list[str]:
        return [row.state for row in await self.log()]


@pytest.fixture
async def scene(database: Database, monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene(database)
    monkeypatch.setattr(database, "now", scene.now)
    return scene


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*replicas: Dispatcher) -> AsyncGenerator[None]:
    """As beside the requests; what is due already is sent as well."""
    tasks = [asyncio.create_task(replica.run()) for replica in replicas]
    await asyncio.sleep(0)  # they listen
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
