"""The table of pictures that games name by URL."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base

_IS_WAITING = text("state = 'waiting'")


class PictureState(StrEnum):
    WAITING = "waiting"
    STORED = "stored"
    FAILED = "failed"
    """Given up. It is tried again when the game names it again."""


class GamePicture(Base):
    """A URL that a game names, or has named and still shows. A game has it once: who adds one holds the game's lock.

    One that waits is fetched from `due_at` on, by a replica that leases it; `tries` counts those that were begun.
    `fault` and `status` are those of the last try. `key` says where the picture lies in the store.
    """

    __tablename__ = "game_pictures"
    __table_args__ = (
        Index("game_pictures_by_game", "game_id"),
        Index("game_pictures_due", "due_at", sqlite_where=_IS_WAITING, postgresql_where=_IS_WAITING),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(2000))
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    fault: Mapped[str | None] = mapped_column(String(20))
    status: Mapped[int | None]
    key: Mapped[str | None] = mapped_column(String(100))
