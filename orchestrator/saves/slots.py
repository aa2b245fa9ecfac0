"""Slots in SQL: finding them, counting their numbers, whose they are. All within the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Exists, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from orchestrator.catalog.models import Game
from orchestrator.errors import Conflict, Forbidden, NotFound
from orchestrator.play.lifecycle import ACTIVE
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion

SLOTS_PER_GAME = 3
_ACTIVE = [position.value for position in ACTIVE]


@dataclass(frozen=True, slots=True)
class SlotSummary:
    """A slot that holds something. `played_s` is how long its sessions that are over took."""

    slot: SaveSlot
    game_slug: str
    head: SaveVersion
    is_played: bool
    played_s: float


def live_slots(owner: str, game_id: str) -> Select[SaveSlot]:
    """The owner's slots of a game that are not deleted."""
    return select(SaveSlot).where(SaveSlot.owner == owner, SaveSlot.game_id == game_id, SaveSlot.deleted_at.is_(None))


def summaries() -> Select[SaveSlot, str, SaveVersion, bool, float]:
    """What `summary_of` takes; the caller narrows it."""
    played_s = (
        select(func.coalesce(func.sum(Session.duration_s), 0.0))
        .where(Session.owner == SaveSlot.owner, Session.slot_id == SaveSlot.id)
        .correlate(SaveSlot)
        .scalar_subquery()
    )
    return (
        select(SaveSlot, Game.slug, SaveVersion, is_played(SaveSlot.id), played_s)
        .join(Game, Game.id == SaveSlot.game_id)
        .join(SaveVersion, SaveVersion.id == SaveSlot.head_version_id)
    )


async def summary_of(session: AsyncSession, slot_id: str) -> SlotSummary:
    """The summary of a slot that is there."""
    return SlotSummary(*(await session.execute(summaries().where(SaveSlot.id == slot_id))).one())


async def free_number(session: AsyncSession, owner: str, game_id: str, preferred: int) -> int | None:
    """A number that none of the owner's slots of a game has, `preferred` if it can be; None when all are taken."""
    taken = {slot.number for slot in await session.scalars(live_slots(owner, game_id))}
    numbers = (preferred, *range(1, SLOTS_PER_GAME + 1))
    return next((number for number in numbers if number not in taken), None)


async def slot_of(session: AsyncSession, owner: str, slot_id: str, *, with_deleted: bool = False) -> SaveSlot:
    """`NotFound`, `Forbidden` for another person's."""
    slot = await session.get(SaveSlot, slot_id)
    if slot is None:
        raise NotFound(f"there is no save slot '{slot_id}'")
    if slot.owner != owner:
        raise Forbidden("This save slot belongs to somebody else.")
    if slot.deleted_at is not None and not with_deleted:
        raise NotFound("this save slot was deleted")
    return slot


async def version_of(session: AsyncSession, slot: SaveSlot, version_id: str) -> SaveVersion:
    """`NotFound`, also for another slot's."""
    version = await session.get(SaveVersion, version_id)
    if version is None or version.slot_id != slot.id:
        raise NotFound(f"this save slot has no version '{version_id}'")
    return version


async def refuse_while_played(session: AsyncSession, slot: SaveSlot) -> None:
    """`Conflict` `slot_in_use` while a session holds the slot: it alone writes there."""
    if await session.scalar(select(is_played(slot.id))):
        raise Conflict("A game is being played from this save. Stop it first.", code="slot_in_use")


def is_played(slot_id: str | InstrumentedAttribute[str]) -> Exists:
    return exists().where(Session.slot_id == slot_id, Session.position.in_(_ACTIVE))


def is_active(owner: str) -> ColumnElement[bool]:
    """Of a session: it is the owner's and not over."""
    return and_(Session.owner == owner, Session.position.in_(_ACTIVE))


async def last_launch(session: AsyncSession, slot_id: str) -> datetime:
    """When the newest session on a slot began. Later launches come after it, also when the clock is set back."""
    query = select(func.max(Session.created_at)).where(Session.slot_id == slot_id)
    return (await session.execute(query)).scalar_one()
