"""Which archive becomes a slot's head, and which versions stay: all that SQL says of an archive, in one transaction.

The owner's lock comes first, which the caller takes, then the session's row, then the slot: whoever launches, moves the
session to another host or restores a version waits, or is waited for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from orchestrator.errors import Conflict, NotFound, StoreUnavailable
from orchestrator.ids import new_id
from orchestrator.play.models import ERASED_OWNER, Session
from orchestrator.saves.models import UPLOADED, SaveSlot, SaveVersion, UnwantedArchive
from orchestrator.saves.retention import Kept, superseded
from orchestrator.saves.slots import free_number, last_launch, live_slots

_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """An archive as its host announces it. Of two of the same generation the one with the greater `number` was captured
    later.
    """

    session_id: str
    generation: int
    digest: str
    size_bytes: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Upload:
    """A save that its owner handed in, checked and stored under `key`, which names a `session_id` of the slot."""

    session_id: str
    digest: str
    size_bytes: int
    key: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an archive: its version, and whether that is now the slot's head."""

    version_id: str
    is_head: bool


async def record(session: AsyncSession, host_id: str, offer: Offer, key: str, now: datetime) -> Accepted:
    """Make what lies under `key` a version of its session's slot, the head when it may be, and drop what it supersedes.

    What was taken over before stays the same version, with the new bytes under it.
    """
    await _keep(session, key)
    row = await session.get_one(Session, offer.session_id, with_for_update=True)
    if row.owner == ERASED_OWNER:  # while the archive was on its way; the sweep finds it
        raise NotFound(f"there is no session '{offer.session_id}'")
    version = await _known(session, offer)
    if version is None:
        version_id = new_id("ver")
        slot = await _slot_for(session, row, version_id, now)
        version = SaveVersion(
            id=version_id,
            slot_id=slot.id,
            session_id=row.id,
            generation=offer.generation,
            digest=offer.digest,
            size_bytes=offer.size_bytes,
            number=offer.number,
            key=key,
            is_side=True,
            created_at=await _next_moment(session, slot.id, now),
        )
        session.add(version)
    else:
        slot = await session.get_one(SaveSlot, version.slot_id)
        session.add(UnwantedArchive(key=version.key, since=now))
        version.key = key
        version.number = max(version.number, offer.number)
    await session.flush()
    former_head = slot.head_version_id
    if await _move_head(session, row, version, is_its_host=host_id == _current_host(row), now=now):
        version.is_side = False
        if former_head != version.id:
            version.created_at = await _next_moment(session, slot.id, now)
            former_head = version.id
    await session.flush()
    await _drop_superseded(session, slot.id, former_head, now)
    return Accepted(version.id, is_head=former_head == version.id)


async def record_arrived(session: AsyncSession, host_id: str, offer: Offer, key: str, now: datetime) -> Accepted:
    """`record` for what a host has stored by itself under a key that was announced as unwanted. Once only, and the same
    answer ever after; `Conflict` `not_arrived` for a key that was never announced or is disposed of.
    """
    announced = await session.get(UnwantedArchive, key, with_for_update=True)
    if announced is not None:
        return await record(session, host_id, offer, key, now)
    version = await _known(session, offer)
    if version is None or version.key != key:
        raise not_arrived()
    slot = await session.get_one(SaveSlot, version.slot_id)
    return Accepted(version.id, is_head=slot.head_version_id == version.id)


async def record_upload(session: AsyncSession, slot: SaveSlot, upload: Upload, now: datetime) -> SaveVersion:
    """Make what its owner handed in the slot's head. The caller has the owner's lock and has seen that nobody plays.

    From then on it is as after a restore: no session from before moves the head. The same save again is the same
    version, with the new bytes under it.
    """
    await _keep(session, upload.key)
    offer = Offer(upload.session_id, UPLOADED, upload.digest, upload.size_bytes)
    version = await _known(session, offer)
    if version is None:
        version = SaveVersion(
            id=new_id("ver"),
            slot_id=slot.id,
            session_id=upload.session_id,
            generation=UPLOADED,
            digest=upload.digest,
            size_bytes=upload.size_bytes,
            number=0,
            key=upload.key,
            is_side=False,
            created_at=await _next_moment(session, slot.id, now),
        )
        session.add(version)
    else:
        session.add(UnwantedArchive(key=version.key, since=now))
        version.key = upload.key
        version.created_at = await _next_moment(session, slot.id, now)
    slot.head_version_id = version.id
    slot.restored_at = await last_launch(session, slot.id)
    await session.flush()
    await _drop_superseded(session, slot.id, version.id, now)
    return version


