"""One round of an agent: take in what its host sees, answer what it should run, renew its lease.

The answer is read in the same transaction that stored the report, so no order is ever older than what it answers.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import (
    PROTOCOL_VERSION,
    BuildSpec,
    DesiredSession,
    HostPull,
    News,
    ObservedSession,
    ObservedState,
    SyncRequest,
    SyncResponse,
)
from orchestrator.catalog.models import Build
from orchestrator.database import Database
from orchestrator.errors import Conflict, InvalidRequest, Unauthorized
from orchestrator.fleet.host_notes import note
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host
from orchestrator.fleet.warm import NOTHING_WAITS, WarmOrders
from orchestrator.notices import PLACER, REREAD_S, Notices
from scheduler.values import NOTHING

WAIT_LIMIT_S = 25.0
SHORTEST_INTERVAL_S = 2.0
SYNCS_PER_S = 100.0
INTERVALS_PER_LEASE = 3
LOOK_EVERY_S = REREAD_S / 2


def interval_s(hosts: int) -> float:
    """Seconds between two syncs of one host, so that all together make at most `SYNCS_PER_S`."""
    return max(SHORTEST_INTERVAL_S, hosts / SYNCS_PER_S)


class AgentSync:
    """`keys` gives the JWKS that agents verify stream tokens with; `draw` a number in [0, 1) for jitter."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        ledger: SessionLedger,
        warm: WarmOrders,
        keys: Callable[[], dict[str, object]],
        draw: Callable[[], float],
    ) -> None:
        self._database = database
        self._notices = notices
        self._ledger = ledger
        self._warm = warm
        self._keys = keys
        self._draw = draw
        self._floor = _Floor(database)

    async def sync(self, host_id: str, request: SyncRequest) -> SyncResponse:
        """Raises `InvalidRequest` for a protocol that we do not speak, `Conflict` `stale_sync` for an older report."""
        if request.protocol != PROTOCOL_VERSION:
            raise InvalidRequest(f"this orchestrator speaks agent protocol {PROTOCOL_VERSION}")
        async with self._database.write() as session:
            now = await self._database.now(session)
            # Sessions are locked before their host, as by whoever moves one.
            changed = await self._ledger.observe(session, host_id, request.sessions, now)
            await session.flush()
            host = await session.get_one(Host, host_id, populate_existing=True, with_for_update={"key_share": True})
            if host.removed_at is not None:
                raise Unauthorized("this host was removed")
            if (request.incarnation, request.seq) <= (host.incarnation, host.seq):
                raise Conflict("a newer report of this host was taken already", code="stale_sync")
            was_ready = host.lease_until is not None and host.lease_until > now
            hosts = await session.scalar(select(func.count()).where(Host.lease_until > now)) or 1
            interval = interval_s(hosts)
            _store_report(host, request, now, now + timedelta(seconds=interval * INTERVALS_PER_LEASE))
            note(host, now)
            desired = await self._ledger.desired(session, host_id, request.sessions, now)
            reserved = (await self._ledger.reserved(session, host_id)).get(host_id, NOTHING)
            warm = NOTHING_WAITS
            if not host.is_draining:
                warm = await self._warm.orders(session, request, hosts, reserved, now)
            host.pulling = _pulling(request.sessions, desired) | _coming(request.pulls)
            has = frozenset(image.image_id for image in request.images)
            response = SyncResponse(
                revision=await self._revision(session, host_id),
                now=now,
                sessions=desired,
                warm_seats=warm.seats,
                warm_titles=warm.titles,
                next_sync_ms=int(1000 * interval * (0.9 + 0.2 * self._draw())),
                lease_until=now + timedelta(seconds=interval * INTERVALS_PER_LEASE),
                keys=self._keys(),
                prepulls=await _prepulls(session, host, has),
            )
            for session_id in changed:
                self._notices.publish_after_commit(session, f"session:{session_id}")
            if not was_ready:
                self._notices.publish_after_commit(session, PLACER)
        return response

    async def wait(self, host_id: str, revision: int) -> News:
        """What the host should run, as soon as its revision is not `revision`; at the latest after `WAIT_LIMIT_S`."""
        clock_s = asyncio.get_running_loop().time
        until_s = clock_s() + WAIT_LIMIT_S
        with self._notices.subscribe(f"host:{host_id}") as notices:
            news = await self._news(host_id, revision)
            while news.revision == revision and clock_s() < until_s:
                look_s = min(until_s, clock_s() + LOOK_EVERY_S)
                if await notices.wait(look_s - clock_s()):
                    news = await self._news(host_id, revision)
                elif clock_s() < look_s:
                    break  # the replica is about to end
                elif await self._floor.revision(host_id, revision) != revision:
                    news = await self._news(host_id, revision)
            return news

    async def _news(self, host_id: str, known: int) -> News:
        async with self._database.read() as session:
            revision = await self._revision(session, host_id)
            if revision == known:
                return News(revision=revision)
            desired = await self._ledger.desired(session, host_id, (), await self._database.now(session))
            return News(revision=revision, sessions=desired)

    async def _revision(self, session: AsyncSession, host_id: str) -> int:
        return await session.scalar(select(Host.revision).where(Host.id == host_id)) or 0


