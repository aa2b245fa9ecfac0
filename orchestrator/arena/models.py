"""Tables of the arena. Moments in `_ms` are milliseconds since 1970 on the database's clock, which matches count in.

A match is `arena_matches.state` (`matches.rows` without its plies) and its rows in `arena_moves`; `version` grows with
each change. What is told to sockets is in `arena_events`, counted from 1 within each match.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict, JsonList


class ArenaSession(Base):
    """`result` is None before the end. `join_by` is when a session that is still pending expires."""

    __tablename__ = "arena_sessions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key", name="arena_sessions_by_idempotency_key"),
        Index("arena_sessions_by_room_code", "room_code", unique=True),
        Index("arena_sessions_pending", "join_by", sqlite_where=text("status = 'pending'"),
              postgresql_where=text("status = 'pending'")),
        Index("arena_sessions_by_tenant", "tenant_id", "created_at"),
        Index("arena_sessions_by_match", "match_id"),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    game: Mapped[str] = mapped_column(String(16))
    mode: Mapped[str] = mapped_column(String(8))
    match_type: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(8))
    bot_difficulty: Mapped[str] = mapped_column(String(8))
    is_afk_enforced: Mapped[bool]
    players: Mapped[JsonList]
    theme: Mapped[JsonDict]
    room_code: Mapped[str | None] = mapped_column(String(8))
    match_id: Mapped[str | None] = mapped_column(String(40))
    result: Mapped[JsonDict | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    join_by: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ArenaWaiting(Base):
    """A player who has joined and has no opponent yet. `is_direct`: the opponent is the session's other player."""

    __tablename__ = "arena_waiting"
    __table_args__ = (Index("arena_waiting_by_pool", "game", "mode", "tenant_id"),)

    session_id: Mapped[str] = mapped_column(ForeignKey("arena_sessions.id", ondelete="CASCADE"), primary_key=True)
    player_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40))
    game: Mapped[str] = mapped_column(String(16))
    mode: Mapped[str] = mapped_column(String(8))
    is_direct: Mapped[bool]
    display_name: Mapped[str] = mapped_column(String(100))
    rating: Mapped[float]
    afk: Mapped[JsonList | None]
    since_ms: Mapped[int]
    replica_id: Mapped[str] = mapped_column(String(40))
    socket_id: Mapped[str] = mapped_column(String(64))


