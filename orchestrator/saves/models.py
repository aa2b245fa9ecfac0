"""Tables of saves. A slot's head is moved only by the session that holds the slot, in its current generation."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class SaveSlot(Base):
    """One of an owner's three save places per game. The row appears with its first version."""

    __tablename__ = "save_slots"
    __table_args__ = (UniqueConstraint("owner", "game_id", "number", name="one_slot_per_number"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id"))
    number: Mapped[int]
    label: Mapped[str | None] = mapped_column(String(100))
    head_version_id: Mapped[str] = mapped_column(String(32))
    last_played_at: Mapped[datetime]
    created_at: Mapped[datetime]


class SaveVersion(Base):
    """One immutable archive of a slot. `is_side` marks one that came too late to be the head: kept, restorable."""

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
    key: Mapped[str] = mapped_column(String(300))
    is_side: Mapped[bool]
    created_at: Mapped[datetime]
