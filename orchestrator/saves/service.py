"""Slots and versions: which slot a launch plays, which archive is a slot's head, what is kept.

It never reads a body inside a transaction: archives go to the store first, and only then does SQL say what they are.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agent_protocol import RestoreSource
from orchestrator.database import Database
from orchestrator.errors import Conflict, Forbidden, InvalidRequest, NotFound
from orchestrator.ids import new_id
from orchestrator.play.lifecycle import ON_HOST
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.saves.retention import Kept, superseded
from orchestrator.saves.store import FolderStore

SLOTS_PER_GAME = 3

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """The slot that a launch plays; its row may not exist yet."""

    slot_id: str
    number: int


@dataclass(frozen=True, slots=True)
class SlotSummary:
    slot: SaveSlot
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an archive: its version, and whether that is now the slot's head."""

    version_id: str
    is_head: bool


class Saves:
    def __init__(self, database: Database, store: FolderStore) -> None:
        self._database = database
        self._store = store

    async def slots(self, owner: str, game_id: str) -> list[SlotSummary]:
        """The owner's slots of a game that hold something, by number."""
        query = (
            select(SaveSlot, SaveVersion.size_bytes)
            .join(SaveVersion, SaveVersion.id == SaveSlot.head_version_id)
            .where(SaveSlot.owner == owner, SaveSlot.game_id == game_id)
            .order_by(SaveSlot.number)
        )
        async with self._database.read() as session:
            return [SlotSummary(slot, size) for slot, size in (await session.execute(query))]

    async def choose(
        self, session: AsyncSession, owner: str, game_id: str, *, slot_id: str | None, is_fresh: bool
    ) -> SlotChoice:
        """The slot for a launch, in the caller's transaction.

        Named → that slot, `is_fresh` → an empty one, neither → the one last played, else an empty one. Raises
        `InvalidRequest` for both or for another game's slot, `NotFound`, `Forbidden` for another person's, and
        `Conflict` `slots_full` when no place is empty.
        """
        if slot_id is not None and is_fresh:
            raise InvalidRequest("give either saveSlotId or fresh, not both")
        if slot_id is not None:
            return await self._named(session, owner, game_id, slot_id)
        query = select(SaveSlot).where(SaveSlot.owner == owner, SaveSlot.game_id == game_id)
        last_played = await session.scalar(query.order_by(SaveSlot.last_played_at.desc()).limit(1))
        if last_played is not None and not is_fresh:
            return _choice(last_played)
        free = await self._free_number(session, owner, game_id, 1)
        if free is None:
            raise Conflict(f"all {SLOTS_PER_GAME} save slots of this game are in use", code="slots_full")
        return SlotChoice(new_id("cls"), free)

    async def _named(self, session: AsyncSession, owner: str, game_id: str, slot_id: str) -> SlotChoice:
        slot = await session.get(SaveSlot, slot_id)
        if slot is None:
            raise NotFound(f"there is no save slot '{slot_id}'")
        if slot.owner != owner:
            raise Forbidden("this save slot belongs to somebody else")
        if slot.game_id != game_id:
            raise InvalidRequest("this save slot belongs to another game")
        return _choice(slot)

    async def restore_source(self, session: AsyncSession, version_id: str | None) -> RestoreSource | None:
        """Where a host gets this version from."""
        version = await session.get(SaveVersion, version_id) if version_id else None
        if version is None:
            return None
        return RestoreSource(
            version_id=version.id,
            path=f"/api/agents/saves/{version.id}",
            digest=version.digest,
            size_bytes=version.size_bytes,
        )

    async def head_of(self, session: AsyncSession, slot_id: str) -> str | None:
        """The slot's newest state, None while the slot is empty."""
        slot = await session.get(SaveSlot, slot_id)
        return slot.head_version_id if slot else None

    async def accept(
        self, host_id: str, session_id: str, generation: int, digest: str, size_bytes: int, body: AsyncIterator[bytes]
    ) -> Accepted:
        """Take over an archive of a session. Sending the same one again changes nothing and answers the same.

        The current generation of the last session on a slot moves its head, also after its end: a host that was away
        sends late. Once somebody plays on from the slot, a late archive becomes a side version (invariant 2).
        """
        async with self._database.read() as session:
            row = await session.get(Session, session_id)
            if row is None:
                raise NotFound(f"there is no session '{session_id}'")
            if host_id != row.host_id and host_id not in row.failed_hosts:
                raise Forbidden("this session was never placed on this host")
            slot_id = row.slot_id
        key = f"{slot_id}/{session_id}/{generation}-{digest}.tar.zst"
        await self._store.put(key, digest, size_bytes, body)
        async with self._database.write() as session:
            now = await self._database.now(session)
            accepted = await self._record(session, session_id, generation, digest, size_bytes, key, now)
            dropped = await self._drop_superseded(session, slot_id) if accepted.is_head else ()
        for old_key in dropped:
            await self._store.delete(old_key)
        _log.info("save.accepted", session=session_id, generation=generation, head=accepted.is_head, bytes=size_bytes)
        return accepted

    async def _record(
        self,
        session: AsyncSession,
        session_id: str,
        generation: int,
        digest: str,
        size_bytes: int,
        key: str,
        now: datetime,
    ) -> Accepted:
        row = await session.get_one(Session, session_id)
        known = select(SaveVersion).where(
            SaveVersion.session_id == session_id, SaveVersion.generation == generation, SaveVersion.digest == digest
        )
        version = await session.scalar(known)
        if version is None:
            version = SaveVersion(
                id=new_id("ver"),
                slot_id=row.slot_id,
                session_id=session_id,
                generation=generation,
                digest=digest,
                size_bytes=size_bytes,
                key=key,
                is_side=True,
                created_at=now,
            )
            session.add(version)
        else:
            version.created_at = now
        await session.flush()
        is_head = await self._move_head(session, row, version, generation, now)
        version.is_side = not is_head
        return Accepted(version.id, is_head)

    async def _move_head(
        self, session: AsyncSession, row: Session, version: SaveVersion, generation: int, now: datetime
    ) -> bool:
        later = aliased(Session)
        holds_the_slot = exists().where(
            Session.id == row.id,
            Session.generation == generation,
            ~exists().where(later.slot_id == Session.slot_id, later.created_at > Session.created_at),
        )
        moved = await session.execute(
            update(SaveSlot)
            .where(SaveSlot.id == row.slot_id, holds_the_slot)
            .values(head_version_id=version.id, last_played_at=now)
            .returning(SaveSlot.id)
        )
        if moved.scalar_one_or_none() is not None:
            return True
        if await session.get(SaveSlot, row.slot_id) is not None:
            return False
        number = await self._free_number(session, row.owner, row.game_id, row.slot_number)
        if number is None or not await session.scalar(select(holds_the_slot)):
            return False
        session.add(
            SaveSlot(
                id=row.slot_id,
                owner=row.owner,
                game_id=row.game_id,
                number=number,
                label=None,
                head_version_id=version.id,
                last_played_at=now,
                created_at=now,
            )
        )
        return True

    async def _free_number(self, session: AsyncSession, owner: str, game_id: str, preferred: int) -> int | None:
        mine = select(SaveSlot.number).where(SaveSlot.owner == owner, SaveSlot.game_id == game_id)
        taken = set(await session.scalars(mine))
        numbers = (preferred, *range(1, SLOTS_PER_GAME + 1))
        return next((number for number in numbers if number not in taken), None)

    async def _drop_superseded(self, session: AsyncSession, slot_id: str) -> Sequence[str]:
        await session.flush()
        versions = (await session.scalars(select(SaveVersion).where(SaveVersion.slot_id == slot_id))).all()
        head = await self.head_of(session, slot_id)
        by_id = {version.id: version for version in versions}
        kept = [Kept(v.id, v.session_id, v.is_side or v.id == head, v.created_at) for v in versions]
        dropped = [by_id[version_id] for version_id in superseded(kept)]
        for version in dropped:
            await session.delete(version)
        return [version.key for version in dropped]

    async def open_for_host(self, host_id: str, version_id: str) -> tuple[int, AsyncIterator[bytes]]:
        """A version's size and its archive in pieces, for a host that plays its slot now. `NotFound`, `Forbidden`."""
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
        return version.size_bytes, self._store.read(version.key)


def _choice(slot: SaveSlot) -> SlotChoice:
    return SlotChoice(slot.id, slot.number)
