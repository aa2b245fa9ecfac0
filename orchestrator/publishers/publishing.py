"""From an archive that is whole to a build that is played: checked, made a layer, stored as an image, made active.

Every replica runs it for the uploads in its own spool, one at a time, each by a lease in its row. A replica that dies
leaves an upload that the next one begins anew: storing the same layer again changes nothing. What the archive is at
fault for rejects it, with reasons; what registry, engine, disk or we are at fault for is tried again for `TRIED_FOR`.
No try leaves anything behind.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select, update

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.catalog.definition import BuildDefinition
from orchestrator.catalog.images import EngineImage, ImageUnavailable
from orchestrator.catalog.models import Build, Game
from orchestrator.catalog.service import add_build
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.fleet.host_images import ask_to_look
from orchestrator.notices import REREAD_S, Notices
from orchestrator.publishers.destinations import Destination
from orchestrator.publishers.game_archive import GameArchive, read_game
from orchestrator.publishers.games import OwnedGame, play_build
from orchestrator.publishers.image import build_of
from orchestrator.publishers.layer import Layer, LayerWriter
from orchestrator.publishers.models import PublishedGame, Upload
from orchestrator.publishers.spool import Spool
from orchestrator.publishers.status import UploadState
from orchestrator.publishers.uploads import NEWS

LEASE = timedelta(seconds=60)
TRIED_FOR = timedelta(hours=6)
AGAIN_AFTER = timedelta(seconds=30)

_WAITS = {
    "code": "waits_for_store",
    "message": "The archive has arrived. It cannot be stored here just now, and is tried again by itself.",
}

log = structlog.get_logger()


FindDestination = Callable[[], Awaitable[Destination]]


@dataclass(frozen=True, slots=True)
class _Task:
    upload_id: str
    slug: str
    launcher: str
    announced_digest: str | None
    arrived_at: datetime


class Stopped(Exception):
    """The replica is about to end."""


class Publishing:
    def __init__(self, database: Database, notices: Notices, spool: Spool, find_destination: FindDestination) -> None:
        self._database = database
        self._notices = notices
        self._spool = spool
        self._find_destination = find_destination

    async def run(self) -> None:
        """Until cancelled."""
        with self._notices.subscribe(NEWS) as news:
            while True:
                try:
                    while await self.round():
                        pass
                except DatabaseUnavailable:
                    pass
                await news.wait(REREAD_S)

    async def round(self) -> bool:
        """One upload, if any waits. False when none does."""
        if not self._spool.folder.exists():
            return False
        spool_id = await asyncio.to_thread(lambda: self._spool.id)
        task = await self._claim(spool_id)
        if task is None:
            return False
        holding = asyncio.create_task(self._hold(task.upload_id))
        try:
            await self._process(task)
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        return True

    async def _process(self, task: _Task) -> None:
        file = self._spool.new_layer(task.upload_id)
        try:
            archive, layer = await self._checked(task, file)
            destination = await self._find_destination()
            image = await destination.store(task.slug, task.launcher, layer, file)
            await self._accept(task, archive, image)
        except ArchiveRefused as refusal:
            await self._reject(task, refusal.code, refusal.message)
        except DatabaseUnavailable:
            raise
        except (ImageUnavailable, OSError) as error:
            if await asyncio.to_thread(self._spool.archive(task.upload_id).exists):
                await self._wait(task, str(error))
            else:  # unless our lease had run out, and whoever took over is done
                await self._reject(task, "lost", "What had arrived is gone. Please upload the archive again.")
        except Exception as error:
            log.exception("upload.mistake", upload=task.upload_id)
            await self._wait(task, repr(error))
        finally:
            await asyncio.to_thread(file.unlink, missing_ok=True)

    async def _checked(self, task: _Task, target: Path) -> tuple[GameArchive, Layer]:
        """The archive read and its layer written, in a thread that ends soon when we are told to end."""
        stop = threading.Event()

        def pieces() -> Generator[bytes]:
            for piece in self._spool.pieces(task.upload_id):
                if stop.is_set():
                    raise Stopped
                self._spool.require_room()
                yield piece

        def work() -> tuple[GameArchive, Layer]:
            with target.open("wb") as file:
                writer = LayerWriter(file)
                archive = read_game(pieces(), task.launcher, writer.take)
                if task.announced_digest not in {None, archive.digest}:
                    raise ArchiveRefused("digest_mismatch", "The archive that arrived has another digest.")
                return archive, writer.finish()

        thread = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.gather(thread, return_exceptions=True)
            raise

    async def _claim(self, spool_id: str) -> _Task | None:
        async with self._database.write() as session:
            now = await self._database.now(session)
            waiting = (Upload.state == UploadState.PROCESSING, Upload.spool == spool_id, Upload.busy_until <= now)
            query = (
                select(Upload, Game.slug, PublishedGame.launcher)
                .join(Game, Game.id == Upload.game_id)
                .join(PublishedGame, PublishedGame.game_id == Upload.game_id)
                .where(*waiting)
                .order_by(Upload.changed_at)
                .limit(1)
                .with_for_update(of=Upload, skip_locked=True)
            )
            row = (await session.execute(query)).one_or_none()
            if row is None:
                return None
            upload, slug, launcher = row
            upload.busy_until = now + LEASE
            return _Task(upload.id, slug, launcher, upload.announced_digest, upload.changed_at)

    async def _hold(self, upload_id: str) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                async with self._database.write() as session:
                    now = await self._database.now(session)
                    await session.execute(update(Upload).where(Upload.id == upload_id).values(busy_until=now + LEASE))
            except DatabaseUnavailable:
                continue

    async def _accept(self, task: _Task, archive: GameArchive, image: EngineImage) -> None:
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{task.slug}")
            now = await self._database.now(session)
            upload = await session.get_one(Upload, task.upload_id, populate_existing=True)
            if upload.state != UploadState.PROCESSING:
                return  # somebody else was faster
            game = await session.get_one(Game, upload.game_id)
            published = await session.get_one(PublishedGame, upload.game_id)
            builds = (await session.scalars(select(Build).where(Build.game_id == game.id))).all()
            definition = _definition(upload.version, task.launcher, published, image, builds)
            build, _ = await add_build(session, game.id, definition, image, now)
            play_build(OwnedGame(game, published, upload), build.id, now)
            upload.state, upload.digest, upload.build_id = UploadState.ACCEPTED, archive.digest, build.id
            upload.version, upload.busy_until, upload.changed_at = build.version, now, now
            upload.reasons = []
            await mark_changed(self._database, session, [game.id])
            if image.manifest_digest is None:
                await ask_to_look(session, self._notices, now)
        await asyncio.to_thread(self._spool.remove, task.upload_id)
        log.info("upload.accepted", upload=task.upload_id, game=task.slug, build=build.id, bytes=archive.size_bytes)

    async def _reject(self, task: _Task, code: str, message: str) -> None:
        """Its bytes go first: nothing of what was refused stays, whatever dies."""
        await asyncio.to_thread(self._spool.remove, task.upload_id)
        async with self._database.write() as session:
            now = await self._database.now(session)
            is_rejected = await session.scalar(
                update(Upload)
                .where(Upload.id == task.upload_id, Upload.state == UploadState.PROCESSING)
                .values(
                    state=UploadState.REJECTED,
                    reasons=[{"code": code, "message": message[:1000]}],
                    busy_until=now,
                    changed_at=now,
                )
                .returning(Upload.id)
            )
        if is_rejected is not None:
            log.info("upload.rejected", upload=task.upload_id, game=task.slug, code=code)

    async def _wait(self, task: _Task, why: str) -> None:
        async with self._database.write() as session:
            now = await self._database.now(session)
            await session.execute(
                update(Upload)
                .where(Upload.id == task.upload_id, Upload.state == UploadState.PROCESSING)
                .values(busy_until=now + AGAIN_AFTER, reasons=[_WAITS])
            )
        log.warning("upload.not_stored", upload=task.upload_id, game=task.slug, reason=why)
        if now - task.arrived_at > TRIED_FOR:
            told = (
                "The game could not be stored here for hours, which is not the archive's fault. Upload it again later."
            )
            await self._reject(task, "not_stored", told)


def _definition(
    version: str | None, launcher: str, published: PublishedGame, image: EngineImage, builds: Sequence[Build]
) -> BuildDefinition:
    """Without a version of the publisher's an image that was there before keeps its own, and a new one is counted."""
    known = [build.version for build in builds if build.image_id == image.image_id]
    number = version or (known[-1] if known else str(len(builds) + 1))
    paths = [str(path) for path in published.save_paths]
    return build_of(number, launcher, image, paths, is_renpy=published.renpy_dir is not None)
