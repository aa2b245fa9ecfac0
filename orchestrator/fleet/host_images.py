"""Images on hosts: what an operator sees of one host's, and whether any host has one that no registry has."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from agent_protocol import HostImage, HostPull
from orchestrator.catalog.models import Build, Game
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.fleet.models import Host
from orchestrator.fleet.reports import image_ids
from orchestrator.fleet.schemas import Wire
from orchestrator.fleet.spare_images import SpareImages
from orchestrator.http import Timestamp
from orchestrator.notices import Notices

_LOOK_EVERY_S = 0.1
_BACK_WITHIN = timedelta(seconds=20)


class CachedImageView(Wire):
    """`games` are those of which a build is this image, by slug and version. A `spare` one goes first when the host
    needs room: enough others hold it.
    """

    image_id: str
    manifest_digest: str | None
    size_bytes: int
    last_used_at: Timestamp | None
    spare: bool
    games: list[str]


class PullView(Wire):
    """`total_bytes` is null until it is known. `unasked` says that no session waits for it. With a `failure` it could
    not be fetched lately, and is not on its way.
    """

    image_id: str
    done_bytes: int
    total_bytes: int | None
    unasked: bool
    failure: str | None
    games: list[str]


class HostImagesAnswer(Wire):
    """`ordered` are builds that the host is to fetch unasked."""

    images: list[CachedImageView]
    pulling: list[PullView]
    ordered: list[str]
    disk_free_bytes: int
    disk_evictable_bytes: int
    pull_bytes_per_s: float | None


class HostImages:
    def __init__(self, database: Database, notices: Notices, spare: SpareImages) -> None:
        self._database = database
        self._notices = notices
        self._spare = spare

    async def of(self, host_id: str) -> HostImagesAnswer:
        """As of the host's last report, the newest use first. Raises `NotFound`."""
        async with self._database.read() as session:
            host = await session.get(Host, host_id)
            if host is None:
                raise NotFound(f"there is no host '{host_id}'")
            names: defaultdict[str, list[str]] = defaultdict(list)
            rows = select(Build.image_id, Game.slug, Build.version).join(Game, Game.id == Build.game_id)
            for image_id, slug, version in await session.execute(rows.order_by(Game.slug, Build.number)):
                names[image_id].append(f"{slug} {version}")
        images = [HostImage.model_validate(image) for image in host.images]
        images.sort(key=lambda image: (-(image.last_used_at.timestamp() if image.last_used_at else 0), image.image_id))
        pulls = [HostPull.model_validate(pull) for pull in host.pulls]
        spare = self._spare.of(host_id) or frozenset()
        return HostImagesAnswer(
            images=[
                CachedImageView(
                    image_id=image.image_id,
                    manifest_digest=image.manifest_digest,
                    size_bytes=image.size_bytes,
                    last_used_at=image.last_used_at,
                    spare=image.image_id in spare,
                    games=names[image.image_id],
                )
                for image in images
            ],
            pulling=[
                PullView(
                    image_id=pull.image_id,
                    done_bytes=pull.done,
                    total_bytes=pull.total,
                    unasked=pull.unasked,
                    failure=pull.failure,
                    games=names[pull.image_id],
                )
                for pull in pulls
            ],
            ordered=[str(build_id) for build_id in host.prepulls],
            disk_free_bytes=int(host.capacity.get("disk_free_bytes", 0)),
            disk_evictable_bytes=int(host.capacity.get("disk_evictable_bytes", 0)),
            pull_bytes_per_s=host.pull_bytes_per_s,
        )

    async def is_held(self, image_id: str, within_s: float) -> bool:
        """Whether a host has the image, as soon as one says so: they are asked to look. False at once where no host
        reports.
        """
        until_s = asyncio.get_running_loop().time() + within_s
        async with self._database.write() as session:
            asked = await ask_to_look(session, self._notices, await self._database.now(session))
        holders = select(Host).where(Host.id.in_(asked)).options(load_only(Host.images))
        while asked:
            async with self._database.read() as session:
                if any(image_id in image_ids(host) for host in await session.scalars(holders)):
                    return True
            if asyncio.get_running_loop().time() >= until_s:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        return False


async def ask_to_look(session: AsyncSession, notices: Notices, now: datetime) -> Collection[str]:
    """Have every host that reports, or did until a moment ago, look which images its engine has, as it does by itself
    now and then: for one that has come past any registry. They hear of it after the commit. Answers their ids.
    """
    heard = update(Host).where(Host.lease_until > now - _BACK_WITHIN, Host.removed_at.is_(None))
    asked = (await session.scalars(heard.values(revision=Host.revision + 1).returning(Host.id))).all()
    for host_id in asked:
        notices.publish_after_commit(session, f"host:{host_id}")
    return asked
