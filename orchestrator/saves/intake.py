"""What hosts send: archives and pictures. Bytes go to the store first, and only then does SQL say what they are.

An archive comes through here, or goes to the store by an address that was signed here and is then proven. What was
announced for that and never arrives is disposed of like everything that no version names. No body is read and no store
asked inside a transaction.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import update

from agent_protocol import transfer_within_s
from orchestrator.catalog.models import Build
from orchestrator.database import Database
from orchestrator.errors import Forbidden, InvalidRequest, NotFound
from orchestrator.ids import new_id
from orchestrator.play.models import ERASED_OWNER, Session
from orchestrator.saves.heads import Accepted, Offer, not_arrived, record, record_arrived
from orchestrator.saves.models import SaveVersion, UnwantedArchive
from orchestrator.saves.store import ArchiveGone, ArchiveStore, UploadWay

ARCHIVE_OVERHEAD_BYTES = 20_000 * 2048 + 1024**2  # names and padding of as many files as a host archives
MOST_PICTURE_BYTES = 256 * 1024
TRANSFER_LIFE = timedelta(minutes=10)  # from the address, which is good for two of them, to the word that it was used
_BESIDE_TRANSFER = timedelta(minutes=5)  # what of it is left to a large archive before and after it is under way
_TRANSFER = "arc"
_JPEG = b"\xff\xd8\xff"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DirectWay:
    """`transfer` names what is stored by `way`."""

    transfer: str
    way: UploadWay


class SaveIntake:
    def __init__(self, database: Database, store: ArchiveStore) -> None:
        self._database = database
        self._store = store

    async def accept(self, host_id: str, offer: Offer, body: AsyncIterator[bytes]) -> Accepted:
        """Take over an archive of a session. Sending the same one again changes nothing and answers the same.

        The current generation of the last session on a slot moves its head, also after its end: a host that was away
        sends late. What comes from an older generation, after a later capture of its own one, or after somebody played
        on or went back to an older version, becomes a side version (invariant 2).

        Raises `NotFound`, `Forbidden`, `InvalidRequest` (`save_too_large`, or a body that is not as announced) and
        `StoreUnavailable`; then nothing is kept and the host sends again. When the transaction fails, what was stored
        stays for the sweep (`disposal`): whether it was committed cannot be known, and no head may lose its archive.
        """
        owner, key = await self._owner_and_key(host_id, offer, new_id(_TRANSFER))
        await self._store.put(key, offer.digest, offer.size_bytes, body)
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            now = await self._database.now(session)
            accepted = await record(session, host_id, offer, key, now)
        return _said(offer, accepted)

    async def direct_way(self, host_id: str, offer: Offer) -> DirectWay | None:
        """How the host stores this archive by itself; None where it has to come through `accept`. Raises what that
        raises of the offer. Each time it is asked it is another transfer; `arrived` must follow within its life.
        """
        transfer = new_id(_TRANSFER)
        _, key = await self._owner_and_key(host_id, offer, transfer)
        way = await self._store.upload_way(key, offer.digest, offer.size_bytes)
        if way is None:
            return None
        async with self._database.write() as session:
            since = await self._database.now(session) + _life(offer.size_bytes)
            session.add(UnwantedArchive(key=key, since=since))
        return DirectWay(transfer, way)

    async def arrived(self, host_id: str, offer: Offer, transfer: str) -> Accepted:
        """Take over what the host has stored by `direct_way`, as `accept` does. Asking again answers the same.

        Raises what `accept` raises, and `Conflict` `not_arrived` when the store has not just this, or had it too long:
        the host begins anew.
        """
        owner, key = await self._owner_and_key(host_id, offer, transfer)
        try:
            await self._store.prove(key, offer.digest, offer.size_bytes)
        except (ArchiveGone, InvalidRequest) as error:
            raise not_arrived() from error
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            now = await self._database.now(session)
            accepted = await record_arrived(session, host_id, offer, key, now)
        return _said(offer, accepted)

    async def _owner_and_key(self, host_id: str, offer: Offer, transfer: str) -> tuple[str, str]:
        """Whose session it is, and the name of its own that each transfer has: what is being deleted can never be what
        arrives.
        """
        async with self._database.read() as session:
            row = await session.get(Session, offer.session_id)
            if row is None or row.owner == ERASED_OWNER:
                raise NotFound(f"there is no session '{offer.session_id}'")
            if host_id not in _hosts_of(row):
                raise Forbidden("this session was never placed on this host")
            build = await session.get_one(Build, row.build_id)
        most_bytes = build.build_spec.limits.save_bytes + ARCHIVE_OVERHEAD_BYTES
        if offer.size_bytes > most_bytes:
            raise InvalidRequest(f"an archive of this game has at most {most_bytes} bytes", code="save_too_large")
        return row.owner, f"{row.slot_id}/{row.id}-{offer.generation}-{offer.number}-{offer.digest}-{transfer}.tar.zst"

    async def put_picture(self, host_id: str, version_id: str, picture: bytes) -> None:
        """Keep what the screen showed when a version was made, a JPEG. The first one stays. `NotFound`, `Forbidden`."""
        async with self._database.read() as session:
            version = await session.get(SaveVersion, version_id)
            if version is None:
                raise NotFound(f"there is no save version '{version_id}'")
            if host_id not in _hosts_of(await session.get_one(Session, version.session_id)):
                raise Forbidden("the session of this version was never placed on this host")
        if not picture.startswith(_JPEG) or len(picture) > MOST_PICTURE_BYTES:
            raise InvalidRequest(f"a picture is a JPEG of at most {MOST_PICTURE_BYTES} bytes")
        if version.picture_key is not None:
            return
        key = f"{version.slot_id}/{version.session_id}-{version_id}-{new_id('pic')}.jpg"
        await self._store.put(key, hashlib.sha256(picture).hexdigest(), len(picture), _once(picture))
        async with self._database.write() as session:
            taken = await session.scalar(
                update(SaveVersion)
                .where(SaveVersion.id == version_id, SaveVersion.picture_key.is_(None))
                .values(picture_key=key)
                .returning(SaveVersion.id)
            )
        if taken is None:
            await self._store.delete(key)


def _life(size_bytes: int) -> timedelta:
    return max(TRANSFER_LIFE, timedelta(seconds=transfer_within_s(size_bytes)) + _BESIDE_TRANSFER)


def _hosts_of(row: Session) -> set[str | None]:
    """Every host that the session was placed on."""
    return {row.host_id, *row.placed_on}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _said(offer: Offer, accepted: Accepted) -> Accepted:
    _log.info(
        "save.accepted",
        session=offer.session_id,
        generation=offer.generation,
        head=accepted.is_head,
        bytes=offer.size_bytes,
    )
    return accepted
