"""Tables of publishers. What people read of their games is in the catalogue's tables; what only they have is here."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonList

_IS_OPEN = text("state IN ('receiving', 'processing')")


class Publisher(Base):
    __tablename__ = "publishers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(150), unique=True)
    created_at: Mapped[datetime]


class PublisherKey(Base):
    """A key, known by its SHA-256: it has 256 random bits, so nothing slower is needed. `hint` is how it begins, to
    tell keys apart. `last_used_at` is right to the hour.
    """

    __tablename__ = "publisher_keys"
    __table_args__ = (Index("publisher_keys_by_publisher", "publisher_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    publisher_id: Mapped[str] = mapped_column(ForeignKey("publishers.id", ondelete="CASCADE"))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class PublishedGame(Base):
    """A game that a publisher made. `active_build_id` is what they want to be played; the catalogue's current build is
    the same, or none while the game is suspended.
    """

    __tablename__ = "published_games"
    __table_args__ = (Index("published_games_by_publisher", "publisher_id"),)

    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"), primary_key=True)
    publisher_id: Mapped[str] = mapped_column(ForeignKey("publishers.id"))
    launcher: Mapped[str] = mapped_column(String(255))
    renpy_dir: Mapped[str | None] = mapped_column(String(255))
    save_paths: Mapped[JsonList]
    active_build_id: Mapped[str | None] = mapped_column(String(40))
    is_suspended: Mapped[bool] = mapped_column(default=False, server_default=false())
    suspended_because: Mapped[str | None] = mapped_column(String(500))
    updated_at: Mapped[datetime]


class Upload(Base):
    """One archive on its way, or what became of it. At most one of a game is open: the database says so.

    `spool` names the folder that holds its bytes, which only replicas beside that folder can reach. `busy_until` is the
    lease of whoever receives or processes it. `size_bytes` is None when the sender did not say it. Digests are SHA-256
    in hex: the one that was announced, and the one that the archive has.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index("one_open_upload_per_game", "game_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        Index("uploads_by_game", "game_id", "created_at"),
        Index("open_uploads", "state", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[str | None] = mapped_column(String(100))
    size_bytes: Mapped[int | None]
    received_bytes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    announced_digest: Mapped[str | None] = mapped_column(String(64))
    digest: Mapped[str | None] = mapped_column(String(64))
    spool: Mapped[str] = mapped_column(String(40))
    busy_until: Mapped[datetime]
    reasons: Mapped[JsonList]
    build_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