async def raise_revision(session: AsyncSession, host_id: str) -> None:
    """Say that what this host should run has changed. The caller publishes `host:<id>` after its commit."""
    await session.execute(update(Host).where(Host.id == host_id).values(revision=Host.revision + 1))


class _Floor:
    """What the database says of every host's revision, for all who wait: one query, however many they are. A notice
    that was lost costs at most `REREAD_S`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._alone = asyncio.Lock()
        self._looked_s = -REREAD_S
        self._revisions: dict[str, int] = {}

    async def revision(self, host_id: str, known: int) -> int:
        """As it was no more than `LOOK_EVERY_S` ago, and never less than `known`."""
        async with self._alone:
            clock_s = asyncio.get_running_loop().time
            if clock_s() - self._looked_s >= LOOK_EVERY_S:
                began_s = clock_s()
                async with self._database.read() as session:
                    rows = await session.execute(select(Host.id, Host.revision).where(Host.lease_until.is_not(None)))
                self._revisions = {row.id: row.revision for row in rows}
                self._looked_s = began_s
        return max(known, self._revisions.get(host_id, known))


def _store_report(host: Host, request: SyncRequest, now: datetime, lease_until: datetime) -> None:
    host.incarnation, host.seq = request.incarnation, request.seq
    host.public_url = request.public_url
    host.last_sync_at, host.lease_until = now, lease_until
    host.capacity = request.capacity.model_dump()
    host.usage = request.usage.model_dump()
    host.warm_seats = [seats.model_dump() for seats in request.warm_seats]
    host.images = [image.model_dump(mode="json") for image in request.images]
    host.pulls = [pull.model_dump(mode="json") for pull in request.pulls]
    if request.pull_bytes_per_s:
        host.pull_bytes_per_s = request.pull_bytes_per_s


def _pulling(observed: tuple[ObservedSession, ...], desired: tuple[DesiredSession, ...]) -> dict[str, int]:
    """Image ids on their way to the host, with the bytes still to come."""
    images = {session.session_id: session.build.image_id for session in desired}
    return {
        images[session.session_id]: max(0, session.progress.total - session.progress.done)
        for session in observed
        if session.state is ObservedState.PULLING
        and session.session_id in images
        and session.progress is not None
        and session.progress.total is not None
    }


def _coming(pulls: tuple[HostPull, ...]) -> dict[str, int]:
    return {pull.image_id: max(0, pull.total - pull.done) for pull in pulls if pull.total is not None}


async def _prepulls(session: AsyncSession, host: Host, image_ids: frozenset[str]) -> tuple[BuildSpec, ...]:
    """What this host should fetch unasked, less what it has."""
    if not host.prepulls or host.is_draining:
        return ()
    rows = await session.scalars(select(Build).where(Build.id.in_(host.prepulls)))
    return tuple(row.build_spec for row in rows if row.image_id not in image_ids)
