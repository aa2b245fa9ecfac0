"""The hosts as `scheduler` sees them, kept from one decision to the next.

Rows stay the truth: a look asks the database which hosts are there and which of them have reported or changed since,
reads anew only those, and sums what live sessions reserve (invariant 3). Looks that follow each other closely share
one: a place is taken by a statement that counts for itself, so what a choice is made on may be a little old.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec, WarmSeats
from orchestrator.catalog.models import Build
from orchestrator.fleet import profiles, reports
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host, labels_of
from orchestrator.notices import FLEET, Notices
from scheduler.fleet import Fleet
from scheduler.placement import DEFAULT_PULL_BYTES_PER_S
from scheduler.values import NOTHING, HostView, Resources, seat_size

HOSTS_A_QUERY = 1000

Mark = tuple[object, ...]
"""Changes whenever anything changes that a host's view is made of."""


class FleetSnapshot:
    """One for each replica. It may be asked by several transactions at once.

    What it says may be `fresh_s` old: so long may a place that others took or gave back be unknown, or a host's load.
    Which hosts there are, ready and as an operator wants them, is never older than the notice of it.
    """

    def __init__(self, ledger: SessionLedger, notices: Notices) -> None:
        self._ledger = ledger
        self._news = notices.subscription(FLEET)
        self._fleet = Fleet()
        self._marks: dict[str, Mark] = {}
        self._reserved: dict[str, Resources] = {}
        self._layers = ImageLayers()
        self._looked_s = float("-inf")
        self._holds_until: datetime | None = None

    async def look(self, session: AsyncSession, now: datetime, fresh_s: float = 0.0) -> Fleet:
        """Every host with a valid lease, as this transaction sees it or as one did within `fresh_s`, until the caller
        awaits anything.
        """
        began_s = asyncio.get_running_loop().time()
        if self._news.heard() or self._holds_until is None or now >= self._holds_until:
            self._looked_s = float("-inf")
        if began_s - self._looked_s >= fresh_s:
            await self._look(session, now)
            self._looked_s = began_s
        return self._fleet

    def took(self, host_id: str, resources: Resources) -> None:
        """A session has just been given this place."""
        reserved = self._reserved.get(host_id, NOTHING) + resources
        self._reserved[host_id] = reserved
        if host_id in self._fleet:
            self._fleet.reserve(host_id, reserved)

    async def _look(self, session: AsyncSession, now: datetime) -> None:
        columns = Host.id, Host.incarnation, Host.seq, Host.edits, Host.lease_until
        rows = (await session.execute(select(*columns).where(Host.lease_until > now, Host.removed_at.is_(None)))).all()
        marks = {host_id: tuple(mark) for host_id, *mark in rows}
        changed = [host_id for host_id, mark in marks.items() if self._marks.get(host_id) != mark]
        hosts = await _hosts(session, changed)
        if hosts:
            await self._layers.learn(session)
        reserved = dict(await self._ledger.reserved(session))
        # From here on nothing else runs before the caller has looked.
        for host_id in self._marks.keys() - marks.keys():
            self._fleet.remove(host_id)
        for host in hosts:
            self._fleet.put(host_view(host, reserved.get(host.id, NOTHING), now, self._layers))
        for host_id in marks:
            if host_id in self._fleet:
                self._fleet.reserve(host_id, reserved.get(host_id, NOTHING))
        self._marks = {host_id: mark for host_id, mark in marks.items() if host_id in self._fleet}
        self._reserved = reserved
        self._holds_until = min((row.lease_until for row in rows), default=None)


class ImageLayers:
    """Which layers make up which image, as the builds say: so what a host reports as images is known as layers."""

    def __init__(self) -> None:
        self._by_image: dict[str, frozenset[str]] = {}
        self._builds = 0

    async def learn(self, session: AsyncSession) -> None:
        """Builds are only ever added, and never change."""
        builds = await session.scalar(select(func.count()).select_from(Build)) or 0
        if builds == self._builds:
            return
        for image_id, spec in await session.execute(select(Build.image_id, Build.spec)):
            layers = frozenset(BuildSpec.model_validate(spec).layers)
            self._by_image[image_id] = self._by_image.get(image_id, frozenset()) | layers
        self._builds = builds

    def of(self, image_ids: Iterable[str]) -> frozenset[str]:
        return frozenset[str]().union(*(self._by_image.get(image_id, frozenset()) for image_id in image_ids))


def host_view(host: Host, reserved: Resources, now: datetime, known: ImageLayers | None = None) -> HostView:
    """One row as `scheduler` sees it, with what is reserved there; its layers only where it is `known` which image has
    which.
    """
    capacity = host.capacity
    waiting = warm(host)
    image_ids = reports.image_ids(host)
    return HostView(
        host_id=host.id,
        is_ready=host.lease_until is not None and host.lease_until > now and not host.is_draining,
        labels=labels_of(host),
        capacity=Resources(
            float(capacity.get("cpu_cores", 0)), int(capacity.get("memory_bytes", 0)), int(capacity.get("seats", 0))
        ),
        reserved=reserved + waiting.yielding,
        used=Resources(float(host.usage.get("cpu_cores", 0)), int(host.usage.get("memory_bytes", 0)), 0),
        disk_free_bytes=int(capacity.get("disk_free_bytes", 0)) + int(capacity.get("disk_evictable_bytes", 0)),
        image_ids=image_ids,
        layers=frozenset[str]() if known is None else known.of(image_ids),
        disk_kept_free_bytes=int(capacity.get("disk_kept_free_bytes", 0)),
        pulling={image: int(left) for image, left in host.pulling.items()},
        unfetchable=frozenset(str(pull["image_id"]) for pull in host.pulls if pull.get("failure") is not None),
        pull_bytes_per_s=host.pull_bytes_per_s or DEFAULT_PULL_BYTES_PER_S,
        host_class=profiles.host_class(host),
        yielding=waiting.yielding,
        warm_seats=frozenset(+waiting.seats),
        warm_titles=frozenset(+waiting.titles),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many unused seats of which size wait on a host, how many games of which builds at their title, and what all
    of them take until a session needs it. They do nothing, so it is no CPU.
    """

    seats: Counter[str]
    titles: Counter[str]
    yielding: Resources


def warm(host: Host) -> Waiting:
    """What waited there when it last said so."""
    seats, titles, memory_bytes = Counter[str](), Counter[str](), 0
    for waiting in (WarmSeats.model_validate(each) for each in host.warm_seats):
        if waiting.build_id is None:
            seats[seat_size(waiting.width, waiting.height)] += waiting.count
            memory_bytes += waiting.count * profiles.SEAT_MEMORY_BYTES
        else:
            titles[waiting.build_id] += waiting.count
            memory_bytes += waiting.count * waiting.memory_bytes
    return Waiting(seats, titles, Resources(0.0, memory_bytes, seats.total() + titles.total()))


async def _hosts(session: AsyncSession, host_ids: Sequence[str]) -> list[Host]:
    hosts: list[Host] = []
    for begin in range(0, len(host_ids), HOSTS_A_QUERY):
        some = host_ids[begin : begin + HOSTS_A_QUERY]
        query = select(Host).where(Host.id.in_(some)).execution_options(populate_existing=True)
        hosts.extend(await session.scalars(query))
    return hosts
