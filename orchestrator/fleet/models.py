"""Tables of the fleet. A host's capacity is a fact; what is reserved of it is always summed from live sessions
(invariant 3), so there is no counter here.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict, JsonList


class Host(Base):
    """A machine with an agent. `revision` grows whenever what it should run changes; (`incarnation`, `seq`) orders its
    syncs. `warm_seats` waited there for a session when it reported last.
    """

    __tablename__ = "hosts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(String(64))
    public_url: Mapped[str] = mapped_column(String(500))
    labels: Mapped[JsonDict]
    is_draining: Mapped[bool] = mapped_column(default=False)
    incarnation: Mapped[int] = mapped_column(default=0)
    seq: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    last_sync_at: Mapped[datetime | None]
    capacity: Mapped[JsonDict]
    usage: Mapped[JsonDict]
    images: Mapped[JsonList]
    pulling: Mapped[JsonDict]
    warm_seats: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    pull_bytes_per_s: Mapped[float | None]
    created_at: Mapped[datetime]


class JoinToken(Base):
    """A one-time right to join, stored as its SHA-256."""

    __tablename__ = "join_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]
    host_id: Mapped[str | None] = mapped_column(ForeignKey("hosts.id"))


class BuildProfile(Base):
    """What one build was seen to need on one class of host: `scheduler.profiles.Profile` as a row."""

    __tablename__ = "build_profiles"

    build_id: Mapped[str] = mapped_column(ForeignKey("builds.id"), primary_key=True)
    host_class: Mapped[str] = mapped_column(String(64), primary_key=True)
    profile: Mapped[JsonDict]
    updated_at: Mapped[datetime]
