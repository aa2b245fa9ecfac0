"""Tables of the fleet. A host's capacity is a fact; what is reserved of it is always summed from live sessions
(invariant 3), so there is no counter here.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict, JsonList


class Host(Base):
    """A machine with an agent. `revision` grows whenever what it should run changes; (`incarnation`, `seq`) orders its
    syncs; `edits` grows whenever an operator changes something of it. `warm_seats` waited there for a session when it
    reported last.

    `labels` are what the agent said when it joined, `own_labels` the operator's word over them. `moves_idle` says that
    a draining host gives away what nobody is connected to. `noted_state` and `changes` are what was written down of its
    life (`host_life`), the newest change last.

    `pulling` maps images on their way there to the bytes still to come, and `pulls` are these as the host told of them.
    `prepulls` are the ids of builds that it is to fetch unasked. `report_digest` is of what its last report said beside
    sessions, capacity and use (`fleet.reports`): who says the same again has nothing of that written.
    """

    __tablename__ = "hosts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(String(64))
    public_url: Mapped[str] = mapped_column(String(500))
    labels: Mapped[JsonDict]
    own_labels: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")
    is_draining: Mapped[bool] = mapped_column(default=False)
    draining_since: Mapped[datetime | None]
    moves_idle: Mapped[bool] = mapped_column(default=False, server_default=false())
    removed_at: Mapped[datetime | None]
    noted_state: Mapped[str] = mapped_column(String(16), default="suspect", server_default="lost")
    changes: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    edits: Mapped[int] = mapped_column(default=0, server_default=text("0"))
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
    pulls: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    prepulls: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    report_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    created_at: Mapped[datetime]


class JoinToken(Base):
    """A one-time right to join, stored as its SHA-256 and spoken of by `id`. The host that uses it gets its labels."""

    __tablename__ = "join_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str | None] = mapped_column(String(32))
    labels: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")
    created_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    host_id: Mapped[str | None] = mapped_column(ForeignKey("hosts.id"))


class BuildProfile(Base):
    """What one build was seen to need on one class of host: `scheduler.profiles.Profile` as a row."""

    __tablename__ = "build_profiles"

    build_id: Mapped[str] = mapped_column(ForeignKey("builds.id"), primary_key=True)
    host_class: Mapped[str] = mapped_column(String(64), primary_key=True)
    profile: Mapped[JsonDict]
    updated_at: Mapped[datetime]


def labels_of(host: Host) -> dict[str, str]:
    """What holds: the operator's word over the agent's; a label that the operator made empty is none."""
    both = {**host.labels, **host.own_labels}
    return {key: str(value) for key, value in both.items() if value != ""}
