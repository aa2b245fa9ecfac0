"""Archives and pictures after a restore: those of the backup are stored, what rows name is looked for, what only the
store knows is taken in.

A bucket, or a folder that was not lost, has what hosts sent after the backup was made. Each such archive is taken as if
its host sent it once more: fencing decides whether it is its slot's head or stands beside it. What is of no placement
that the rows know of, because that came after the backup or because its owner handed it in, stands beside it too.
"""

import hashlib
import re
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from orchestrator.backup.manifest import ARCHIVES
from orchestrator.backup.reading import Unpacked
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.pictures.models import GamePicture
from orchestrator.play.models import ERASED_OWNER, Session
from orchestrator.saves.heads import Offer, record
from orchestrator.saves.models import SaveVersion, UnwantedArchive
from orchestrator.saves.store import ArchiveGone, ArchiveStore

_A_DAY_S = 86_400.0
_PIECE_BYTES = 256 * 1024
_OF_A_HOST = re.compile(
    r"(?P<slot>[^/]+)/(?P<session>[^/-]+)-(?P<generation>[0-9]{1,9})-(?P<number>[0-9]{1,18})"
    r"-(?P<digest>[0-9a-f]{64})-arc[0-9a-z]+\.tar\.zst"
)


@dataclass(frozen=True, slots=True)
class Found:
    """`missing` are keys that rows name and the store has not; `taken_in` how many archives the rows did not know."""

    missing: tuple[str, ...]
    taken_in: int


@dataclass(frozen=True, slots=True, order=True)
class _Sent:
    """An archive in the store, as its key tells of it."""

    session_id: str
    generation: int
    number: int
    digest: str
    key: str
    slot_id: str


async def put_all(unpacked: Unpacked, store: ArchiveStore) -> int:
    """Store what the backup has. What is there stays: the same key always means the same bytes."""
    count = 0
    for name, member in unpacked.manifest.members.items():
        if not name.startswith(ARCHIVES) or member.key is None:
            continue
        file = unpacked.file(name)
        await store.put(member.key, member.sha256, member.size_bytes, _pieces(file))
        file.unlink()
        count += 1
    return count


async def compare(database: Database, store: ArchiveStore) -> Found:
    """What rows and store have of each other; what only the store has is taken in."""
    named = await _named(database)
    stored: set[str] = set()
    sent: list[_Sent] = []
    async for key in store.stored_before(time.time() + _A_DAY_S):
        stored.add(key)
        if key not in named:
            sent.extend(_sent(key))
    taken_in = 0
    for each in sorted(sent):
        taken_in += await _take_in(database, store, each)
    if taken_in:
        named = await _named(database)  # some of them supersede what the store may have disposed of
    return Found(tuple(sorted(named - stored)), taken_in)


async def _named(database: Database) -> set[str]:
    """By versions and pictures, and by those who wait for their disposal."""
    columns = (SaveVersion.key, SaveVersion.picture_key, GamePicture.key)
    named: set[str] = set()
    async with database.read() as session:
        for column in columns:
            named.update(key for key in await session.scalars(select(column)) if key is not None)
    return named


def _sent(key: str) -> Iterable[_Sent]:
    told = _OF_A_HOST.fullmatch(key)
    if told is None:
        return ()
    numbers = int(told["generation"]), int(told["number"])
    return (_Sent(told["session"], *numbers, told["digest"], key, told["slot"]),)


async def _take_in(database: Database, store: ArchiveStore, sent: _Sent) -> bool:
    """False for one that is of no session that is known, that is not what its key says, or is to be disposed of."""
    async with database.read() as session:
        row = await session.get(Session, sent.session_id)
        unwanted = await session.get(UnwantedArchive, sent.key)
    if row is None or unwanted is not None or row.owner == ERASED_OWNER or row.slot_id != sent.slot_id:
        return False
    size_bytes = await _size_of(store, sent)
    if size_bytes is None:
        return False
    offer = Offer(sent.session_id, sent.generation, sent.digest, size_bytes, sent.number)
    async with database.write() as session:
        try:
            await record(session, _host_of(row, sent.generation), offer, sent.key, await database.now(session))
        except NotFound:
            return False
    return True


def _host_of(row: Session, generation: int) -> str:
    """Empty, which is no host and moves no head, of a placement that the rows do not know of."""
    return row.placed_on[generation - 1] if 0 < generation <= len(row.placed_on) else ""


async def _size_of(store: ArchiveStore, sent: _Sent) -> int | None:
    """None when what lies there is not what its host announced."""
    sha256, size_bytes = hashlib.sha256(), 0
    try:
        async for piece in store.read(sent.key):
            sha256.update(piece)
            size_bytes += len(piece)
    except ArchiveGone:
        return None
    return size_bytes if sha256.hexdigest() == sent.digest else None


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as content:
        while piece := content.read(_PIECE_BYTES):
            yield piece
