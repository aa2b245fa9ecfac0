"""Choosing a host with live data: rows become `scheduler.placement.HostView`s, and the choice is made there.

It works in the caller's write transaction. The choice is made on a snapshot; then the chosen host's row is locked and
looked at again, so what was counted is still true when the session's row takes the place (invariant 3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from orchestrator.fleet import profiles
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host
from scheduler.placement import (
    DEFAULT_PULL_BYTES_PER_S,
    HostView,
    Request,
    Resources,
    Score,
    choose,
    could_ever_fit,
    rank,
    refuse,
)
from scheduler.profiles import EMPTY, Profile

BOOT_PRIOR_S = 5.0
NOTHING = Resources(0.0, 0, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """The chosen host, what the session takes there, and why it was chosen."""

    host_id: str
    resources: Resources
    score: Score


class Placement:
    """`draw` gives numbers in [0, 1): which of the near-best hosts is taken."""

    def __init__(self, ledger: SessionLedger, draw: Callable[[], float]) -> None:
        self._ledger = ledger
        self._draw = draw

    async def find(
        self, session: AsyncSession, build: BuildSpec, now: datetime, without: Sequence[str] = ()
    ) -> Place | None:
        """A host with room for this build now, or None. Nobody else can take that room until the transaction ends."""
        learned = await profiles.load(session, build.build_id)
        request = _request(build, learned)
        hosts = [host for host in await self._views(session, learned, now) if host.host_id not in without]
        ranking = rank(hosts, request)
        while best := choose(ranking, self._draw()):
            if await self._hold(session, best.host_id, request, learned, now):
                return Place(best.host_id, request.resources, best)
            ranking = [score for score in ranking if score.host_id != best.host_id]
        return None

    async def _hold(
        self, session: AsyncSession, host_id: str, request: Request, learned: dict[str, Profile], now: datetime
    ) -> bool:
        """Lock the host if it still has room. A full one is let go at once, so that nobody ever waits for two."""
        async with session.begin_nested() as attempt:
            host = await session.get_one(Host, host_id, populate_existing=True, with_for_update={"key_share": True})
            reserved = await self._ledger.reserved(session)
            if refuse(_view(host, reserved.get(host_id, NOTHING), learned, now), request) is None:
                return True
            await attempt.rollback()
        return False

    async def could_ever_fit(
        self, session: AsyncSession, build: BuildSpec, now: datetime, without: Sequence[str] = ()
    ) -> bool:
        """True when some ready host could take the build if it were empty."""
        learned = await profiles.load(session, build.build_id)
        request = _request(build, learned)
        return any(
            could_ever_fit(host, request)
            for host in await self._views(session, learned, now)
            if host.host_id not in without
        )

    async def _views(self, session: AsyncSession, learned: dict[str, Profile], now: datetime) -> list[HostView]:
        reserved = await self._ledger.reserved(session)
        hosts = (await session.scalars(select(Host).where(Host.lease_until > now))).all()
        return [_view(host, reserved.get(host.id, NOTHING), learned, now) for host in hosts]


def _request(build: BuildSpec, learned: dict[str, Profile]) -> Request:
    # One request for every host: the most that any class of host has learned.
    resources = [profiles.needed(profile, build) for profile in learned.values()] or [profiles.needed(EMPTY, build)]
    return Request(
        image_id=build.image_id,
        image_bytes=build.size_bytes,
        resources=Resources(
            max(needed.cpu_cores for needed in resources), max(needed.memory_bytes for needed in resources), 1
        ),
        required_labels={},
        boot_prior_s=BOOT_PRIOR_S,
        is_pullable=build.manifest_digest is not None,
    )


def _view(host: Host, reserved: Resources, learned: dict[str, Profile], now: datetime) -> HostView:
    profile = learned.get(profiles.host_class(host), EMPTY)
    capacity = host.capacity
    return HostView(
        host_id=host.id,
        is_ready=host.lease_until is not None and host.lease_until > now and not host.is_draining,
        labels={key: str(value) for key, value in host.labels.items()},
        capacity=Resources(
            float(capacity.get("cpu_cores", 0)), int(capacity.get("memory_bytes", 0)), int(capacity.get("seats", 0))
        ),
        reserved=reserved,
        used=Resources(float(host.usage.get("cpu_cores", 0)), int(host.usage.get("memory_bytes", 0)), reserved.seats),
        disk_free_bytes=int(capacity.get("disk_free_bytes", 0)),
        image_ids=frozenset(str(image["image_id"]) for image in host.images),
        pulling={image: int(left) for image, left in host.pulling.items()},
        pull_bytes_per_s=host.pull_bytes_per_s or DEFAULT_PULL_BYTES_PER_S,
        boot_s=profile.boot_mean_s,
    )
