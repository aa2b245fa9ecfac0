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
from orchestrator.webhooks.dispatcher import is_next
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

FRESH_S = 5.0
WITHIN_S = 3.0
"""How long the database is waited for, and the store: of one that is cut off nothing is heard for half a minute."""
MOST_DUE = 1000

_ACTIVE = [position.value for position in ACTIVE]
_ON_HOST = [position.value for position in ON_HOST]


@dataclass(frozen=True, slots=True)
class Amount:
    """What hosts that are ready offer, or what sessions on them take."""

    seats: float = 0.0
    cpu_cores: float = 0.0
    memory_bytes: float = 0.0


class Facts:
    """One for each replica."""

    def __init__(self, database: Database, store_watch: StoreWatch, meter: Meter) -> None:
        self._database = database
        self._store_watch = store_watch
        self._meter = meter
        self._looking: asyncio.Task[None] | None = None
        self._looked_s: float | None = None

    async def look(self) -> None:
        """Bring the gauges up to date. While the database is away, or silent for `WITHIN_S`, they stay as they were,
        and `playhouse_database_up` says so.
        """
        if self._looked_s is not None and asyncio.get_running_loop().time() - self._looked_s < FRESH_S:
            return
        self._meter.set(table.STORE_UP, float(await self._is_store_well()))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        looking = self._looking
        await asyncio.wait({looking}, timeout=WITHIN_S)  # not cancelled: to end a statement asks the server, too
        if looking.done():
            looking.result()
        else:
            self._meter.set(table.DATABASE_UP, 0)

    async def _is_store_well(self) -> bool:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._store_watch.state() == "ok"
        except TimeoutError:
            return False

    async def _look(self) -> None:
        try:
            async with self._database.read() as session:
                now = await self._database.now(session)
                await self._sessions(session, now)
                await self._hosts(session, now)
                await self._webhooks(session, now)
                going_on = select(func.count()).select_from(ArenaMatch).where(ArenaMatch.ended_at.is_(None))
                self._meter.set(table.ARENA_MATCHES, await session.scalar(going_on) or 0)
        except DatabaseUnavailable:
            self._meter.set(table.DATABASE_UP, 0)
        else:
            self._meter.set(table.DATABASE_UP, 1)
        self._looked_s = asyncio.get_running_loop().time()

    async def _sessions(self, session: AsyncSession, now: datetime) -> None:
        since = func.coalesce(Session.position_since, Session.created_at)
        query = (
            select(
                Session.position,
                Session.is_paused,
                func.count(),
                func.min(since),
            )
            .where(Session.position.in_(_ACTIVE))
            .group_by(Session.position, Session.is_paused)
        )
        counts, oldest_s, paused = dict.fromkeys(_ACTIVE, 0), dict.fromkeys(_ACTIVE, 0.0), 0
        for position, is_paused, count, first in await session.execute(query):
            counts[position] += count
            oldest_s[position] = max(oldest_s[position], (now - first).total_seconds())
            paused += count if is_paused else 0
        for position in _ACTIVE:
            self._meter.set(table.SESSIONS, counts[position], state=position)
            self._meter.set(table.SESSION_OLDEST, oldest_s[position], state=position)
        self._meter.set(table.SESSIONS_PAUSED, paused)

    async def _hosts(self, session: AsyncSession, now: datetime) -> None:
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
        counts, age_s, offered = dict.fromkeys(HostState, 0), 0.0, Amount()
        for name, count, heard_at, seats, cores, memory_bytes in await session.execute(query):
            counts[HostState(name)] = count
            if name != HostState.LOST.value and heard_at is not None:
                age_s = max(age_s, (now - heard_at).total_seconds())
            if name == HostState.READY.value:
                offered = Amount(float(seats or 0), float(cores or 0), float(memory_bytes or 0))
        for each, count in counts.items():
            if each is not HostState.GONE:
                self._meter.set(table.HOSTS, count, state=each.value)
        self._meter.set(table.HEARTBEAT_AGE, age_s)
        is_ready = (lease_until > now) & Host.is_draining.is_(False) & Host.removed_at.is_(None)
        taken = select(func.count(), func.sum(Session.reserved_cpu_cores), func.sum(Session.reserved_memory_bytes))
        taken = taken.where(Session.host_id == Host.id, Session.position.in_(_ON_HOST), is_ready)
        seats, cores, memory_bytes = (await session.execute(taken)).one()
        reserved = Amount(float(seats), float(cores or 0), float(memory_bytes or 0))
        for amount, what in (("offered", offered), ("reserved", reserved)):
            for metric, value in _amounts(what):
                self._meter.set(metric, value, amount=amount)

    async def _webhooks(self, session: AsyncSession, now: datetime) -> None:
        is_waiting = (WebhookDelivery.state == DeliveryState.PENDING) & (
            WebhookDelivery.endpoint_id == WebhookEndpoint.id
        )
        next_of_ours = (WebhookDelivery.endpoint_id == WebhookEndpoint.id) & is_next(now)
        first = select(func.min(WebhookDelivery.due_at)).where(next_of_ours).scalar_subquery()
        # What waits for a server that fails is its tenant's lateness, not ours.
        is_well = WebhookEndpoint.stopped_at.is_(None) & WebhookEndpoint.failing_since.is_(None)
        longest = select(func.min(first)).where(is_well)
        due_since = await session.scalar(longest)
        lag_s = 0.0 if due_since is None else max(0.0, (now - due_since).total_seconds())
        is_due = is_waiting & (WebhookDelivery.due_at <= now) & WebhookEndpoint.stopped_at.is_(None)
        some = select(WebhookDelivery.number).join(WebhookEndpoint, is_due).limit(MOST_DUE).subquery()
        self._meter.set(table.WEBHOOK_LAG, lag_s)
        self._meter.set(table.WEBHOOKS_DUE, await session.scalar(select(func.count()).select_from(some)) or 0)


def _amounts(what: Amount) -> tuple[tuple[Metric, float], ...]:
    return (
        (table.FLEET_SEATS, what.seats),
        (table.FLEET_CORES, what.cpu_cores),
        (table.FLEET_MEMORY, what.memory_bytes),
    )
