"""Takes a session's place on a host: one guarded statement (invariant 3).

What live rows reserve of the host is summed where it is compared, and the host's row is changed only if nobody changed
it since this statement began to look: `revision` grows with every session that a host is given. So two who reserve at
once cannot both count on the same room, and neither has to hold a lock while it thinks.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import (
    Float,
    Select,
    String,
    Update,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import aliased

from orchestrator.database import Prepared, UtcDateTime
from orchestrator.fleet.models import Host
from orchestrator.play.lifecycle import ACTIVE, ON_HOST, Position
from orchestrator.play.models import Session
from scheduler.placement import CPU_TOLERANCE_CORES
from scheduler.values import Resources

# Written out: among values that are handed over later no plan may use an index that holds some positions only.
IS_ON_HOST = Session.position.in_([literal_column(f"'{position.value}'") for position in ON_HOST])
IS_ACTIVE = Session.position.in_([literal_column(f"'{position.value}'") for position in ACTIVE])
LEAVES_A_HOST = (Session.position == literal_column(f"'{Position.PLACING.value}'")) & Session.former_host_id.is_not(
    None
)
"""Waits for another host, and still takes its place on the former one."""

_MOST_RACES = 8
_HOST, _SESSION = (bindparam(name, type_=String) for name in ("host", "session"))
_NOW = bindparam("now", type_=UtcDateTime)
_CPU, _MEMORY, _SEATS = (bindparam(name, type_=Float) for name in ("cpu_cores", "memory_bytes", "seats"))


async def reserve(
    connection: AsyncSession | AsyncConnection, session_id: str, host_id: str, wanted: Resources, now: datetime
) -> bool:
    """Place the waiting session on the host if its lease holds, it is not draining and its live sessions leave room;
    False, and nothing done, when not. Another's change at the same instant only makes it look again.

    Whoever calls it within a longer transaction rolls back to where he was when it is False: the host's row may be
    locked.
    """
    values = {
        "host": host_id,
        "session": session_id,
        "now": now,
        "cpu_cores": wanted.cpu_cores,
        "memory_bytes": float(wanted.memory_bytes),
        "seats": float(wanted.seats),
    }
    for _ in range(_MOST_RACES):
        if await _take(connection, values):
            return True
        if await _ROOM.first(connection, values) is None:
            return False
    return False


async def _take(connection: AsyncSession | AsyncConnection, values: Mapping[str, object]) -> bool:
    bind = connection if isinstance(connection, AsyncConnection) else await connection.connection()
    if bind.dialect.name == "postgresql":
        return await _TAKE.first(bind, values) is not None
    # SQLite has no changes within a query, and one writer: what the first statement saw is still true in the second.
    return await _HOLD.first(bind, values) is not None and await _PLACE.first(bind, values) is not None


def _room() -> Select[str, int]:
    """The host's id and revision if there is room."""
    taken = (
        select(
            func.coalesce(func.sum(Session.reserved_cpu_cores), 0.0).label("cpu_cores"),
            func.coalesce(func.sum(Session.reserved_memory_bytes), 0).label("memory_bytes"),
            func.count().label("seats"),
        )
        .where(
            ((Session.host_id == _HOST) & IS_ON_HOST)
            | ((Session.host_id.is_(None)) & (Session.former_host_id == _HOST) & LEAVES_A_HOST)
        )
        .subquery("taken")
    )
    seen = aliased(Host, name="seen")
    return (
        select(seen.id, seen.revision)
        .join(taken, literal(value=True))
        .where(
            seen.id == _HOST,
            seen.lease_until > _NOW,
            seen.is_draining.is_(False),
            seen.removed_at.is_(None),
            taken.c.cpu_cores + _CPU <= seen.capacity["cpu_cores"].as_float() + CPU_TOLERANCE_CORES,
            cast(taken.c.memory_bytes, Float) + _MEMORY <= seen.capacity["memory_bytes"].as_float(),
            taken.c.seats + _SEATS <= seen.capacity["seats"].as_float(),
        )
    )


def _hold() -> Update:
    room = _room().subquery("room")
    is_as_seen = (Host.id == room.c.id) & (Host.revision == room.c.revision) & Host.is_draining.is_(False)
    return update(Host).where(is_as_seen).values(revision=Host.revision + 1)


def _place() -> Update:
    placed = update(Session).where(Session.id == _SESSION, Session.position == Position.PLACING.value)
    return placed.values(
        position=Position.PULLING.value,
        host_id=_HOST,
        reserved_cpu_cores=_CPU,
        reserved_memory_bytes=_MEMORY,
    ).returning(Session.id)


_ROOM = Prepared(_room())
_HOLD = Prepared(_hold().returning(Host.id))
_PLACE = Prepared(_place())
_TAKE = Prepared(_place().where(exists(select(_hold().returning(Host.id).cte("held").c.id))))
