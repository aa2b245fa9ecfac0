"""What owners do with their slots beside playing: name one, delete it, bring it back within thirty days.

A deleted slot keeps its versions until then and gives its number free at once. No slot that a session holds is touched.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.errors import Conflict, InvalidRequest, NotFound
from orchestrator.plain_text import one_line
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion, UnwantedArchive
from orchestrator.saves.slots import (
    SLOTS_PER_GAME,
    SlotSummary,
    is_active,
    live_slots,
    refuse_while_played,
    slot_of,
    summaries,
    summary_of,
)

MOST_LABEL_CHARACTERS = 60
KEPT_FOR = timedelta(days=30)
_BATCH = 50

_log = structlog.get_logger()


class SlotKeeping:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def label(self, owner: str, slot_id: str, label: str | None) -> SlotSummary:
        """Name a slot; None or nothing visible takes its name away. `InvalidRequest`, `NotFound`, `Forbidden`."""
        try:
            line = one_line(label or "", MOST_LABEL_CHARACTERS)
        except ValueError as error:
            raise InvalidRequest(f"label: {error}") from error
        async with self._database.write() as session:
            slot = await slot_of(session, owner, slot_id)
            slot.label = line or None
            await session.flush()
            return await summary_of(session, slot_id)

    async def delete(self, owner: str, slot_id: str) -> SlotSummary:
        """Take a slot out of its game; `restore` brings it back. Doing it twice changes nothing.

        `NotFound`, `Forbidden`, `Conflict` `slot_in_use` while it is played.
        """
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            slot = await slot_of(session, owner, slot_id, with_deleted=True)
            if slot.deleted_at is None:
                await refuse_while_played(session, slot)
                slot.deleted_at = await self._database.now(session)
                await session.flush()
                _log.info("slot.deleted", slot=slot_id)
            return await summary_of(session, slot_id)

    async def deleted(self, owner: str, game_id: str) -> list[SlotSummary]:
        """The owner's slots of a game that can be brought back, the one deleted last first."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            theirs = SaveSlot.owner == owner, SaveSlot.game_id == game_id, SaveSlot.deleted_at > now - KEPT_FOR
            rows = await session.execute(summaries().where(*theirs).order_by(SaveSlot.deleted_at.desc()))
            return [SlotSummary(*row) for row in rows]

    async def restore(self, owner: str, slot_id: str) -> SlotSummary:
        """Bring a deleted slot back, under its number when that is free. Doing it twice changes nothing.

        `NotFound` also when it is too late, `Forbidden`, `Conflict` `slots_full` when no number is free.
        """
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            slot = await slot_of(session, owner, slot_id, with_deleted=True)
            if slot.deleted_at is not None:
                if slot.deleted_at <= await self._database.now(session) - KEPT_FOR:
                    raise NotFound("this save slot was deleted too long ago")
                slot.number = await _number_for(session, slot)
                slot.deleted_at = None
                await session.flush()
                _log.info("slot.brought_back", slot=slot_id)
            return await summary_of(session, slot_id)

    async def bury(self) -> int:
        """Give what was deleted too long ago to the disposal, and tell how many slots that were."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            due = select(SaveSlot.id, SaveSlot.owner).where(SaveSlot.deleted_at <= now - KEPT_FOR).limit(_BATCH)
            slots = [(slot_id, owner) for slot_id, owner in await session.execute(due)]
        for slot_id, owner in slots:
            async with self._database.write() as session:
                await self._database.lock(session, f"owner:{owner}")
                await _bury(session, slot_id, now)
        return len(slots)


async def _number_for(session: AsyncSession, slot: SaveSlot) -> int:
    """The slot's number or another free one, and none that a running game is about to fill."""
    taken = {live.number for live in await session.scalars(live_slots(slot.owner, slot.game_id))}
    playing = select(Session.slot_number).where(Session.game_id == slot.game_id, is_active(slot.owner))
    taken |= set(await session.scalars(playing))
    number = next((each for each in (slot.number, *range(1, SLOTS_PER_GAME + 1)) if each not in taken), None)
    if number is None:
        raise Conflict(f"all {SLOTS_PER_GAME} save slots of this game are in use", code="slots_full")
    return number


async def _bury(session: AsyncSession, slot_id: str, now: datetime) -> None:
    slot = await session.get(SaveSlot, slot_id)
    if slot is None or slot.deleted_at is None or slot.deleted_at > now - KEPT_FOR:
        return  # another replica did it, or its owner brought it back
    for version in await session.scalars(select(SaveVersion).where(SaveVersion.slot_id == slot_id)):
        for key in (version.key, version.picture_key):
            if key is not None:
                session.add(UnwantedArchive(key=key, since=now))
        await session.delete(version)
    await session.delete(slot)
    _log.info("slot.buried", slot=slot_id)
