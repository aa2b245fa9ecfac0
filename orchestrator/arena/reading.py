"""Matches as they are, many at once by a few statements. Tables, not the classes mapped to them: nothing is to be made
of these rows, and that takes half the time.

A match's row says how many moves and events it has, and those never change: what is read after the row is as old.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
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

_MOST_REMEMBERED: Final = 4_096
_MATCHES: Final = ArenaMatch.metadata.tables[ArenaMatch.__tablename__]
_MOVES: Final = ArenaMove.metadata.tables[ArenaMove.__tablename__]
_SEATS: Final = ArenaSeat.metadata.tables[ArenaSeat.__tablename__]
_EVENTS: Final = ArenaEvent.metadata.tables[ArenaEvent.__tablename__]
_IDS: Final = bindparam("ids", expanding=True)
_LINES: Final = (
    select(_MOVES)
    .where(_MOVES.c.match_id.in_(_IDS), _MOVES.c.ply >= bindparam("since"))
    .order_by(_MOVES.c.match_id, _MOVES.c.ply)
)
_SEATED: Final = select(_SEATS).where(_SEATS.c.match_id.in_(_IDS)).order_by(_SEATS.c.seat)
_HEADS: Final = select(
    *(_MATCHES.c[name] for name in ("id", "version", "state", "plies", "events")), DatabaseNow().label("now")
).where(_MATCHES.c.id.in_(_IDS))
_NUMBERS: Final = bindparam("numbers", expanding=True)
_NUMBERED: Final = (
    select(_EVENTS).where(tuple_(_EVENTS.c.match_id, _EVENTS.c.seq).in_(_NUMBERS)).order_by(_EVENTS.c.seq)
)


class Rooms:
    """Matches as they are. What is remembered of one is not read again."""

    def __init__(self) -> None:
        self._remembered: OrderedDict[str, tuple[int, Room]] = OrderedDict()

    def remembered(self, match_id: str) -> Room | None:
        """As it was when it was seen last."""
        known = self._remembered.get(match_id)
        return None if known is None else known[1]

    def keep(self, version: int, room: Room) -> None:
        """The match as the row of this version says, which is committed."""
        self._remembered[room.id] = (version, room)
        self._remembered.move_to_end(room.id)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def forget(self) -> None:
        """What was committed may be gone: after an outage another database may answer, which has not all of it."""
        self._remembered.clear()

    async def at(self, connection: AsyncConnection, heads: Sequence[Any]) -> Mapping[str, Room]:
        """Each match as its committed row says: `id`, `version`, `state` and `plies`."""
        rooms, changed = dict[str, Room](), list[Any]()
        for head in heads:
            version, room = self._remembered.get(head.id, (None, None))
            if room is not None and version == head.version:
                rooms[head.id] = room
            else:
                changed.append(head)
        rooms.update(await self._read(connection, changed) if changed else {})
        for head in heads:
            self.keep(head.version, rooms[head.id])
        return rooms

    async def _read(self, connection: AsyncConnection, heads: Sequence[Any]) -> Mapping[str, Room]:
        before = {head.id: room for head in heads if (room := self.remembered(head.id))}
        plies = {head.id: before[head.id].match.plies[: head.plies] if head.id in before else () for head in heads}
        lines: defaultdict[str, list[Json]] = defaultdict(list)
        longer = {head.id: head.plies for head in heads if len(plies[head.id]) < head.plies}
        if longer:
            asked = {"ids": list(longer), "since": min(len(plies[match_id]) for match_id in longer)}
            for move in await connection.execute(_LINES, asked):
                if len(plies[move.match_id]) <= move.ply < longer[move.match_id]:
                    lines[move.match_id].append(move.row)
        seats = {match_id: room.seats for match_id, room in before.items()}
        strangers = [head.id for head in heads if head.id not in before]
        if strangers:
            seats.update(await _seats_of(connection, strangers))
        rooms: dict[str, Room] = {}
        for head in heads:
            match = from_row({**head.state, "plies": lines[head.id]})
            rooms[head.id] = Room(head.id, replace(match, plies=(*plies[head.id], *match.plies)), seats[head.id])
        return rooms


async def heads_of(connection: AsyncConnection, match_ids: Sequence[str]) -> Sequence[Any]:
    """Of those that are there `id`, `version`, `state`, `plies`, `events`, and the database's `now`."""
    return (await connection.execute(_HEADS, {"ids": match_ids})).all()


async def events_of(connection: AsyncConnection, numbers: Sequence[tuple[str, int]]) -> Mapping[str, Sequence[Told]]:
    """The events of these matches by these numbers, of each match in their order; `MOST_EVENTS` in a statement."""
    found: defaultdict[str, list[Told]] = defaultdict(list)
    for start in range(0, len(numbers), MOST_EVENTS):
        for event in await connection.execute(_NUMBERED, {"numbers": numbers[start : start + MOST_EVENTS]}):
            found[event.match_id].append(Told(event.seq, event.kind, event.body))
    return found


async def _seats_of(connection: AsyncConnection, match_ids: Sequence[str]) -> Mapping[str, tuple[Seated, Seated]]:
    seats: defaultdict[str, list[Seated]] = defaultdict(list)
    for seat in await connection.execute(_SEATED, {"ids": match_ids}):
        who = Seated(seat.player_id, seat.display_name, seat.session_id, seat.tenant_id, seat.is_bot)
        seats[seat.match_id].append(who)
    found: dict[str, tuple[Seated, Seated]] = {}
    for match_id in match_ids:
        first, second = seats[match_id]
        found[match_id] = first, second
    return found
