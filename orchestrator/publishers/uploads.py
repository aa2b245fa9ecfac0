"""Uploads: begun, received in one go or in parts, given up, cleared away. No HTTP.

The database says which upload of a game is open; the spool holds its bytes. An upload that nobody has sent anything of
for `HELD` rests: it gives way to a new one of the same game, is promised no room on the disk, and is gone after `KEPT`.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Delete, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, DatabaseUnavailable, InvalidRequest, NotFound, StoreUnavailable, TooLarge
from orchestrator.ids import new_id
from orchestrator.notices import Notices
from orchestrator.publishers.game_archive import MOST_ARCHIVE_BYTES
from orchestrator.publishers.games import OwnedGame, owned
from orchestrator.publishers.models import Publisher, Upload
from orchestrator.publishers.receiving import Digest, receive
from orchestrator.publishers.spool import BeingWritten, Spool, Writing
from orchestrator.publishers.status import UploadState

HELD = timedelta(seconds=60)
KEPT = timedelta(days=1)
NEWS = "publishing"
"""The notice that an archive is whole."""

_ROOM_FACTOR = 2  # the archive, and the layer that is made of it
_CLEAR_EVERY_S = 600.0
_IS_OPEN = Upload.state.in_([UploadState.RECEIVING, UploadState.PROCESSING])

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sender says of an archive before it comes. `digest` is its SHA-256 in hex."""

    size_bytes: int | None = None
    digest: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """An upload and the game it is of."""

    found: OwnedGame
    upload: Upload


