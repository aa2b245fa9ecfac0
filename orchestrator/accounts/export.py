"""All that is kept of a person as one zip: `account.json`, and every version of every save with its picture.

It is made while it is sent: of an archive one piece is in memory at a time, of the past sessions one page.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from sqlalchemy import or_, select

from orchestrator.accounts import limits
from orchestrator.accounts.account import Account
from orchestrator.accounts.models import AccountRow, Device, LinkedIdentity
from orchestrator.audit.log import of_person
from orchestrator.audit.models import AuditEvent
from orchestrator.catalog.models import Favorite, Game
from orchestrator.database import Database
from orchestrator.http import utc_seconds
from orchestrator.library.models import LibraryEntry
from orchestrator.limits.throttle import Throttle
from orchestrator.play.models import Session
from orchestrator.saves.models import SaveSlot, SaveVersion
from orchestrator.saves.store import ArchiveGone, ArchiveStore
from orchestrator.tenants.models import Tenant, TenantMember

SESSIONS_AT_ONCE = 500

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Version:
    slug: str
    slot: SaveSlot
    version: SaveVersion

    @property
    def path(self) -> str:
        """Where it lies in the zip, without the ending of its name."""
        made = f"{self.version.created_at:%Y%m%dT%H%M%SZ}"
        return f"saves/{self.slug}/slot-{self.slot.number}/{made}-{self.version.id}"


class Export:
    def __init__(self, database: Database, store: ArchiveStore) -> None:
        self._database = database
        self._store = store
        self._throttle = Throttle(database)

    async def begin(self, account: Account) -> AsyncIterator[bytes]:
        """The zip in pieces. RateLimited, before the first. When the store goes away meanwhile it breaks off:
        `StoreUnavailable`.
        """
        await self._throttle.count(limits.EXPORTS, account.id)
        return self._pieces(account)

    async def _pieces(self, account: Account) -> AsyncIterator[bytes]:
        pipe = _Pipe()
        with ZipFile(cast("IO[bytes]", pipe), "w") as archive:
            saves: list[Json] = []
            for found in await self._versions(account):
                entry = _save_view(found)
                for name, ending, key in (
                    ("file", ".tar.zst", found.version.key),
                    ("picture", ".jpg", found.version.picture_key),
                ):
                    if key is None:
                        continue
                    path = found.path + ending
                    try:
                        first, rest = await self._open(key)
                    except ArchiveGone:
                        continue  # the list names no file then
                    entry[name] = path
                    with archive.open(_info(path, ZIP_STORED, found.version.created_at), "w", force_zip64=True) as file:
                        file.write(first)
                        yield pipe.taken()
                        async for piece in rest:
                            file.write(piece)
                            yield pipe.taken()
                saves.append(entry)
            now, about = await self._about(account)
            with archive.open(_info("account.json", ZIP_DEFLATED, now), "w", force_zip64=True) as file:
                file.write(
                    (json.dumps({**about, "saves": saves}, ensure_ascii=False)[:-1] + ', "sessions": [').encode()
                )
                comma = ""
                async for page in self._sessions(account):
                    text = ",\n".join(json.dumps(session, ensure_ascii=False) for session in page)
                    file.write((comma + text).encode())
                    comma = ",\n"
                    yield pipe.taken()
                file.write(b"]}\n")
        yield pipe.taken()

    async def _open(self, key: str) -> tuple[bytes, AsyncIterator[bytes]]:
        pieces = self._store.read(key)
        return await anext(pieces, b""), pieces

    async def _versions(self, account: Account) -> Sequence[_Version]:
        query = (
            select(Game.slug, SaveSlot, SaveVersion)
            .join(SaveSlot, SaveSlot.game_id == Game.id)
            .join(SaveVersion, SaveVersion.slot_id == SaveSlot.id)
            .where(SaveSlot.owner == account.owner)
            .order_by(Game.slug, SaveSlot.number, SaveVersion.created_at)
        )
        async with self._database.read() as session:
            return [_Version(slug, slot, version) for slug, slot, version in await session.execute(query)]

    async def _about(self, account: Account) -> tuple[datetime, Json]:
        favorites = select(Game.slug).join(Favorite, Favorite.game_id == Game.id)
        library = select(Game.slug, LibraryEntry.added_at).join(LibraryEntry, LibraryEntry.game_id == Game.id)
        async with self._database.read() as session:
            now = await self._database.now(session)
            row = await session.get_one(AccountRow, account.id)
            devices = await session.scalars(select(Device).where(Device.account_id == account.id))
            linked = select(LinkedIdentity).where(LinkedIdentity.account_id == account.id)
            events = await session.scalars(of_person(account.id))
            return now, {
                "exportedAt": utc_seconds(now),
                "account": {
                    "id": row.id,
                    "email": row.email,
                    "emailVerifiedAt": row.email_verified_at and utc_seconds(row.email_verified_at),
                    "name": row.name,
                    "image": row.image,
                    "role": row.role.value,
                    "createdAt": utc_seconds(row.created_at),
                },
                "devices": [
                    {"name": device.name, "signedInAt": utc_seconds(device.signed_in_at)} for device in devices
                ],
                "linkedIdentities": [
                    {
                        "issuer": identity.issuer,
                        "subject": identity.subject,
                        "linkedAt": utc_seconds(identity.linked_at),
                    }
                    for identity in await session.scalars(linked.order_by(LinkedIdentity.linked_at))
                ],
                "favorites": list(
                    await session.scalars(favorites.where(Favorite.account_id == account.id).order_by(Game.slug))
                ),
                "library": [
                    {"gameSlug": slug, "addedAt": utc_seconds(added_at)}
                    for slug, added_at in await session.execute(
                        library.where(LibraryEntry.account_id == account.id).order_by(Game.slug)
                    )
                ],
                "tenants": [
                    {"name": name, "memberSince": utc_seconds(since)}
                    for name, since in await session.execute(
                        select(Tenant.name, TenantMember.created_at)
                        .join(TenantMember, TenantMember.tenant_id == Tenant.id)
                        .where(TenantMember.account_id == account.id)
                        .order_by(Tenant.name)
                    )
                ],
                "administration": [_event_view(event, account) for event in events],
            }

    async def _sessions(self, account: Account) -> AsyncIterator[Sequence[Json]]:
        mine = select(Session, Game.slug).join(Game, Game.id == Session.game_id).where(Session.owner == account.owner)
        after: Session | None = None
        while True:
            query = mine.order_by(Session.created_at, Session.id).limit(SESSIONS_AT_ONCE)
            if after is not None:
                later = (Session.created_at == after.created_at) & (Session.id > after.id)
                query = query.where(or_(Session.created_at > after.created_at, later))
            async with self._database.read() as session:
                found = [(row, slug) for row, slug in await session.execute(query)]
            if not found:
                return
            yield [_session_view(row, slug) for row, slug in found]
            after = found[-1][0]


class _Pipe:
    """What a zip is written to that nobody seeks in: it keeps what was written since it was last asked."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes | memoryview) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _info(path: str, compression: int, moment: datetime) -> ZipInfo:
    info = ZipInfo(path, moment.timetuple()[:6])
    info.compress_type = compression
    info.external_attr = 0o600 << 16
    return info


