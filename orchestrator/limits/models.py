"""The table of tries. It has the name of what was limited first."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class Tries(Base):
    """Of one subject of one limit, within one window. `key` is a digest: no address and no e-mail of a stranger is
    kept.
    """

    __tablename__ = "sign_in_throttles"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    tries: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)