def not_arrived() -> Conflict:
    return Conflict("The archive has not arrived in the store. Please send it again.", code="not_arrived")


async def _keep(session: AsyncSession, key: str) -> None:
    """Between transfer and transaction a clock that jumped may have made the archive look forgotten."""
    unwanted = await session.get(UnwantedArchive, key, with_for_update=True)
    if unwanted is None:
        return
    if unwanted.lease_until is not None:
        raise StoreUnavailable("The archive was cleared away while it arrived. Please send it again.")
    await session.delete(unwanted)


async def _known(session: AsyncSession, offer: Offer) -> SaveVersion | None:
    return await session.scalar(
        select(SaveVersion).where(
            SaveVersion.session_id == offer.session_id,
            SaveVersion.generation == offer.generation,
            SaveVersion.digest == offer.digest,
        )
    )


async def _slot_for(session: AsyncSession, row: Session, version_id: str, now: datetime) -> SaveSlot:
    """The session's slot, made now with its first version as head. When others took every number meanwhile, the slot
    that has the session's number: its owner finds the archive there, as a side version.
    """
    slot = await session.get(SaveSlot, row.slot_id)
    if slot is not None:
        return slot
    number = await free_number(session, row.owner, row.game_id, row.slot_number)
    if number is None:
        theirs = live_slots(row.owner, row.game_id).where(SaveSlot.number == row.slot_number)
        return (await session.scalars(theirs)).one()
    slot = SaveSlot(
        id=row.slot_id,
        owner=row.owner,
        game_id=row.game_id,
        number=number,
        label=None,
        head_version_id=version_id,
        last_played_at=row.ended_at or now,
        created_at=now,
    )
    session.add(slot)
    return slot


async def _move_head(
    session: AsyncSession, row: Session, version: SaveVersion, *, is_its_host: bool, now: datetime
) -> bool:
    """The compare-and-set of invariant 2: only the current generation of the last session on the slot moves its head,
    and never from a newer capture to an older one that was longer on its way.

    What began before its owner went back to an older version is no longer the last session, whoever comes after it.
    """
    if not is_its_host:
        return False
    later, newer = aliased(Session), aliased(SaveVersion)
    holds_the_slot = exists().where(
        Session.id == row.id,
        Session.slot_id == SaveSlot.id,
        Session.generation == version.generation,
        ~exists().where(later.slot_id == Session.slot_id, later.created_at > Session.created_at),
        ~exists().where(
            newer.session_id == Session.id, newer.generation == version.generation, newer.number > version.number
        ),
        or_(SaveSlot.restored_at.is_(None), Session.created_at > SaveSlot.restored_at),
    )
    moved = await session.execute(
        update(SaveSlot)
        .where(SaveSlot.id == row.slot_id, holds_the_slot)
        .values(head_version_id=version.id, last_played_at=row.ended_at or now)
        .returning(SaveSlot.id)
        .execution_options(synchronize_session=False)
    )
    return moved.scalar_one_or_none() is not None


async def _next_moment(session: AsyncSession, slot_id: str, now: datetime) -> datetime:
    """When a version is made: after every other one of its slot, also when the clock was set back."""
    newest = await session.scalar(select(func.max(SaveVersion.created_at)).where(SaveVersion.slot_id == slot_id))
    return now if newest is None else max(now, newest + _TICK)


async def _drop_superseded(session: AsyncSession, slot_id: str, head: str, now: datetime) -> None:
    query = (
        select(SaveVersion, Session.running_since, Session.created_at)
        .join(Session, Session.id == SaveVersion.session_id)
        .where(SaveVersion.slot_id == slot_id)
    )
    versions: dict[str, SaveVersion] = {}
    kept: list[Kept] = []
    for version, running_since, created_at in await session.execute(query):
        versions[version.id] = version
        kept.append(
            Kept(
                version_id=version.id,
                # What was handed in was not played: it stands for itself.
                session_id=version.id if version.is_uploaded else version.session_id,
                session_began_at=running_since or created_at,
                created_at=version.created_at,
                is_head=version.id == head,
                is_side=version.is_side,
            )
        )
    for version_id in superseded(kept):
        version = versions[version_id]
        for key in (version.key, version.picture_key):
            if key is not None:
                session.add(UnwantedArchive(key=key, since=now))
        await session.delete(version)


def _current_host(row: Session) -> str | None:
    """The host of the current generation, also after it was lost."""
    return row.placed_on[-1] if row.placed_on else row.host_id