class ArenaMatch(Base):
    """`deadline_ms` is when it changes by itself; `bot_due_ms` when somebody has to think for the bot again. Both are
    None after the end. `events` counts those in `arena_events`, and is 0 when they were pruned. Outages that ended
    until `excused_ms` are in its clocks already. `listed_for` is the tenant in whose rooms it stands: nobody's with a
    bot, or across tenants. `bot_id` is the learned bot that plays; when that is gone, `bot_level` is left of it.
    """

    __tablename__ = "arena_matches"
    __table_args__ = (
        Index("arena_matches_by_deadline", "deadline_ms"),
        Index("arena_matches_by_bot", "bot_due_ms"),
        Index("arena_matches_by_room", "listed_for", "game", "mode", sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL")),
        Index("arena_matches_played", "listed_for", "game", "mode", "ended_at",
              sqlite_where=text("ended_at IS NOT NULL AND listed_for IS NOT NULL"),
              postgresql_where=text("ended_at IS NOT NULL AND listed_for IS NOT NULL")),
        Index("arena_matches_to_prune", "ended_at", sqlite_where=text("ended_at IS NOT NULL AND events > 0"),
              postgresql_where=text("ended_at IS NOT NULL AND events > 0")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    game: Mapped[str] = mapped_column(String(16))
    mode: Mapped[str] = mapped_column(String(8))
    listed_for: Mapped[str | None] = mapped_column(String(40))
    is_rated: Mapped[bool]
    bot_level: Mapped[str | None] = mapped_column(String(8))
    bot_id: Mapped[str | None] = mapped_column(String(40))
    version: Mapped[int]
    state: Mapped[JsonDict]
    plies: Mapped[int]
    events: Mapped[int]
    deadline_ms: Mapped[int | None]
    bot_due_ms: Mapped[int | None]
    excused_ms: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ArenaSeat(Base):
    """Who plays on which side, and for which session. A bot's seat is of the human's session."""

    __tablename__ = "arena_seats"
    __table_args__ = (Index("arena_seats_by_player", "tenant_id", "player_id"),)

    match_id: Mapped[str] = mapped_column(ForeignKey("arena_matches.id", ondelete="CASCADE"), primary_key=True)
    seat: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(String(40))
    tenant_id: Mapped[str] = mapped_column(String(40))
    player_id: Mapped[str] = mapped_column(String(128))
    display_name: Mapped[str] = mapped_column(String(100))
    is_bot: Mapped[bool]


class ArenaMove(Base):
    """One ply, as `matches.rows` has it."""

    __tablename__ = "arena_moves"

    match_id: Mapped[str] = mapped_column(ForeignKey("arena_matches.id", ondelete="CASCADE"), primary_key=True)
    ply: Mapped[int] = mapped_column(primary_key=True)
    row: Mapped[JsonDict]


class ArenaEvent(Base):
    """What was decided and has to be told, in the order of `seq`. Pruned some time after the end of its match."""

    __tablename__ = "arena_events"

    match_id: Mapped[str] = mapped_column(ForeignKey("arena_matches.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    body: Mapped[JsonDict]


class ArenaConnection(Base):
    """A player's socket, and the replica that holds it."""

    __tablename__ = "arena_connections"
    __table_args__ = (
        Index("arena_connections_by_match", "match_id"),
        Index("arena_connections_by_replica", "replica_id"),
    )

    socket_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    match_id: Mapped[str] = mapped_column(ForeignKey("arena_matches.id", ondelete="CASCADE"))
    seat: Mapped[int]
    replica_id: Mapped[str] = mapped_column(String(40))


class ArenaRun(Base):
    """A session's streamed game: `run_id` is the fleet's session. A seat of the tenant is taken until `ended_at`."""

    __tablename__ = "arena_runs"
    __table_args__ = (
        Index("arena_runs_by_run", "run_id", unique=True),
        Index("arena_runs_going_on", "tenant_id", sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL")),
    )  # fmt: skip

    session_id: Mapped[str] = mapped_column(ForeignKey("arena_sessions.id", ondelete="CASCADE"), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(32))
    tenant_id: Mapped[str] = mapped_column(String(40))
    ended_at: Mapped[datetime | None]


class ArenaReplica(Base):
    """One process of the arena, which says every other second that it is there while anything is played. Gone once it
    has been silent for too long, or has said so.
    """

    __tablename__ = "arena_replicas"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    seen_ms: Mapped[int]
    is_gone: Mapped[bool]


class ArenaOutage(Base):
    """A time in which no replica was there: it counts against nobody. Written once, by whoever is there again."""

    __tablename__ = "arena_outages"

    began_ms: Mapped[int] = mapped_column(primary_key=True)
    ended_ms: Mapped[int]


class ArenaRating(Base):
    """Glicko-2 of a tenant's player in one game and mode."""

    __tablename__ = "arena_ratings"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(8), primary_key=True)
    game: Mapped[str] = mapped_column(String(16), primary_key=True)
    player_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    rating: Mapped[float]
    deviation: Mapped[float]
    volatility: Mapped[float]


class ArenaBot(Base):
    """A bot of a tenant's, for the queues of one game and environment. A learned one plays once it has `trained_at`.

    `training` is `none`, `waiting`, `running`, `done` or `failed`. At `train_due_ms` somebody trains it: a replica that
    does puts that off, and another one takes it up when it has died. `matches` and `positions` say from how many it
    learned and how many it knows, `strength` how it did then against the built-in levels. `tried_at` is when its last
    training began.
    """

    __tablename__ = "arena_bots"
    __table_args__ = (
        UniqueConstraint("tenant_id", "mode", "game", "player_id", name="arena_bots_by_player"),
        Index("arena_bots_to_train", "train_due_ms"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    mode: Mapped[str] = mapped_column(String(8))
    game: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(100))
    player_id: Mapped[str] = mapped_column(String(128))
    display_name: Mapped[str] = mapped_column(String(100))
    bot_type: Mapped[str] = mapped_column(String(12))
    difficulty: Mapped[str | None] = mapped_column(String(8))
    target_rating: Mapped[float | None]
    matchmaking_weight: Mapped[float]
    retrain_threshold: Mapped[int | None]
    training: Mapped[str] = mapped_column(String(8))
    train_due_ms: Mapped[int | None]
    tried_at: Mapped[datetime | None]
    trained_at: Mapped[datetime | None]
    matches: Mapped[int]
    positions: Mapped[int]
    strength: Mapped[JsonDict | None]
    failure: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]


POSITION_CHARACTERS: Final = 200


class ArenaLesson(Base):
    """What a learned bot knows of one position: its moves, as `matches.bots.learned` has them."""

    __tablename__ = "arena_lessons"

    bot_id: Mapped[str] = mapped_column(ForeignKey("arena_bots.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[str] = mapped_column(String(POSITION_CHARACTERS), primary_key=True)
    moves: Mapped[JsonDict]
