"""Matches as they are, many at once by a few statements. Tables, not the classes mapped to them: nothing is to be made
of these rows, and that takes half the time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from matches.rows import from_row
from matches.values import Json
from orchestrator.arena.models import ArenaEvent, ArenaMatch, ArenaMove, ArenaSeat
from orchestrator.arena.news import Told
from orchestrator.arena.payloads import Room, Seated
from orchestrator.database import DatabaseNow

MOST_EVENTS: Final = 4_000

_MATCHES: Final = ArenaMatch.metadata.tables[ArenaMatch.__tablename__]
_MOVES: Final = ArenaMove.metadata.tables[ArenaMove.__tablename__]
_SEATS: Final = ArenaSeat.metadata.tables[ArenaSeat.__tablename__]
_EVENTS: Final = ArenaEvent.metadata.tables[ArenaEvent.__tablename__]
_IDS: Final = bindparam("ids", expanding=True)
_STATES: Final = select(_MATCHES.c.id, _MATCHES.c.state).where(_MATCHES.c.id.in_(_IDS))
_LINES: Final = (
    select(_MOVES.c.match_id, _MOVES.c.row).where(_MOVES.c.match_id.in_(_IDS)).order_by(_MOVES.c.match_id, _MOVES.c.ply)
)
_SEATED: Final = select(_SEATS).where(_SEATS.c.match_id.in_(_IDS)).order_by(_SEATS.c.seat)
_HEADS: Final = select(_MATCHES.c.id, _MATCHES.c.version, _MATCHES.c.events, DatabaseNow().label("now")).where(
    _MATCHES.c.id.in_(_IDS)
)
_NUMBERS: Final = bindparam("numbers", expanding=True)
_NUMBERED: Final = (
    select(_EVENTS).where(tuple_(_EVENTS.c.match_id, _EVENTS.c.seq).in_(_NUMBERS)).order_by(_EVENTS.c.seq)
)


async def rooms_of(connection: AsyncConnection, match_ids: Sequence[str]) -> Mapping[str, Room]:
    """These matches, which are there."""
    ids = {"ids": match_ids}
    lines: defaultdict[str, list[Json]] = defaultdict(list)
    for move in await connection.execute(_LINES, ids):
        lines[move.match_id].append(move.row)
    seats: defaultdict[str, list[Seated]] = defaultdict(list)
    for seat in await connection.execute(_SEATED, ids):
        who = Seated(seat.player_id, seat.display_name, seat.session_id, seat.tenant_id, seat.is_bot)
        seats[seat.match_id].append(who)
    rooms: dict[str, Room] = {}
    for row in await connection.execute(_STATES, ids):
        first, second = seats[row.id]
        rooms[row.id] = Room(row.id, from_row({**row.state, "plies": lines[row.id]}), (first, second))
    return rooms


async def heads_of(connection: AsyncConnection, match_ids: Sequence[str]) -> Sequence[Any]:
    """Of those that are there `id`, `version`, `events`, and the database's `now`."""
    return (await connection.execute(_HEADS, {"ids": match_ids})).all()


async def events_of(connection: AsyncConnection, numbers: Sequence[tuple[str, int]]) -> Mapping[str, Sequence[Told]]:
    """The events of these matches by these numbers, of each match in their order. `MOST_EVENTS` at most."""
    found: defaultdict[str, list[Told]] = defaultdict(list)
    for event in await connection.execute(_NUMBERED, {"numbers": numbers[:MOST_EVENTS]}) if numbers else ():
        found[event.match_id].append(Told(event.seq, event.kind, event.body))
    return found
