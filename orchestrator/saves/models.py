"""Tables of saves. A slot's head is moved only by the session that holds the slot, in its current generation."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base

UPLOADED = 0
_IS_LIVE = "deleted_at IS NULL"
_IS_DELETED = "deleted_at IS NOT NULL"


class SaveSlot(Base):
    """One of an owner's three save places per game. The row appears with its first version.

    `restored_at` is set when its owner goes back to an older version: to the begin of the last session until then. What
    that one and older ones send later never becomes the head; likewise when its owner hands in a save.

    A deleted slot (`deleted_at`) has given its number free and is disposed of when it can no longer be brought back.
    """

    __tablename__ = "save_slots"
    __table_args__ = (
        Index(
            "one_slot_per_number",
            "owner",
            "game_id",
            "number",
            unique=True,
            sqlite_where=text(_IS_LIVE),
            postgresql_where=text(_IS_LIVE),
        ),
        Index("deleted_slots", "deleted_at", sqlite_where=text(_IS_DELETED), postgresql_where=text(_IS_DELETED)),
        Index("slots_by_owner", "owner", "game_id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id"))
    number: Mapped[int]
    label: Mapped[str | None] = mapped_column(String(100))
    head_version_id: Mapped[str] = mapped_column(String(32))
    last_played_at: Mapped[datetime]
    restored_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SaveVersion(Base):
    """One immutable archive of a slot. `is_side` marks one that came too late to be the head: kept, restorable.

    `number` grows with each capture of its generation, as its host says; 0 from hosts that do not count. What its owner
    handed in has generation 0, which no placement has, and a session that was on its slot before.
    """

    __tablename__ = "save_versions"
    __table_args__ = (
        UniqueConstraint("session_id", "generation", "digest", name="one_version_per_archive"),
        Index("save_versions_by_slot", "slot_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    slot_id: Mapped[str] = mapped_column(String(32))
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    generation: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    number: Mapped[int] = mapped_column(BigInteger, server_default="0")
    key: Mapped[str] = mapped_column(String(300))
    is_side: Mapped[bool]
    picture_key: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]

    @property
    def is_uploaded(self) -> bool:
        return self.generation == UPLOADED


class UnwantedArchive(Base):
    """Something in the store that no version names any more. Written in the transaction that dropped the version; some
    replica takes it by lease, deletes it from the store, and then this row.
    """

    __tablename__ = "unwanted_archives"

    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    since: Mapped[datetime]
    lease_until: Mapped[datetime | None]
