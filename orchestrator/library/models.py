"""Tables of libraries: batches of codes, the codes, and what they put into whose library."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class CodeBatch(Base):
    """Codes for one game that were made together. `made_by` is None for the command line."""

    __tablename__ = "code_batches"
    __table_args__ = (Index("code_batches_by_game", "game_id", "created_at"), Index("code_batches_by_maker", "made_by"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"))
    note: Mapped[str | None] = mapped_column(String(100))
    made_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class LibraryCode(Base):
    """One code, known by its hash; `ends_with` is all of it that can still be read. It is used once `redeemed_at` is
    set, also when the account that did it is gone.
    """

    __tablename__ = "library_codes"
    __table_args__ = (Index("library_codes_by_batch", "batch_id"), Index("library_codes_by_person", "redeemed_by"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("code_batches.id", ondelete="CASCADE"))
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    ends_with: Mapped[str] = mapped_column(String(4))
    redeemed_by: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    redeemed_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LibraryEntry(Base):
    """A game that needs a code, in the library of an account that has redeemed one."""

    __tablename__ = "library_entries"
    __table_args__ = (Index("library_entries_by_game", "game_id"),)

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"), primary_key=True)
    added_at: Mapped[datetime]
