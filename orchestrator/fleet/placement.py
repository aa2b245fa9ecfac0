"""Choosing a host with live data: rows become a `scheduler.fleet.Fleet`, and the choice is made there.

It works in the caller's write transaction. The choice is made on a snapshot; the place is then taken by one statement
that counts the chosen host's live rows again (invariant 3).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from agent_protocol import BuildSpec
from metering import UNMETERED, Meter
from orchestrator.database import Database
from orchestrator.fleet import profiles
from orchestrator.fleet.distance import REGION_LABEL, ProbedHost, distances, probes
from orchestrator.fleet.ledger import Claim, SessionLedger
from orchestrator.fleet.models import Host, labels_of
from orchestrator.fleet.refusals import told, why_nowhere
from orchestrator.fleet.snapshot import FleetSnapshot
from orchestrator.notices import Notices
from orchestrator.observing.committed import after_commit
from orchestrator.observing.spans import HOSTS, RACES, REFUSALS
from orchestrator.observing.table import (
    NO_ROOM,
    PLACED,
    PLACEMENT_RACES,
    PLACEMENT_REFUSALS,
    PLACEMENT_SECONDS,
    PLACEMENTS,
)
from scheduler.fleet import Fleet, Truths
from scheduler.placement import UNPACKED_RATIO, among, could_ever_take, pick, refusals, whole_disk_bytes, why_never
from scheduler.profiles import Profile
from scheduler.values import HostView, Request, Resources, Score, seat_size
from tracing import NO_SPAN, Span

BOOT_PRIOR_S = 5.0
SEAT_PRIOR_S = 1.0
"""How long display, sound and worker take to start where no seat waits."""
KEPT_S = 0.5
"""How old the snapshot may be on which a host is chosen. Before it is said that none has room, it is looked at anew."""
NOT_MEASURED: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """The chosen host, what the session takes there, and why it was chosen."""

    host_id: str
    resources: Resources
    score: Score
    is_image_there: bool


class Placement:
    """`draw` gives numbers in [0, 1): which of the near-best hosts is taken."""

    def __init__(
        self,
        database: Database,
        ledger: SessionLedger,
        notices: Notices,
        draw: Callable[[], float],
        meter: Meter = UNMETERED,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._draw = draw
        self._meter = meter
        self._snapshot = FleetSnapshot(ledger, notices)

    async def probes(self) -> list[ProbedHost]:
        """Whom a player's page should measure before a launch."""
        columns = Host.id, Host.public_url, Host.labels, Host.own_labels
        async with self._database.read() as session:
            now = await self._database.now(session)
            is_ready = (Host.lease_until > now) & Host.is_draining.is_(False) & Host.removed_at.is_(None)
            ready = await session.scalars(select(Host).options(load_only(*columns)).where(is_ready))
            return probes([_probed(host) for host in ready], self._draw())

    async def find(
        self,
        session: AsyncSession,
        session_id: str,
        build: BuildSpec,
        now: datetime,
        without: Sequence[str] = (),
        latencies: Mapping[str, float] = NOT_MEASURED,
        span: Span = NO_SPAN,
        *,
        tells_vain: bool = True,
    ) -> Place | None:
        """The host with room for this build that now has the session, or None. Nobody else can take that room.

        `latencies` are the seconds that the player's page measured to some hosts. What was looked at is noted in
        `span`, of a look in vain if it `tells_vain`.
        """
        began_s = time.perf_counter()
        found = await self._find(session, session_id, build, now, without, latencies, span, tells_vain=tells_vain)
        self._meter.observe(PLACEMENT_SECONDS, time.perf_counter() - began_s)
        if found is None:
            self._meter.count(PLACEMENTS, outcome=NO_ROOM)  # a look, whatever comes of the transaction
        else:
            after_commit(session, lambda: self._meter.count(PLACEMENTS, outcome=PLACED))
        return found

    async def _find(
        self,
        session: AsyncSession,
        session_id: str,
        build: BuildSpec,
        now: datetime,
        without: Sequence[str],
        latencies: Mapping[str, float],
        span: Span,
        *,
        tells_vain: bool,
    ) -> Place | None:
        request = _request(build, await profiles.load(session, build.build_id))
        if latencies:
            measured = await session.scalars(select(Host).where(Host.id.in_(latencies)))
            far = distances(latencies, [_probed(host) for host in measured])
            request = replace(request, network_s=far.host_s, region_s=far.region_s, elsewhere_s=far.elsewhere_s)
        refused, races = set(without), 0
        for fresh_s in (KEPT_S, 0.0):
            fleet = await self._snapshot.look(session, now, fresh_s)
            request = among(fleet, request)
            while best := pick(fleet, request, self._draw(), refused):
                is_there = _is_there(fleet, best, request)
                if await self._reserve(session, session_id, best.host_id, _claim(best, request, is_there), now):
                    _note(span, fleet, request, races)
                    self._snapshot.took(best.host_id, request.resources)
                    return Place(best.host_id, request.resources, best, is_there)
                self._meter.count(PLACEMENT_RACES)
                races += 1
                refused.add(best.host_id)
            if tells_vain:
                _note(span, fleet, request, races)
        return None

    async def hosts(self, session: AsyncSession, now: datetime) -> list[HostView]:
        """Every host with a valid lease, as it is seen here."""
        return list(await self._snapshot.look(session, now))

    async def _reserve(self, session: AsyncSession, session_id: str, host_id: str, claim: Claim, now: datetime) -> bool:
        """A host that is full is let go at once, so that nobody ever waits for two."""
        async with session.begin_nested() as attempt:
            if await self._ledger.reserve(session, session_id, host_id, claim, now):
                return True
            await attempt.rollback()
        return False

    async def has_room(
        self, session: AsyncSession, build: BuildSpec, now: datetime, without: Sequence[str] = ()
    ) -> bool:
        """Whether `find` would find a host; nothing is taken."""
        request = _request(build, await profiles.load(session, build.build_id))
        fleet = await self._snapshot.look(session, now)
        return pick(fleet, among(fleet, request), 0.0, set(without)) is not None

    async def could(self, session: AsyncSession, builds: Sequence[BuildSpec], now: datetime) -> Mapping[str, Truths]:
        """For each build, which places of the fleet could take it if they were empty."""
        requests = [_request(build, await profiles.load(session, build.build_id)) for build in builds]
        fleet = await self._snapshot.look(session, now, KEPT_S)
        return {
            build.build_id: could_ever_take(fleet, request) for build, request in zip(builds, requests, strict=True)
        }

    async def why_nowhere(
        self, session: AsyncSession, build: BuildSpec, now: datetime, without: Sequence[str] = ()
    ) -> str | None:
        """None when some ready host could take the build if it were empty; else why none could, for people."""
        request = _request(build, await profiles.load(session, build.build_id))
        for fresh_s in (KEPT_S, 0.0):
            refusal = why_never(await self._snapshot.look(session, now, fresh_s), request, without)
            if refusal is None:
                return None
        self._meter.count(PLACEMENT_REFUSALS, reason=refusal)
        return why_nowhere(refusal, request)