def _save_view(found: _Version) -> Json:
    return {
        "game": found.slug,
        "slot": found.slot.number,
        "label": found.slot.label,
        "lastPlayedAt": utc_seconds(found.slot.last_played_at),
        "madeAt": utc_seconds(found.version.created_at),
        "isNewest": found.version.id == found.slot.head_version_id,
        "sha256": found.version.digest,
        "sizeBytes": found.version.size_bytes,
        "file": None,
        "picture": None,
    }


def _event_view(event: AuditEvent, account: Account) -> Json:
    """What the person did as an operator with the address it came from; of what was done to them, not who did it."""
    is_theirs = event.actor_id == account.id
    return {
        "at": utc_seconds(event.at),
        "action": event.action,
        "subject": event.subject_id,
        "byYou": is_theirs,
        "details": event.details,
        "address": event.address if is_theirs else None,
    }


def _session_view(row: Session, slug: str) -> Json:
    return {
        "id": row.id,
        "game": slug,
        "slot": row.slot_number,
        "timezone": row.timezone,
        "createdAt": utc_seconds(row.created_at),
        "endedAt": row.ended_at and utc_seconds(row.ended_at),
        "end": row.end_code,
        "durationSeconds": row.duration_s,
        "cpuSeconds": row.cpu_seconds,
        "peakMemoryBytes": row.peak_memory_bytes,
        "log": row.log_tail,
    }
