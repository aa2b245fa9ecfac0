"""The loop that tells hosts which images to fetch before anybody asks, and which to let go first. Both are decided by
`scheduler.prepull`.

Every replica runs it. An order is a build's id in its host's row, given only while the row has none, so what two
replicas decide at once is done once; it is taken back when the image is there, when the host could not fetch it, or
when nobody plays the game any more.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Text, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from orchestrator.catalog.models import Build, Game
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host
from orchestrator.fleet.placement import Placement, unpacked_ratio
from orchestrator.fleet.spare_images import SpareImages
from orchestrator.fleet.sync import raise_revision
from orchestrator.notices import Notices
from scheduler.copies import Image
from scheduler.prepull import INTERVAL_S, WINDOW_S, WINDOWS, demand, plan
from scheduler.values import HostView

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Orders:
    """Build ids by host: those to give, and those to take back. `spare` are image ids by host."""

    given: Mapping[str, str]
    taken_back: Mapping[str, str]
    spare: Mapping[str, frozenset[str]]


class Prepulling:
    def __init__(
        self, database: Database, notices: Notices, ledger: SessionLedger, placement: Placement, spare: SpareImages
    ) -> None:
        self._database = database
        self._notices = notices
        self._ledger = ledger
        self._placement = placement
        self._spare = spare

    async def run(self) -> None:
        """Until cancelled. A database that is away is the reconciler's news."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.round()
            except DatabaseUnavailable:
                continue

    async def round(self) -> None:
        """One look at the fleet, and what follows from it."""
        orders = await self._decide()
        self._spare.decided(orders.spare)
        for host_id in sorted(orders.given.keys() | orders.taken_back.keys()):
            await self._tell(host_id, orders.taken_back.get(host_id), orders.given.get(host_id))

    async def _decide(self) -> _Orders:
        async with self._database.read() as session:
            now = await self._database.now(session)
            builds = await _pullable(session)
            outdated = await _outdated(session)
            wanted_by = await self._ledger.launches_by_age(
                session, [now - timedelta(seconds=WINDOW_S * (age + 1)) for age in range(WINDOWS)]
            )
            views = await self._placement.hosts(session, now)
            prepulls = await _prepulls(session)
        # Of a large fleet it is seconds, and shares nothing with anybody.
        return await asyncio.to_thread(_planned, views, prepulls, builds, outdated, wanted_by)

    async def _tell(self, host_id: str, taken_back: str | None, given: str | None) -> None:
        async with self._database.write() as session:
            host = await session.get_one(Host, host_id, populate_existing=True, with_for_update={"key_share": True})
            before = list(host.prepulls)
            after = [build_id for build_id in before if build_id != taken_back]
            if given is not None and not after and not host.is_draining:
                after = [given]
            if after == before:
                return
            host.prepulls = after
            await session.flush()
            await raise_revision(session, host_id)
            self._notices.publish_after_commit(session, f"host:{host_id}")
        if after:
            _log.info("prepull.ordered", host=host_id, build=after[0])


def _planned(
    views: Sequence[HostView],
    prepulls: Mapping[str, Sequence[str]],
    builds: Mapping[str, BuildSpec],
    outdated: Collection[str],
    wanted_by: Mapping[str, Sequence[int]],
) -> _Orders:
    """From the hosts, the builds that each was told to fetch, each game's build and launches by age, and the images
    that no game is launched with any more. Pure.
    """
    images = {image_id: Image(0, 0.0) for image_id in outdated}
    for game_id, build in builds.items():  # several games may be of one image
        before = images[build.image_id].demand if build.image_id in images else 0.0
        images[build.image_id] = Image(_disk_bytes(build), before + demand(wanted_by.get(game_id, ())))
    by_image = {build.image_id: build.build_id for build in builds.values()}
    by_build = {build.build_id: build.image_id for build in builds.values()}
    ordered = [(view, prepulls[view.host_id]) for view in views if view.host_id in prepulls]
    on_their_way = {
        view.host_id: {by_build[one] for one in build_ids if one in by_build} - view.unfetchable
        for view, build_ids in ordered
    }
    found = plan(views, images, on_their_way)
    over: dict[str, str] = {}
    for view, build_ids in ordered:
        for build_id in build_ids:
            image_id = by_build.get(build_id)
            if image_id is None or image_id in view.image_ids | view.unfetchable or not found.wanted[image_id]:
                over[view.host_id] = build_id
    return _Orders({host_id: by_image[image_id] for host_id, image_id in found.fetches}, over, found.spare)


async def _prepulls(session: AsyncSession) -> dict[str, list[str]]:
    """By host, the builds that it has been told to fetch; a host without any is left out."""
    rows = await session.execute(select(Host.id, Host.prepulls).where(cast(Host.prepulls, Text) != "[]"))
    return {row.id: row.prepulls for row in rows}


async def _pullable(session: AsyncSession) -> dict[str, BuildSpec]:
    """The current builds that a registry has, by their games' ids."""
    rows = await session.execute(select(Game.id, Build).join(Build, Build.id == Game.current_build_id))
    specs = {game_id: build.build_spec for game_id, build in rows}
    return {game_id: spec for game_id, spec in specs.items() if spec.manifest_digest is not None}


async def _outdated(session: AsyncSession) -> set[str]:
    """Images of builds, none of which is a game's current one."""
    current = select(Build.image_id).join(Game, Game.current_build_id == Build.id)
    return set(await session.scalars(select(Build.image_id).distinct().where(Build.image_id.not_in(current))))


def _disk_bytes(build: BuildSpec) -> int:
    return build.size_bytes or round(unpacked_ratio(build) * sum(build.layers.values()))
