"""One round of an agent: take in what its host sees, answer what it should run, renew its lease.

A host that has nothing to tell is asked about and renewed by one statement each. Otherwise the answer is read in the
transaction that stored the report. Either way no order is older than what it answers.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Select, String, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import (
    SPOKEN,
    BuildSpec,
    DesiredSession,
    News,
    NoCommonVersion,
    Spoken,
    SyncRequest,
    SyncResponse,
    common_version,
)
from metering import UNMETERED, Meter
from orchestrator.catalog.models import Build
from orchestrator.database import Database, DatabaseNow, Prepared, UtcDateTime
from orchestrator.errors import Conflict, DatabaseUnavailable, HostRemoved, Unauthorized, UnsupportedVersion
from orchestrator.fleet import reports
from orchestrator.fleet.host_notes import note
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host
from orchestrator.fleet.spare_images import SpareImages
from orchestrator.fleet.warm import NOTHING_WAITS, WarmOrder, WarmOrders
from orchestrator.notices import FLEET, PLACER, REREAD_S, Notices
from orchestrator.observing.table import HEARTBEAT_GAP, REPORTS
from scheduler.values import NOTHING, Resources

WAIT_LIMIT_S = 25.0
SHORTEST_INTERVAL_S = 2.0
SYNCS_PER_S = 100.0
INTERVALS_PER_LEASE = 3
LOOK_EVERY_S = REREAD_S / 2
COUNTED_EVERY_S = 2.0


def interval_s(hosts: int) -> float:
    """Seconds between two syncs of one host, so that all together make at most `SYNCS_PER_S`."""
    return max(SHORTEST_INTERVAL_S, hosts / SYNCS_PER_S)


class AgentSync:
    """`keys` tells the JWKS that agents verify stream tokens with; `draw` gives a number in [0, 1) for jitter."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        ledger: SessionLedger,
        warm: WarmOrders,
        spare: SpareImages,
        keys: Callable[[], dict[str, object]],
        draw: Callable[[], float],
        meter: Meter = UNMETERED,
    ) -> None:
        self._database = database
        self._notices = notices
        self._ledger = ledger
        self._warm = warm
        self._spare = spare
        self._keys = keys
        self._draw = draw
        self._meter = meter
        self._floor = _Floor(database, notices)
        self._known = Prepared(_known(ledger))
        self._counted, self._counted_s = 0, -COUNTED_EVERY_S

    async def sync(self, host_id: str, request: SyncRequest) -> SyncResponse:
        """Raises `UnsupportedVersion` for a protocol that we do not speak, `HostRemoved`,
        `Conflict` `stale_sync` for an older report.
        """
        _understand(request)
        return await self._renew(host_id, request) or await self._hear(host_id, request)

    async def _renew(self, host_id: str, request: SyncRequest) -> SyncResponse | None:
        """The round of a host that has nothing to tell: one look and one change, each a statement of its own. None, and
        nothing done, when there is more to it.

        What it answers is read between the two, and `revision` says that nothing of it has changed before the second.
        """
        async with self._database.statements(is_write=True) as session:
            seen: reports.Seen | None = await self._known.first(session, {"host": host_id})
            if seen is None:
                return None
            now = self._database.told(seen.now)
            if not reports.is_quiet(seen, request, now):
                return None
            has_sessions = seen.has_sessions or bool(request.sessions)
            desired = await self._ledger.unchanged(session, host_id, request.sessions, now) if has_sessions else ()
            if desired is None:
                return None
            reserved = await self._reserved(session, host_id) if has_sessions else NOTHING
            hosts = await self._hosts(session, now)
            warm = NOTHING_WAITS
            if not seen.is_draining:
                warm = await self._warm.orders(session, request, hosts, reserved, now)
            lease_until = now + timedelta(seconds=interval_s(hosts) * INTERVALS_PER_LEASE)
            renewed = {
                "host": host_id,
                "known_revision": seen.revision,
                "known_incarnation": seen.incarnation,
                "known_seq": seen.seq,
                "new_seq": request.seq,
                "new_sync_at": now,
                "new_lease_until": lease_until,
                "new_capacity": request.capacity.model_dump(),
                "new_usage": request.usage.model_dump(),
            }
            if await _RENEW.first(session, renewed) is None:
                return None
        self._meter.count(REPORTS, kind="quiet")
        return self._answer(host_id, now, lease_until, hosts, seen.revision, desired, warm, ())

    async def _hear(self, host_id: str, request: SyncRequest) -> SyncResponse:
        """The round of a host that has something to tell, in one transaction."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            # Sessions are locked before their host, as by whoever moves one.
            changed = await self._ledger.observe(session, host_id, request.sessions, now)
            await session.flush()
            host = await session.get_one(Host, host_id, populate_existing=True, with_for_update={"key_share": True})
            if host.removed_at is not None:
                raise HostRemoved
            if (request.incarnation, request.seq) <= (host.incarnation, host.seq):
                raise Conflict("a newer report of this host was taken already", code="stale_sync")
            was_ready = host.lease_until is not None and host.lease_until > now
            hosts = await self._hosts(session, now)
            lease_until = now + timedelta(seconds=interval_s(hosts) * INTERVALS_PER_LEASE)
            images, before = frozenset(image.image_id for image in request.images), reports.image_ids(host)
            heard_before = host.last_sync_at
            reports.store(host, request, now, lease_until)
            note(host, now)
            desired = await self._ledger.desired(session, host_id, request.sessions, now)
            reserved = await self._reserved(session, host_id)
            warm = NOTHING_WAITS
            if not host.is_draining:
                warm = await self._warm.orders(session, request, hosts, reserved, now)
            host.pulling = reports.pulling(request, desired)
            prepulls = await _prepulls(session, host, images)
            for session_id in changed:
                self._notices.publish_after_commit(session, f"session:{session_id}")
            if not was_ready:
                self._notices.publish_after_commit(session, PLACER)
            if not was_ready or images != before:
                self._notices.publish_after_commit(session, FLEET)
            revision = host.revision
        self._meter.count(REPORTS, kind="news")
        if heard_before is not None:
            self._meter.observe(HEARTBEAT_GAP, (now - heard_before).total_seconds())
        return self._answer(host_id, now, lease_until, hosts, revision, desired, warm, prepulls)

    def _answer(
        self,
        host_id: str,
        now: datetime,
        lease_until: datetime,
        hosts: int,
        revision: int,
        desired: tuple[DesiredSession, ...],
        warm: WarmOrder,
        prepulls: tuple[BuildSpec, ...],
    ) -> SyncResponse:
        spare = self._spare.of(host_id)
        return SyncResponse(
            revision=revision,
            speaks=SPOKEN,
            now=now,
            sessions=desired,
            warm_seats=warm.seats,
            warm_titles=warm.titles,
            next_sync_ms=int(1000 * interval_s(hosts) * (0.9 + 0.2 * self._draw())),
            lease_until=lease_until,
            keys=self._keys(),
            prepulls=prepulls,
            spare_images=None if spare is None else tuple(sorted(spare)),
        )

    async def _reserved(self, session: AsyncSession, host_id: str) -> Resources:
        return (await self._ledger.reserved(session, host_id)).get(host_id, NOTHING)

    async def _hosts(self, session: AsyncSession, now: datetime) -> int:
        """How many hosts share the interval, as it was no more than `COUNTED_EVERY_S` ago."""
        moment_s = asyncio.get_running_loop().time()
        if moment_s - self._counted_s >= COUNTED_EVERY_S:
            self._counted = await session.scalar(select(func.count()).where(Host.lease_until > now)) or 0
            self._counted_s = moment_s
        return max(1, self._counted)

    async def wait(self, host_id: str, revision: int) -> News:
        """What the host should run, as soon as its revision is not `revision`; at the latest after `WAIT_LIMIT_S`.
        Raises `HostRemoved`.
        """
        clock_s = asyncio.get_running_loop().time
        until_s = clock_s() + WAIT_LIMIT_S
        with self._notices.subscribe(f"host:{host_id}") as notices, self._floor.held(host_id) as held:
            async with self._database.statements(is_write=False) as session:
                row = await _REVISION.first(session, {"host": host_id})
            if row is None:
                raise Unauthorized("this host is not known here")
            if row.removed_at is not None:
                raise HostRemoved
            held.revision = revision
            is_news = row.revision != revision
            while is_news or await notices.wait(until_s - clock_s()):
                news = await self._news(host_id)
                if news.revision != revision:
                    return news
                is_news = False
            return News(revision=revision)

    async def _news(self, host_id: str) -> News:
        async with self._database.read() as session:
            row = await _REVISION.first(session, {"host": host_id})
            desired = await self._ledger.desired(session, host_id, (), self._database.told(row.now))
            return News(revision=row.revision, sessions=desired)

    async def watch(self) -> None:
        """Until cancelled: see `_Floor`."""
        await self._floor.run()


async def raise_revision(session: AsyncSession, host_id: str) -> None:
    """Say that what this host should run has changed. The caller publishes `host:<id>` after its commit."""
    await session.execute(update(Host).where(Host.id == host_id).values(revision=Host.revision + 1))


def _understand(request: SyncRequest) -> None:
    if SPOKEN.oldest <= request.protocol <= SPOKEN.newest:
        return
    try:
        told = request.speaks or Spoken(oldest=request.protocol, newest=request.protocol)
        text = f"Ask again in protocol {common_version(told, SPOKEN)}."
    except NoCommonVersion as error:
        text = str(error)
    raise UnsupportedVersion(text, details={"speaks": SPOKEN.model_dump()})


@dataclass(eq=False)
class _Held:
    """A wait, and what it knows: None until it has looked."""

    host_id: str
    revision: int | None = None


class _Floor:
    """Looks what the database says of every host's revision, for all who wait: one query, however many they are. So a
    notice that was lost costs at most `REREAD_S`.
    """

    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices
        self._all: set[_Held] = set()

    @contextmanager
    def held(self, host_id: str) -> Generator[_Held]:
        held = _Held(host_id)
        self._all.add(held)
        try:
            yield held
        finally:
            self._all.discard(held)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._all:
                continue
            with suppress(DatabaseUnavailable):  # the reconciler's news
                await self._look()

    async def _look(self) -> None:
        async with self._database.statements(is_write=False) as session:
            rows = await session.execute(select(Host.id, Host.revision).where(Host.lease_until.is_not(None)))
        revisions = {row.id: row.revision for row in rows}
        for held in self._all:
            if held.revision is not None and revisions.get(held.host_id, held.revision) != held.revision:
                self._notices.hear(f"host:{held.host_id}")


async def _prepulls(session: AsyncSession, host: Host, image_ids: frozenset[str]) -> tuple[BuildSpec, ...]:
    """What this host should fetch unasked, less what it has."""
    if not host.prepulls or host.is_draining:
        return ()
    rows = await session.scalars(select(Build).where(Build.id.in_(host.prepulls)))
    return tuple(row.build_spec for row in rows if row.image_id not in image_ids)


def _known(ledger: SessionLedger) -> Select[*tuple[Any, ...]]:
    """A `reports.Seen` of one host."""
    return select(
        DatabaseNow().label("now"),
        Host.incarnation,
        Host.seq,
        Host.revision,
        Host.removed_at,
        Host.is_draining,
        Host.lease_until,
        Host.noted_state,
        Host.prepulls,
        Host.report_digest,
        ledger.has_any().label("has_sessions"),
    ).where(Host.id == _HOST)


_HOST = bindparam("host", type_=String)
_REVISION = Prepared(select(DatabaseNow().label("now"), Host.revision, Host.removed_at).where(Host.id == _HOST))
_RENEW = Prepared(
    update(Host)
    .where(
        Host.id == _HOST,
        Host.removed_at.is_(None),
        Host.revision == bindparam("known_revision", type_=BigInteger),
        Host.incarnation == bindparam("known_incarnation", type_=BigInteger),
        Host.seq == bindparam("known_seq", type_=BigInteger),
    )
    .values(
        seq=bindparam("new_seq", type_=BigInteger),
        last_sync_at=bindparam("new_sync_at", type_=UtcDateTime),
        lease_until=bindparam("new_lease_until", type_=UtcDateTime),
        capacity=bindparam("new_capacity", type_=JSON),
        usage=bindparam("new_usage", type_=JSON),
    )
    .returning(Host.id)
)
