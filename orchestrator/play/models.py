"""The table of sessions. At most one active row per owner: the database says so (invariant 1)."""

import hashlib
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict, JsonList
from orchestrator.play.lifecycle import ACTIVE, Life, Position
from orchestrator.play.reasons import Decider, End

ERASED_OWNER = "erased"  # of sessions whose person deleted the account: nothing of theirs is taken any more

_IS_ACTIVE = "position IN ({})".format(", ".join(f"'{position.value}'" for position in ACTIVE))


class Session(Base):
    """One run of one build on one seat.

    `slot_id` names the save slot, whose row appears with its first save version. `launch_digest` is what the
    idempotency key was used for. `placed_on` is the host of each generation, in order: what they send of it later is
    taken. `reserved_*` is what the session takes of its host's capacity while it is there. `last_frame_at` is when the
    page of its player last said that it shows a moving stream. `left_at` is when the game was last known to run on a
    host that it had to leave, `resumed_from_at` when the save was made from which it goes on (None: it had none). One
    that is `for_result` is one run of a game, told in `result`: nothing is saved, and once it ran no other host takes
    over. `unseen_since` is since when no page has been connected to such a run. `position_since` is None in a session's
    first position; `was_image_there` says whether the image lay on the host when it was chosen last. `traceparent` is
    where its launch stands in a trace; None when nobody traced it.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(
            "one_active_session_per_owner",
            "owner",
            unique=True,
            sqlite_where=text(_IS_ACTIVE),
            postgresql_where=text(_IS_ACTIVE),
        ),
        Index("sessions_by_host", "host_id", sqlite_where=text(_IS_ACTIVE), postgresql_where=text(_IS_ACTIVE)),
        Index(
            "sessions_by_former_host",
            "former_host_id",
            sqlite_where=text(_IS_ACTIVE),
            postgresql_where=text(_IS_ACTIVE),
        ),
        Index("sessions_by_owner", "owner", "created_at"),
        Index("sessions_by_creation", "created_at"),
        Index("sessions_by_slot", "slot_id", "created_at"),
        Index("sessions_by_game", "game_id", "build_id"),
        UniqueConstraint("owner", "idempotency_key", name="one_session_per_idempotency_key"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    launch_digest: Mapped[str | None] = mapped_column(String(64))
    game_id: Mapped[str] = mapped_column(ForeignKey("games.id"))
    build_id: Mapped[str] = mapped_column(ForeignKey("builds.id"))
    slot_id: Mapped[str] = mapped_column(String(32))
    slot_number: Mapped[int]
    timezone: Mapped[str] = mapped_column(String(64))
    latencies: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")

    position: Mapped[str] = mapped_column(String(16))
    position_since: Mapped[datetime | None]
    was_image_there: Mapped[bool | None]
    traceparent: Mapped[str | None] = mapped_column(String(55))
    generation: Mapped[int]
    host_id: Mapped[str | None] = mapped_column(ForeignKey("hosts.id"))
    former_host_id: Mapped[str | None] = mapped_column(String(32))
    failed_hosts: Mapped[JsonList]
    placed_on: Mapped[JsonList] = mapped_column(default=list, server_default="[]")
    deadline: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    epoch: Mapped[int] = mapped_column(default=0)
    reserved_cpu_cores: Mapped[float] = mapped_column(default=0.0)
    reserved_memory_bytes: Mapped[int] = mapped_column(default=0)

    is_seat_ready: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[JsonDict | None]
    last_input_at: Mapped[datetime | None]
    is_paused: Mapped[bool] = mapped_column(default=False, server_default=false())
    peers: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    is_host_silent: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_frame_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    resumed_from_at: Mapped[datetime | None]
    save_used_bytes: Mapped[int | None]
    for_result: Mapped[bool] = mapped_column(default=False, server_default=false())
    result: Mapped[JsonDict | None]
    unseen_since: Mapped[datetime | None]

    created_at: Mapped[datetime]
    running_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_code: Mapped[str | None] = mapped_column(String(64))
    end_message: Mapped[str | None] = mapped_column(String(2000))
    end_by: Mapped[str | None] = mapped_column(String(16))
    log_tail: Mapped[JsonList]
    duration_s: Mapped[float | None]
    cpu_seconds: Mapped[float | None]
    peak_memory_bytes: Mapped[int | None]


class Invite(Base):
    """A link to watch a session, known by the hash of its secret. It lasts until the player takes all of them back, or
    the session ends.
    """

    __tablename__ = "invites"
    __table_args__ = (Index("invites_by_session", "session_id"),)

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    created_at: Mapped[datetime]


class LaunchAttempt(Base):
    """One try of an owner to launch, kept for the minute that the limit looks back on."""

    __tablename__ = "launch_attempts"
    __table_args__ = (Index("launch_attempts_by_owner", "owner", "at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class ClockJumps(Base):
    """How often the database's clock was seen to jump: the one row whose increase decides which replica makes up for
    a jump, once.
    """

    __tablename__ = "clock_jumps"

    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]


def life_of(row: Session) -> Life:
    """The part of a row that decides."""
    end = None
    if row.end_code is not None:
        end = End(row.end_code, row.end_message or "", Decider(row.end_by or "orchestrator"), tuple(row.log_tail))
    return Life(
        position=Position(row.position),
        generation=row.generation,
        host_id=row.host_id,
        failed_hosts=tuple(row.failed_hosts),
        deadline=row.deadline,
        expires_at=row.expires_at,
        ends_at=row.ends_at,
        end=end,
        former_host_id=row.former_host_id,
        for_result=row.for_result,
    )


def revision_of(row: Session) -> str:
    """Changes whenever what a player's page shows of the session changes; nothing else may be read from it."""
    shown = (
        row.position,
        row.generation,
        row.is_seat_ready,
        row.progress,
        row.is_paused,
        row.is_host_silent,
        (row.save_used_bytes or 0) >> 20,
        row.end_code,
        row.duration_s,
        row.epoch,
    )
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]


def store_life(row: Session, life: Life) -> None:
    """Write a decision back into its row."""
    row.position = life.position.value
    row.generation = life.generation
    row.host_id = life.host_id
    row.former_host_id = life.former_host_id
    row.failed_hosts = list(life.failed_hosts)
    row.deadline = life.deadline
    row.expires_at = life.expires_at
    row.ends_at = life.ends_at
    row.end_code = life.end.code if life.end else None
    row.end_message = life.end.message[:2000] if life.end else None
    row.end_by = life.end.by.value if life.end else None
    row.log_tail = list(life.end.log_tail) if life.end else []
