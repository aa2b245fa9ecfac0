"""The hosts as `scheduler` sees them, kept from one decision to the next.

Rows stay the truth: each look asks the database which hosts are there and which of them have reported or changed since,
and reads anew only those. What live sessions reserve is summed anew each time (invariant 3).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec, WarmSeats
from orchestrator.catalog.models import Build
from orchestrator.fleet import profiles
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host, labels_of
from scheduler.fleet import Fleet
from scheduler.placement import DEFAULT_PULL_BYTES_PER_S
from scheduler.values import NOTHING, HostView, Resources

HOSTS_A_QUERY = 1000

Mark = tuple[object, ...]
"""Changes whenever anything changes that a host's view is made of."""


class FleetSnapshot:
    """One for each replica. It may be asked by several transactions at once."""

    def __init__(self, ledger: SessionLedger) -> None:
        self._ledger = ledger
        self._fleet = Fleet()
        self._marks: dict[str, Mark] = {}
        self._layers = ImageLayers()

    async def look(self, session: AsyncSession, now: datetime) -> Fleet:
        """Every host with a valid lease, as this transaction sees it, until the caller awaits anything."""
        columns = Host.id, Host.incarnation, Host.seq, Host.edits, Host.lease_until
        rows = await session.execute(select(*columns).where(Host.lease_until > now))
        marks = {host_id: tuple(mark) for host_id, *mark in rows}
        changed = [host_id for host_id, mark in marks.items() if self._marks.get(host_id) != mark]
        hosts = await _hosts(session, changed)
        if hosts:
            await self._layers.learn(session)
        reserved = await self._ledger.reserved(session)
        # From here on nothing else runs before the caller has looked.
        for host_id in self._marks.keys() - marks.keys():
            self._fleet.remove(host_id)
        for host in hosts:
            self._fleet.put(self.view(host, reserved.get(host.id, NOTHING), now))
        for host_id in marks:
            if host_id in self._fleet:
                self._fleet.reserve(host_id, reserved.get(host_id, NOTHING))
        self._marks = {host_id: mark for host_id, mark in marks.items() if host_id in self._fleet}
        return self._fleet

    def view(self, host: Host, reserved: Resources, now: datetime) -> HostView:
        """One row as `scheduler` sees it, with what is reserved there."""
        return host_view(host, reserved, now, self._layers)


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
    """The row alone; its layers only where it is `known` which image has which."""
    capacity = host.capacity
    waiting = warm(host)
    image_ids = frozenset(str(image["image_id"]) for image in host.images)
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
        pulling={image: int(left) for image, left in host.pulling.items()},
        pull_bytes_per_s=host.pull_bytes_per_s or DEFAULT_PULL_BYTES_PER_S,
        host_class=profiles.host_class(host),
        yielding=waiting.yielding,
        warm_seats=waiting.seats,
        warm_titles=frozenset(waiting.titles),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many unused seats wait on a host, how many games of which images at their title, and what all of them take
    until a session needs it. They do nothing, so it is no CPU.
    """

    seats: int
    titles: Mapping[str, int]
    yielding: Resources


def warm(host: Host) -> Waiting:
    """What waited there when it last said so."""
    seats, titles, memory_bytes = 0, Counter[str](), 0
    for waiting in (WarmSeats.model_validate(each) for each in host.warm_seats):
        if waiting.image_id is None:
            seats += waiting.count
            memory_bytes += waiting.count * profiles.SEAT_MEMORY_BYTES
        else:
            titles[waiting.image_id] += waiting.count
            memory_bytes += waiting.count * waiting.memory_bytes
    return Waiting(seats, titles, Resources(0.0, memory_bytes, seats + titles.total()))


async def _hosts(session: AsyncSession, host_ids: Sequence[str]) -> list[Host]:
    hosts: list[Host] = []
    for begin in range(0, len(host_ids), HOSTS_A_QUERY):
        some = host_ids[begin : begin + HOSTS_A_QUERY]
        query = select(Host).where(Host.id.in_(some)).execution_options(populate_existing=True)
        hosts.extend(await session.scalars(query))
    return hosts