class Uploads:
    def __init__(self, database: Database, notices: Notices, spool: Spool) -> None:
        self._database = database
        self._notices = notices
        self._spool = spool

    async def begin(self, publisher: Publisher, slug: str, wanted: Wanted, *, by: Actor = COMMAND_LINE) -> Owned:
        """Room for an archive. TooLarge, NotFound, Forbidden, Conflict `upload_in_progress`, StoreUnavailable."""
        if wanted.size_bytes is not None and wanted.size_bytes > MOST_ARCHIVE_BYTES:
            raise TooLarge(f"An archive may have {MOST_ARCHIVE_BYTES // 1024**3} GiB.")
        async with self._database.read() as session:
            await owned(session, publisher, slug)  # nobody learns of our disk before
        spool_id = await asyncio.to_thread(lambda: self._spool.id)
        free_bytes = await asyncio.to_thread(self._spool.free_bytes)
        upload_id = new_id("upl")
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{slug}")
            await self._database.lock(session, f"spool:{spool_id}")
            found = await owned(session, publisher, slug)
            now = await self._database.now(session)
            superseded = await _give_way(session, found, now)
            coming_bytes = await _coming_bytes(session, spool_id, now)
            if free_bytes < coming_bytes + (wanted.size_bytes or 0) * _ROOM_FACTOR:
                raise _no_room()
            upload = Upload(
                id=upload_id,
                game_id=found.game.id,
                state=UploadState.RECEIVING,
                version=wanted.version,
                size_bytes=wanted.size_bytes,
                received_bytes=0,
                announced_digest=wanted.digest,
                spool=spool_id,
                busy_until=now + HELD,
                reasons=[],
                created_at=now,
                changed_at=now,
            )
            session.add(upload)
            record(session, by, Action.GAME_UPLOAD, slug, now, upload=upload_id)
        if superseded is not None:
            await asyncio.to_thread(self._spool.remove, superseded)
        await asyncio.to_thread(self._spool.begin, upload_id)
        log.info("upload.begun", upload=upload_id, game=slug, bytes=wanted.size_bytes)
        return Owned(replace(found, newest=upload), upload)

    async def receive_whole(
        self,
        publisher: Publisher,
        slug: str,
        wanted: Wanted,
        body: AsyncIterator[bytes],
        *,
        by: Actor = COMMAND_LINE,
    ) -> Owned:
        """An archive in one go. Raises what `begin` raises, and `InvalidRequest` when it does not come whole: what came
        of one whose size is known can be gone on with; `digest_mismatch` when it is another, and nothing of it stays.
        """
        begun = await self.begin(publisher, slug, wanted, by=by)
        upload = begun.upload
        sha256 = hashlib.sha256()
        try:
            received = await self._receive(upload, 0, body, sha256)
        except BaseException:
            if wanted.size_bytes is None:
                await asyncio.shield(self._forget(upload.id))
            else:
                await asyncio.shield(self._let_go(upload.id))
            raise
        if wanted.digest is not None and sha256.hexdigest() != wanted.digest:
            await self._forget(upload.id)
            raise InvalidRequest("The archive that arrived has another digest.", code="digest_mismatch")
        if wanted.size_bytes is not None and received != wanted.size_bytes:
            await self._let_go(upload.id)
            raise InvalidRequest("The body did not arrive whole.")
        return await self._arrived(publisher, slug, upload.id, received)

    async def receive_part(
        self, publisher: Publisher, slug: str, upload_id: str, offset: int, body: AsyncIterator[bytes]
    ) -> Owned:
        """More of an upload, from `offset` on. Conflict `wrong_offset`, `upload_in_progress` while another part is
        being received, `upload_closed`; NotFound, Forbidden, InvalidRequest. What arrived stays, whatever ends it.
        """
        upload = (await self.of(publisher, slug, upload_id)).upload
        if upload.state != UploadState.RECEIVING:
            raise _closed()
        received = await self._receive(upload, offset, body, None)
        if received == upload.size_bytes:
            return await self._arrived(publisher, slug, upload_id, received)
        return await self.of(publisher, slug, upload_id)

    async def of(self, publisher: Publisher, slug: str, upload_id: str) -> Owned:
        """An upload, with how much of it is here. NotFound, Forbidden, StoreUnavailable where its bytes are out of
        this replica's reach.
        """
        async with self._database.read() as session:
            found = await owned(session, publisher, slug)
            upload = await session.get(Upload, upload_id)
        if upload is None or upload.game_id != found.game.id:
            raise NotFound("There is no such upload; one that rests is kept for a day.")
        if upload.state == UploadState.RECEIVING:
            await self._require_reach(upload)
            try:
                upload.received_bytes = await asyncio.to_thread(self._spool.received_bytes, upload_id)
            except FileNotFoundError as error:
                raise NotFound("What had arrived of this upload is gone.") from error
        return Owned(found, upload)

    async def give_up(self, publisher: Publisher, slug: str, upload_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """Nothing of it stays. NotFound, Forbidden, Conflict `upload_closed`."""
        upload = (await self.of(publisher, slug, upload_id)).upload
        if upload.state != UploadState.RECEIVING:
            raise _closed()
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{slug}")
            if await session.scalar(_forgotten(upload_id).returning(Upload.id)) is None:
                raise _closed()  # the last of it has just arrived
            now = await self._database.now(session)
            record(session, by, Action.GAME_UPLOAD_GIVE_UP, slug, now, upload=upload_id)
        await asyncio.to_thread(self._spool.remove, upload_id)

    async def run(self) -> None:
        """Clears away, until cancelled."""
        while True:
            with suppress(DatabaseUnavailable):
                await self.clear()
            await asyncio.sleep(_CLEAR_EVERY_S)

    async def clear(self, kept: timedelta = KEPT) -> None:
        """Uploads that rested for `kept`, and files that no open upload has."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            resting = (Upload.state == UploadState.RECEIVING, Upload.busy_until <= now, Upload.changed_at <= now - kept)
            ended = (await session.scalars(select(Upload.id).where(*resting))).all()
            await session.execute(delete(Upload).where(Upload.id.in_(ended)))
            still_open = set(await session.scalars(select(Upload.id).where(_IS_OPEN)))

        def remove() -> None:
            if not self._spool.folder.exists():
                return
            for upload_id in {*ended, *self._spool.left_since(time.time() - kept.total_seconds())} - still_open:
                self._spool.remove(upload_id)

        await asyncio.to_thread(remove)
        for upload_id in ended:
            log.info("upload.cleared", upload=upload_id)

    async def _receive(self, upload: Upload, offset: int, body: AsyncIterator[bytes], digest: Digest | None) -> int:
        """How much is there now."""
        await self._require_reach(upload)
        most_bytes = MOST_ARCHIVE_BYTES if upload.size_bytes is None else upload.size_bytes
        try:
            writing = await asyncio.to_thread(Writing, self._spool, upload.id)
        except BeingWritten as error:
            raise _in_progress() from error
        except FileNotFoundError as error:
            raise NotFound("What had arrived of this upload is gone.") from error
        with writing:
            if writing.size_bytes != offset:
                told = f"{writing.size_bytes} bytes have arrived, not {offset}."
                raise Conflict(told, code="wrong_offset", details={"offset": str(writing.size_bytes)})

            async def tell() -> None:
                await self._note(upload.id, writing.size_bytes)

            await tell()
            try:
                await receive(writing, body, most_bytes=most_bytes, tell=tell, digest=digest)
            except OSError as error:
                raise _no_room() from error
            finally:
                await asyncio.shield(tell())
            return writing.size_bytes

    async def _arrived(self, publisher: Publisher, slug: str, upload_id: str, size_bytes: int) -> Owned:
        """As of this moment: by the time that it is told, all may be checked. NotFound when it gave way meanwhile."""
        async with self._database.write() as session:
            await self._database.lock(session, f"game:{slug}")
            found = await owned(session, publisher, slug)
            upload = await session.get(Upload, upload_id)
            if upload is None or upload.state != UploadState.RECEIVING:
                raise NotFound("This upload gave way to another one.")
            now = await self._database.now(session)
            upload.state = UploadState.PROCESSING
            upload.size_bytes = upload.received_bytes = size_bytes
            upload.busy_until = upload.changed_at = now
            self._notices.publish_after_commit(session, NEWS)
        log.info("upload.arrived", upload=upload_id, game=slug, bytes=size_bytes)
        return Owned(replace(found, newest=upload), upload)

    async def _note(self, upload_id: str, received_bytes: int) -> None:
        async with self._database.write() as session:
            now = await self._database.now(session)
            values = {"received_bytes": received_bytes, "changed_at": now, "busy_until": now + HELD}
            is_it = (Upload.id == upload_id, Upload.state == UploadState.RECEIVING)
            await session.execute(update(Upload).where(*is_it).values(**values))

    async def _let_go(self, upload_id: str) -> None:
        """Nobody sends it now: it rests, or gives way."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            await session.execute(update(Upload).where(Upload.id == upload_id).values(busy_until=now))

    async def _forget(self, upload_id: str) -> None:
        async with self._database.write() as session:
            await session.execute(_forgotten(upload_id))
        await asyncio.to_thread(self._spool.remove, upload_id)

    async def _require_reach(self, upload: Upload) -> None:
        if upload.spool != await asyncio.to_thread(lambda: self._spool.id):
            raise StoreUnavailable("This replica has not what arrived of the upload. Please try again.")


def _forgotten(upload_id: str) -> Delete:
    return delete(Upload).where(Upload.id == upload_id, Upload.state == UploadState.RECEIVING)


async def _give_way(session: AsyncSession, found: OwnedGame, now: datetime) -> str | None:
    """The id of the upload that rests and makes room. Conflict when one is being sent or processed."""
    before = await session.scalar(select(Upload).where(Upload.game_id == found.game.id, _IS_OPEN))
    if before is None:
        return None
    if before.state == UploadState.PROCESSING or before.busy_until > now:
        raise _in_progress()
    await session.delete(before)
    await session.flush()
    return before.id


async def _coming_bytes(session: AsyncSession, spool_id: str, now: datetime) -> int:
    """What the uploads in this spool that do not rest will still write. One of unknown size has not said what comes."""
    is_awaited = or_(Upload.state == UploadState.PROCESSING, Upload.busy_until > now)
    size_bytes = func.coalesce(Upload.size_bytes, Upload.received_bytes)
    coming_bytes = func.sum(size_bytes * _ROOM_FACTOR - Upload.received_bytes)
    query = select(coming_bytes).where(_IS_OPEN, is_awaited, Upload.spool == spool_id)
    return int(await session.scalar(query) or 0)


def _closed() -> Conflict:
    return Conflict("This upload is complete.", code="upload_closed")


def _in_progress() -> Conflict:
    return Conflict("Another upload of this game is on its way.", code="upload_in_progress")


def _no_room() -> StoreUnavailable:
    return StoreUnavailable("There is no room for this archive at the moment.")
