"""Takes a session's place on a host: one guarded statement (invariant 3).

What live rows reserve of the host is summed where it is compared, and the host's row is changed only if nobody changed
it since this statement began to look: `revision` grows with every session that a host is given, `edits` with what an
operator changes. So two who reserve at once cannot both count on the same room, and neither has to hold a lock while it
thinks. Lease, labels and disk are looked at again, since what the host was chosen by may be a moment old.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import (
    Float,
    Select,
    String,
    Text,
    Update,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import aliased

from orchestrator.database import Prepared, UtcDateTime
from orchestrator.fleet.ledger import Claim
from orchestrator.fleet.models import Host
from orchestrator.play.lifecycle import ACTIVE, ON_HOST, Position
from orchestrator.play.models import Session
from scheduler.placement import CPU_TOLERANCE_CORES

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
_CPU, _MEMORY, _SEATS, _DISK = (
    bindparam(name, type_=Float) for name in ("cpu_cores", "memory_bytes", "seats", "disk_bytes")
)
_IMAGE = bindparam("image", type_=Text)
_MOST_KINDS = 64


async def reserve(
    connection: AsyncSession | AsyncConnection, session_id: str, host_id: str, claim: Claim, now: datetime
) -> bool:
    """Place the waiting session on the host if its lease holds, it is not draining, has the labels and the image or
    disk for it, and its live sessions leave room; False, and nothing done, when not. Another's change at the same
    instant only makes it look again.

    Whoever calls it within a longer transaction rolls back to where he was when it is False: the host's row may be
    locked.
    """
    statements = _statements(tuple(claim.labels))
    values = {
        "host": host_id,
        "session": session_id,
        "now": now,
        "cpu_cores": claim.resources.cpu_cores,
        "memory_bytes": float(claim.resources.memory_bytes),
        "seats": float(claim.resources.seats),
        "disk_bytes": float(claim.disk_bytes),
        "image": f'%"{claim.image_id}"%',
        **{f"label_{number}": value for number, value in enumerate(claim.labels.values())},
    }
    for _ in range(_MOST_RACES):
        if await _take(connection, statements, values):
            return True
        if await statements.room.first(connection, values) is None:
            return False
    return False


@dataclass(frozen=True, slots=True)
class _Statements:
    """For sessions that ask for the same labels, whatever their values."""

    room: Prepared
    hold: Prepared
    take: Prepared


@lru_cache(_MOST_KINDS)
def _statements(labels: tuple[str, ...]) -> _Statements:
    held = _hold(labels).returning(Host.id)
    return _Statements(
        Prepared(_room(labels)), Prepared(held), Prepared(_place().where(exists(select(held.cte("held").c.id))))
    )


async def _take(
    connection: AsyncSession | AsyncConnection, statements: _Statements, values: Mapping[str, object]
) -> bool:
    bind = connection if isinstance(connection, AsyncConnection) else await connection.connection()
    if bind.dialect.name == "postgresql":
        return await statements.take.first(bind, values) is not None
    # SQLite has no changes within a query, and one writer: what the first statement saw is still true in the second.
    return await statements.hold.first(bind, values) is not None and await _PLACE.first(bind, values) is not None


def _room(labels: tuple[str, ...]) -> Select[str, int, int]:
    """The host's id, revision and edits if it can take the session."""
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
        select(seen.id, seen.revision, seen.edits)
        .join(taken, literal(value=True))
        .where(
            seen.id == _HOST,
            seen.lease_until > _NOW,
            seen.is_draining.is_(False),
            seen.removed_at.is_(None),
            taken.c.cpu_cores + _CPU <= seen.capacity["cpu_cores"].as_float() + CPU_TOLERANCE_CORES,
            cast(taken.c.memory_bytes, Float) + _MEMORY <= seen.capacity["memory_bytes"].as_float(),
            taken.c.seats + _SEATS <= seen.capacity["seats"].as_float(),
            or_(
                seen.capacity["disk_free_bytes"].as_float()
                + func.coalesce(seen.capacity["disk_evictable_bytes"].as_float(), 0.0)
                >= _DISK,
                cast(seen.images, Text).like(_IMAGE),  # last: it is the longest to look at
            ),
            *(
                func.coalesce(seen.own_labels[key].as_string(), seen.labels[key].as_string())
                == bindparam(f"label_{number}", type_=String)
                for number, key in enumerate(labels)
            ),
        )
    )


def _hold(labels: tuple[str, ...]) -> Update:
    room = _room(labels).subquery("room")
    is_as_seen = (Host.id == room.c.id) & (Host.revision == room.c.revision) & (Host.edits == room.c.edits)
    return update(Host).where(is_as_seen, Host.is_draining.is_(False)).values(revision=Host.revision + 1)


def _place() -> Update:
    placed = update(Session).where(Session.id == _SESSION, Session.position == Position.PLACING.value)
    return placed.values(
        position=Position.PULLING.value,
        host_id=_HOST,
        reserved_cpu_cores=_CPU,
        reserved_memory_bytes=_MEMORY,
    ).returning(Session.id)


_PLACE = Prepared(_place())
