"""The table of what operators did. It knows people, hosts and games by their ids: who is erased leaves no name here."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict


class AuditEvent(Base):
    """One thing that was done to `subject_id`, whose kind is the first word of `action`. `actor_id` is None for the
    command line, which has no `address` either.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("audit_events_by_time", "at", "id"),
        Index("audit_events_by_actor", "actor_id", "at"),
        Index("audit_events_by_action", "action", "at"),
        Index("audit_events_by_subject", "subject_id", "at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str | None] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(100))
    details: Mapped[JsonDict]
    address: Mapped[str | None] = mapped_column(String(64))
