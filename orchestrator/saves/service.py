"""Slots and versions: which slot a launch plays, what a person can go back to, what a host may read.

What hosts send is `saves.intake`'s; what owners do beside playing is in `saves.keeping` and `saves.transfers`. The
store is never asked inside a transaction.
"""

import hashlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import RestoreSource
from orchestrator.database import Database
from orchestrator.errors import Conflict, Forbidden, InvalidRequest, NotFound
from orchestrator.ids import new_id
from orchestrator.play.lifecycle import ON_HOST
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.saves.slots import (
    SLOTS_PER_GAME,
    SlotSummary,
    free_number,
    last_launch,
    live_slots,
    refuse_while_played,
    slot_of,
    summaries,
    summary_of,
    version_of,
)
from orchestrator.saves.store import ArchiveGone, ArchiveStore, begun

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """The slot that a launch plays; its row may not exist yet."""

    slot_id: str
    number: int


@dataclass(frozen=True, slots=True)
class VersionSummary:
    version: SaveVersion
    is_head: bool


class Saves:
    def __init__(self, database: Database, store: ArchiveStore) -> None:
        self._database = database
        self._store = store

    async def slots(self, owner: str, game_id: str) -> list[SlotSummary]:
        """The owner's slots of a game that hold something, by number."""
        theirs = SaveSlot.owner == owner, SaveSlot.game_id == game_id, SaveSlot.deleted_at.is_(None)
        query = summaries().where(*theirs).order_by(SaveSlot.number)
        async with self._database.read() as session:
            return [SlotSummary(*row) for row in await session.execute(query)]

    async def choose(
        self, session: AsyncSession, owner: str, game_id: str, *, slot_id: str | None, is_fresh: bool
    ) -> SlotChoice:
        """The slot for a launch, in the caller's transaction.

        Named → that slot, `is_fresh` → an empty one, neither → the one last played, else an empty one. Raises
        `InvalidRequest` for another game's slot, `NotFound`, `Forbidden` for another person's, and `Conflict`
        `slots_full` when no place is empty.
        """
        if slot_id is not None:
            slot = await slot_of(session, owner, slot_id)
            if slot.game_id != game_id:
                raise InvalidRequest("this save slot belongs to another game")
            return _choice(slot)
        query = live_slots(owner, game_id).order_by(SaveSlot.last_played_at.desc()).limit(1)
        last_played = await session.scalar(query)
        if last_played is not None and not is_fresh:
            return _choice(last_played)
        free = await free_number(session, owner, game_id, 1)
        if free is None:
            raise Conflict(f"all {SLOTS_PER_GAME} save slots of this game are in use", code="slots_full")
        return SlotChoice(new_id("cls"), free)

    async def newest(self, session: AsyncSession, slot_ids: Collection[str]) -> dict[str, RestoreSource]:
        """By slot, where a host gets its newest state from; an empty slot has none."""
        heads = select(SaveSlot.id, SaveVersion).join(SaveVersion, SaveVersion.id == SaveSlot.head_version_id)
        rows = await session.execute(heads.where(SaveSlot.id.in_(slot_ids)))
        return {
            slot_id: RestoreSource(
                version_id=version.id,
                path=f"/api/agents/saves/{version.id}",
                digest=version.digest,
                size_bytes=version.size_bytes,
            )
            for slot_id, version in rows
        }

    async def versions(self, owner: str, slot_id: str) -> list[VersionSummary]:
        """What this slot can go back to, newest first. `NotFound`, `Forbidden` for another person's."""
        async with self._database.read() as session:
            slot = await slot_of(session, owner, slot_id, with_deleted=True)
            query = select(SaveVersion).where(SaveVersion.slot_id == slot.id).order_by(SaveVersion.created_at.desc())
            return [
                VersionSummary(version, version.id == slot.head_version_id) for version in await session.scalars(query)
            ]

    async def restore(self, owner: str, slot_id: str, version_id: str) -> SlotSummary:
        """Make an older version the slot's head; the next launch plays it, and what was head stays restorable.

        What sessions from before now send later never becomes the head by itself. Raises `NotFound`, `Forbidden`,
        `Conflict` (`slot_in_use`, `version_damaged`) and `StoreUnavailable`; then nothing has changed.
        """
        async with self._database.read() as session:
            version = await _restorable(session, await slot_of(session, owner, slot_id), version_id)
        await self._prove(version)
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            slot = await slot_of(session, owner, slot_id)
            version = await _restorable(session, slot, version_id)
            slot.head_version_id = version.id
            slot.restored_at = await last_launch(session, slot.id)
            version.is_side = False
            await session.flush()
            summary = await summary_of(session, slot_id)
        _log.info("save.restored", slot=slot_id, version=version_id)
        return summary

    async def _prove(self, version: SaveVersion) -> None:
        """Read the archive as it lies in the store and compare it with what was once taken over."""
        sha256 = hashlib.sha256()
        try:
            async for piece in self._store.read(version.key):
                sha256.update(piece)
        except ArchiveGone as error:
            raise _damaged() from error
        if sha256.hexdigest() != version.digest:
            raise _damaged()

    async def picture(self, owner: str, slot_id: str, version_id: str) -> bytes:
        """What the screen showed when this version was made, a JPEG. `NotFound` when there is none, `Forbidden`."""
        async with self._database.read() as session:
            slot = await slot_of(session, owner, slot_id, with_deleted=True)
            version = await version_of(session, slot, version_id)
        if version.picture_key is None:
            raise NotFound("this version has no picture")
        try:
            return b"".join([piece async for piece in self._store.read(version.picture_key)])
        except ArchiveGone as error:
            raise NotFound("the picture of this version is gone") from error

    async def open_for_host(self, host_id: str, version_id: str) -> tuple[int, AsyncIterator[bytes]]:
        """A version's size and its archive in pieces, for a host that plays its slot now. `NotFound`, `Forbidden`."""
        version = await self._for_host(host_id, version_id)
        try:
            return version.size_bytes, await begun(self._store.read(version.key))
        except ArchiveGone as error:
            raise NotFound("the archive of this version is gone from the store", code="version_damaged") from error

    async def direct_way(self, host_id: str, version_id: str) -> str | None:
        """An address, a secret, from which a host that plays a version's slot now may fetch the archive by itself; None
        where it has to ask `open_for_host`. `NotFound`, `Forbidden`.
        """
        return await self._store.download_way((await self._for_host(host_id, version_id)).key)

    async def _for_host(self, host_id: str, version_id: str) -> SaveVersion:
        async with self._database.read() as session:
            version = await session.get(SaveVersion, version_id)
            if version is None:
                raise NotFound(f"there is no save version '{version_id}'")
            plays_it = exists().where(
                Session.slot_id == version.slot_id,
                Session.host_id == host_id,
                Session.position.in_([position.value for position in ON_HOST]),
            )
            if not await session.scalar(select(plays_it)):
                raise Forbidden("no session on this host plays this save")
        return version


def _damaged() -> Conflict:
    return Conflict("This version is damaged and cannot be restored. Please choose another.", code="version_damaged")


async def _restorable(session: AsyncSession, slot: SaveSlot, version_id: str) -> SaveVersion:
    version = await version_of(session, slot, version_id)
    await refuse_while_played(session, slot)
    return version


def _choice(slot: SaveSlot) -> SlotChoice:
    return SlotChoice(slot.id, slot.number)
