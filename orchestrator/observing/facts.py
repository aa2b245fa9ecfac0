"""Gauges that are facts of the database, read when somebody scrapes: a few queries, each of one row for each state, and
at most once in `FRESH_S` however many ask.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from metering import Meter, Metric
from orchestrator.arena.models import ArenaMatch
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.fleet.host_life import LOST_AFTER_LEASE, HostState
from orchestrator.fleet.models import Host
from orchestrator.observing import table
from orchestrator.play.lifecycle import ACTIVE, ON_HOST
from orchestrator.play.models import Session
from orchestrator.saves.watch import StoreWatch
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

FRESH_S = 5.0
MOST_DUE = 1000

_ACTIVE = [position.value for position in ACTIVE]
_ON_HOST = {position.value for position in ON_HOST}


@dataclass(frozen=True, slots=True)
class Reserved:
    """What sessions on hosts take."""

    seats: float = 0.0
    cpu_cores: float = 0.0
    memory_bytes: float = 0.0


class Facts:
    """One for each replica."""

    def __init__(self, database: Database, store_watch: StoreWatch, meter: Meter) -> None:
        self._database = database
        self._store_watch = store_watch
        self._meter = meter
        self._looking = asyncio.Lock()
        self._looked_s: float | None = None

    async def look(self) -> None:
        """Bring the gauges up to date. While the database is away they stay as they were, and `playhouse_database_up`
        says so.
        """
        async with self._looking:
            clock_s = asyncio.get_running_loop().time
            if self._looked_s is not None and clock_s() - self._looked_s < FRESH_S:
                return
            self._meter.set(table.STORE_UP, float(await self._store_watch.state() == "ok"))
            try:
                async with self._database.read() as session:
                    now = await self._database.now(session)
                    reserved = await self._sessions(session, now)
                    await self._hosts(session, now, reserved)
                    await self._webhooks(session, now)
                    going_on = select(func.count()).select_from(ArenaMatch).where(ArenaMatch.ended_at.is_(None))
                    self._meter.set(table.ARENA_MATCHES, await session.scalar(going_on) or 0)
            except DatabaseUnavailable:
                self._meter.set(table.DATABASE_UP, 0)
            else:
                self._meter.set(table.DATABASE_UP, 1)
            self._looked_s = clock_s()

    async def _sessions(self, session: AsyncSession, now: datetime) -> Reserved:
        since = func.coalesce(Session.position_since, Session.created_at)
        query = (
            select(
                Session.position,
                Session.is_paused,
                func.count(),
                func.min(since),
                func.sum(Session.reserved_cpu_cores),
                func.sum(Session.reserved_memory_bytes),
            )
            .where(Session.position.in_(_ACTIVE))
            .group_by(Session.position, Session.is_paused)
        )
        counts, oldest_s, paused = dict.fromkeys(_ACTIVE, 0), dict.fromkeys(_ACTIVE, 0.0), 0
        reserved = Reserved()
        for position, is_paused, count, first, cores, memory_bytes in await session.execute(query):
            counts[position] += count
            oldest_s[position] = max(oldest_s[position], (now - first).total_seconds())
            paused += count if is_paused else 0
            if position in _ON_HOST:
                reserved = Reserved(
                    reserved.seats + count,
                    reserved.cpu_cores + float(cores or 0),
                    reserved.memory_bytes + float(memory_bytes or 0),
                )
        for position in _ACTIVE:
            self._meter.set(table.SESSIONS, counts[position], state=position)
            self._meter.set(table.SESSION_OLDEST, oldest_s[position], state=position)
        self._meter.set(table.SESSIONS_PAUSED, paused)
        return reserved

    async def _hosts(self, session: AsyncSession, now: datetime, reserved: Reserved) -> None:
        lease_until = func.coalesce(Host.lease_until, Host.created_at)
        state = case(
            (lease_until <= now - LOST_AFTER_LEASE, HostState.LOST.value),
            (lease_until <= now, HostState.SUSPECT.value),
            (Host.is_draining, HostState.DRAINING.value),
            else_=HostState.READY.value,
        ).label("state")
        capacity = Host.capacity
        query = (
            select(
                state,
                func.count(),
                func.min(Host.last_sync_at),
                func.sum(capacity["seats"].as_float()),
                func.sum(capacity["cpu_cores"].as_float()),
                func.sum(capacity["memory_bytes"].as_float()),
            )
            .where(Host.removed_at.is_(None))
            .group_by(state)
        )
        counts, age_s, ready = dict.fromkeys(HostState, 0), 0.0, Reserved()
        for name, count, heard_at, seats, cores, memory_bytes in await session.execute(query):
            counts[HostState(name)] = count
            if name != HostState.LOST.value and heard_at is not None:
                age_s = max(age_s, (now - heard_at).total_seconds())
            if name == HostState.READY.value:
                ready = Reserved(float(seats or 0), float(cores or 0), float(memory_bytes or 0))
        for each, count in counts.items():
            if each is not HostState.GONE:
                self._meter.set(table.HOSTS, count, state=each.value)
        self._meter.set(table.HEARTBEAT_AGE, age_s)
        for amount, what in (("offered", ready), ("reserved", reserved)):
            for metric, value in _amounts(what):
                self._meter.set(metric, value, amount=amount)

    async def _webhooks(self, session: AsyncSession, now: datetime) -> None:
        is_waiting = (WebhookDelivery.state == DeliveryState.PENDING) & (
            WebhookDelivery.endpoint_id == WebhookEndpoint.id
        )
        first = select(func.min(WebhookDelivery.due_at)).where(is_waiting).scalar_subquery()
        longest = select(func.min(first)).where(WebhookEndpoint.stopped_at.is_(None))
        due_since = await session.scalar(longest)
        lag_s = 0.0 if due_since is None else max(0.0, (now - due_since).total_seconds())
        is_due = is_waiting & (WebhookDelivery.due_at <= now) & WebhookEndpoint.stopped_at.is_(None)
        some = select(WebhookDelivery.number).join(WebhookEndpoint, is_due).limit(MOST_DUE).subquery()
        self._meter.set(table.WEBHOOK_LAG, lag_s)
        self._meter.set(table.WEBHOOKS_DUE, await session.scalar(select(func.count()).select_from(some)) or 0)


def _amounts(what: Reserved) -> tuple[tuple[Metric, float], ...]:
    return (
        (table.FLEET_SEATS, what.seats),
        (table.FLEET_CORES, what.cpu_cores),
        (table.FLEET_MEMORY, what.memory_bytes),
    )