def _note(span: Span, fleet: Fleet, request: Request, races: int) -> None:
    if span.is_told:
        span.note({HOSTS: len(fleet), REFUSALS: told(refusals(fleet, request)), RACES: races})


def _request(build: BuildSpec, learned: dict[str, Profile]) -> Request:
    return Request(
        image_id=build.image_id,
        image_bytes=build.size_bytes,
        resources=profiles.needed_anywhere(learned.values(), build),
        required_labels=build.required_labels,
        boot_prior_s=BOOT_PRIOR_S,
        is_pullable=build.manifest_digest is not None,
        seat_s=SEAT_PRIOR_S,
        seat_size=seat_size(build.display.width, build.display.height),
        build_id=build.build_id,
        layers=build.layers,
        unpacked_ratio=unpacked_ratio(build),
        boot_s={name: profile.boot_mean_s for name, profile in learned.items() if profile.boot_mean_s is not None},
    )


def _is_there(fleet: Fleet, chosen: Score, request: Request) -> bool:
    [place] = fleet.places([chosen.host_id])
    return request.image_id in fleet.view_at(place).image_ids


def _claim(chosen: Score, request: Request, is_image_there: bool) -> Claim:
    """An image that the host holds may have gone when the place is taken, and then nobody knows what is left of it."""
    disk_bytes = whole_disk_bytes(request) if is_image_there else chosen.disk_bytes
    return Claim(request.resources, request.image_id, disk_bytes, request.required_labels)


def _probed(host: Host) -> ProbedHost:
    return ProbedHost(host.id, host.public_url, labels_of(host).get(REGION_LABEL))


def unpacked_ratio(build: BuildSpec) -> float:
    """Bytes on a disk for each byte that a pull of this build moves. Sizes of layers are those of a pull."""
    moved = sum(build.layers.values())
    if not moved:
        return 1.0
    return max(1.0, build.size_bytes / moved) if build.size_bytes else UNPACKED_RATIO
