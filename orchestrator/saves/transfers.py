"""A person's own copy of a save: handing one out, and taking one back as a new version of its slot.

What comes in is checked as if a host were to restore it at once (`archive_check`) before anybody can see it, and it
becomes the head under the same conditions as a restore: nobody plays, and the owner's lock is held.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.models import Build, Game
from orchestrator.database import Database
from orchestrator.errors import Conflict, InvalidRequest, NotFound, RateLimited, StoreUnavailable
from orchestrator.ids import new_id
from orchestrator.play.models import Session
from orchestrator.saves.archive_check import NotASave, SaveShape, check
from orchestrator.saves.heads import Upload, record_upload
from orchestrator.saves.intake import ARCHIVE_OVERHEAD_BYTES
from orchestrator.saves.models import UPLOADED, SaveSlot
from orchestrator.saves.slots import SlotSummary, refuse_while_played, slot_of, summary_of, version_of
from orchestrator.saves.store import ArchiveGone, ArchiveStore

MOST_UPLOADS_AT_ONCE = 8
"""Of all people; of one person it is one."""
MOST_DOWNLOADS_AT_ONCE = 3
"""Of one person."""
MOST_DOWNLOADS_OF_ALL = 32
"""Each takes as much of the temporary disk as its archive has, until it was read."""
UPLOAD_TIME_S = 600.0
_IN_MEMORY_BYTES = 1024**2
_PIECE_BYTES = 256 * 1024

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Download:
    """An archive as it lies in the store. `file_name` has letters, digits, dots and hyphens alone."""

    file_name: str
    size_bytes: int
    body: AsyncIterator[bytes]


class SaveTransfers:
    def __init__(self, database: Database, store: ArchiveStore) -> None:
        self._database = database
        self._store = store
        self._uploading = set[str]()
        self._downloads = WeakKeyDictionary[AsyncIterator[bytes], str]()

    async def download(self, owner: str, slot_id: str, version_id: str | None) -> Download:
        """A version of a slot, its newest state without `version_id`. `NotFound`, `Forbidden`, `Conflict`
        `version_damaged` when the store lost it, `RateLimited` while this person reads as many as one may.
        """
        async with self._database.read() as session:
            slot = await slot_of(session, owner, slot_id, with_deleted=True)
            version = await version_of(session, slot, version_id or slot.head_version_id)
            game = await session.get_one(Game, slot.game_id)
        readers = list(self._downloads.values())
        if readers.count(owner) >= MOST_DOWNLOADS_AT_ONCE:
            raise RateLimited("Other saves of yours are still being downloaded.", retry_after_s=10)
        if len(readers) >= MOST_DOWNLOADS_OF_ALL:
            raise RateLimited("Many saves are being downloaded just now. Please try again.", retry_after_s=10)
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the body
        body = _read_out(file)
        self._downloads[body] = owner  # for as long as somebody reads it
        try:  # first whole: who reads slowly takes no place at the store, and what breaks off there is no half answer
            async for piece in self._store.read(version.key):
                await asyncio.to_thread(file.write, piece)
        except BaseException as error:
            file.close()
            if isinstance(error, ArchiveGone):
                raise Conflict("This version is damaged and cannot be downloaded.", code="version_damaged") from error
            if isinstance(error, OSError):
                raise _no_room(error) from error
            raise
        file.seek(0)
        return Download(_file_name(game.slug, slot.number, version.created_at), version.size_bytes, body)

    async def upload(self, owner: str, slot_id: str, body: AsyncIterator[bytes]) -> SlotSummary:
        """Make what comes the newest version of a slot; what was newest stays restorable.

        Raises `NotFound`, `Forbidden`, `Conflict` `slot_in_use`, `InvalidRequest` (`save_too_large`, `not_a_save`),
        `RateLimited` when they or many others hand one in just now, and `StoreUnavailable`; then nothing has changed.
        """
        if owner in self._uploading or len(self._uploading) >= MOST_UPLOADS_AT_ONCE:
            raise RateLimited("A save is being handed in just now. Please try again.", retry_after_s=10)
        self._uploading.add(owner)
        try:
            async with asyncio.timeout(UPLOAD_TIME_S):
                return await self._upload(owner, slot_id, body)
        except TimeoutError as error:
            raise InvalidRequest("The upload took too long.") from error
        finally:
            self._uploading.discard(owner)

    async def _upload(self, owner: str, slot_id: str, body: AsyncIterator[bytes]) -> SlotSummary:
        async with self._database.read() as session:
            slot = await slot_of(session, owner, slot_id)
            await refuse_while_played(session, slot)
            shape, session_id = await _shape_of(session, slot), await _session_on(session, slot_id)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            try:
                digest, size_bytes = await _spooled(file, body, shape.most_bytes + ARCHIVE_OVERHEAD_BYTES)
            except OSError as error:
                raise _no_room(error) from error
            await _require_save(file, shape)
            key = f"{slot_id}/{session_id}-{UPLOADED}-0-{digest}-{new_id('arc')}.tar.zst"
            await self._store.put(key, digest, size_bytes, _pieces(file))
        try:
            summary = await self._record(owner, slot_id, Upload(session_id, digest, size_bytes, key))
        except (Conflict, NotFound):
            await self._store.delete(key)  # surely in no row; after any other failure the sweep decides
            raise
        _log.info("save.uploaded", slot=slot_id, bytes=size_bytes)
        return summary

    async def _record(self, owner: str, slot_id: str, upload: Upload) -> SlotSummary:
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            slot = await slot_of(session, owner, slot_id)
            await refuse_while_played(session, slot)
            await record_upload(session, slot, upload, await self._database.now(session))
            await session.flush()
            return await summary_of(session, slot_id)


async def _shape_of(session: AsyncSession, slot: SaveSlot) -> SaveShape:
    """What the game's current build calls a save: it is what plays it next."""
    current = select(Build).join(Game, Game.current_build_id == Build.id).where(Game.id == slot.game_id)
    build = await session.scalar(current)
    if build is None:
        raise NotFound("this game cannot be played at the moment")
    spec = build.build_spec
    return SaveShape(spec.save_paths, spec.save_excludes, spec.limits.save_bytes)


async def _session_on(session: AsyncSession, slot_id: str) -> str:
    """The last one; a slot appears with a session's save, so there is one."""
    last = select(Session.id).where(Session.slot_id == slot_id).order_by(Session.created_at.desc()).limit(1)
    return (await session.execute(last)).scalar_one()


async def _spooled(file: IO[bytes], body: AsyncIterator[bytes], most_bytes: int) -> tuple[str, int]:
    """Digest and size of what was written to `file`."""
    sha256, size_bytes = hashlib.sha256(), 0
    async for piece in body:
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            raise InvalidRequest(f"a save of this game has at most {most_bytes} bytes", code="save_too_large")
        sha256.update(piece)
        await asyncio.to_thread(file.write, piece)
    return sha256.hexdigest(), size_bytes


def _no_room(error: OSError) -> StoreUnavailable:
    _log.error("save.not_spooled", error=str(error))
    return StoreUnavailable("There is no room for a copy of the save at the moment.")


async def _require_save(file: IO[bytes], shape: SaveShape) -> None:
    file.seek(0)
    try:
        await asyncio.to_thread(check, file, shape)
    except NotASave as error:
        raise InvalidRequest(str(error), code="not_a_save") from error
    file.seek(0)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        yield piece


async def _read_out(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        async for piece in _pieces(file):
            yield piece


def _file_name(slug: str, number: int, made_at: datetime) -> str:
    return f"{slug}-slot-{number}-{made_at:%Y%m%d-%H%M%S}.tar.zst"
