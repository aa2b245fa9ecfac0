"""The quick way of what happens most: something in a match that goes on. Many such events, of as many matches, are one
transaction of a few statements.

What ends a match, or came after its end, goes the way of `Ledger.within`.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from matches.deadlines import next_deadline
from matches.events import Effect, Event, Looked, Refused
from matches.rows import line_row
from matches.state import Match
from matches.step import step
from matches.values import Seat
from orchestrator.arena.happening import Happened, bot_due_ms, state_of, topic_of
from orchestrator.arena.losses import Losses, losses
from orchestrator.arena.models import ArenaConnection, ArenaEvent, ArenaMatch, ArenaMove, ArenaReplica
from orchestrator.arena.news import Told, told_of
from orchestrator.arena.payloads import Room
from orchestrator.arena.presence import Presence, milliseconds
from orchestrator.arena.reading import Rooms
from orchestrator.database import Database, DatabaseNow
from orchestrator.errors import DatabaseUnavailable
from orchestrator.notices import Notices

MOST_AT_ONCE: Final = 64

# Tables, not the classes mapped to them: nothing is to be made of these rows, and that takes half the time.
_TABLE: Final = ArenaMatch.metadata.tables[ArenaMatch.__tablename__]
_COLUMNS: Final = [
    _TABLE.c[name]
    for name in ("id", "mode", "version", "state", "plies", "events", "ended_at", "excused_ms", "deadline_ms")
]
_CHANGED: Final = ("version", "state", "plies", "events", "deadline_ms", "bot_due_ms", "excused_ms")
_SOCKETS: Final = ArenaConnection.metadata.tables[ArenaConnection.__tablename__]
_REPLICAS: Final = ArenaReplica.metadata.tables[ArenaReplica.__tablename__]
_IDS: Final = bindparam("ids", expanding=True)
_CONNECTED: Final = (
    select(_SOCKETS, _REPLICAS.c.seen_ms, _REPLICAS.c.is_gone)
    .join(_REPLICAS, _REPLICAS.c.id == _SOCKETS.c.replica_id)
    .where(_SOCKETS.c.match_id.in_(_IDS))
)
_FORGOTTEN: Final = delete(_SOCKETS).where(_SOCKETS.c.socket_id.in_(_IDS))
_MOVES: Final = insert(ArenaMove.metadata.tables[ArenaMove.__tablename__])
_EVENTS: Final = insert(ArenaEvent.metadata.tables[ArenaEvent.__tablename__])
_MATCHES: Final = (
    update(_TABLE).where(_TABLE.c.id == bindparam("match_id")).values({name: bindparam(name) for name in _CHANGED})
)

Announce = Callable[[AsyncSession, Room, str, Effect, int], Awaitable[None]]
"""Has webhooks tell of an effect in a match of this mode."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sitting:
    """A player's socket, by which they are there from now on."""

    socket_id: str
    seat: Seat


@dataclass(frozen=True, slots=True)
class Asked:
    """What shall happen to a match; with `at_ply` only if so many plies have been made."""

    match_id: str
    event: Event
    at_ply: int | None = None
    sits: Sitting | None = None


@dataclass
class _Rows:
    """What is written for a lot."""

    moves: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    matches: list[dict[str, Any]] = field(default_factory=list)
    connections: list[dict[str, Any]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """A match's row, what is known of it, and who is connected where that matters."""

    row: Any
    now_ms: int
    room: Room
    connected: Sequence[Any]


class Quick:
    def __init__(
        self,
        database: Database,
        notices: Notices,
        presence: Presence,
        rooms: Rooms,
        announce: Announce,
    ) -> None:
        self._database = database
        self._notices = notices
        self._presence = presence
        self._rooms = rooms
        self._announce = announce
        query = select(*_COLUMNS, presence.quietest().label("quietest_ms"), DatabaseNow().label("now"))
        self._query = (
            query.where(_TABLE.c.id.in_(_IDS)).order_by(_TABLE.c.id).with_for_update(of=_TABLE, skip_locked=True)
        )
        connected = (sqlite.insert if database.is_sqlite else postgresql.insert)(_SOCKETS)
        same = {name: connected.excluded[name] for name in ("match_id", "seat", "replica_id")}
        self._connections = connected.on_conflict_do_update(index_elements=["socket_id"], set_=same)

    async def happen(self, asked: Sequence[Asked]) -> Sequence[Happened | None]:
        """What came of each, of different matches; None where nothing was done, and the long way is to be gone."""
        try:
            async with self._database.write() as session:
                found = await self._find(await session.connection(), [one.match_id for one in asked])
                self._require_sure()
                rows = _Rows()
                happened = [await self._one(session, one, found.get(one.match_id), rows) for one in asked]
                await self._write(session, rows)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("arena.lot_mistake")  # whose it was comes out on the long way
            return [None] * len(asked)
        return happened

    def _require_sure(self) -> None:
        """Who waited for too long may have been taken for dead: there may be an outage that is not written down."""
        if not self._presence.is_sure:
            raise DatabaseUnavailable

    async def _find(self, connection: AsyncConnection, match_ids: Iterable[str]) -> Mapping[str, _Found]:
        """Those that go on, and are in nobody else's hands: one that is held up holds up no other."""
        rows = [
            (row, milliseconds(self._database.told(row.now)))
            for row in await connection.execute(self._query, {"ids": sorted(match_ids)})
            if row.ended_at is None
        ]
        rooms = await self._rooms.at(connection, [row for row, _ in rows])
        disturbed = [row.id for row, now_ms in rows if self._presence.is_dead(row.quietest_ms, now_ms)]
        connected: defaultdict[str, list[Any]] = defaultdict(list)
        if disturbed:
            for each in await connection.execute(_CONNECTED, {"ids": disturbed}):
                connected[each.match_id].append(each)
        return {row.id: _Found(row, now_ms, rooms[row.id], connected[row.id]) for row, now_ms in rows}

    async def _one(self, session: AsyncSession, asked: Asked, found: _Found | None, rows: _Rows) -> Happened | None:
        if found is None:
            return None
        row, now_ms, room = found.row, found.now_ms, found.room
        lost = self._lost(found)
        is_late = asked.at_ply is not None and row.plies != asked.at_ply
        match, effects = _after(room.match, [*lost.events, Looked() if is_late else asked.event], now_ms)
        if match.end is not None:
            return None
        deadline_ms = next_deadline(match)
        after = replace(room, match=match)
        refusal = next((effect.refusal for effect in effects if isinstance(effect, Refused)), None)
        news = [each for effect in effects if (each := told_of(after, effect, None))]
        if asked.sits is not None:
            await self._presence.here(session, now_ms)
            sits = {"socket_id": asked.sits.socket_id, "seat": asked.sits.seat, "replica_id": self._presence.id}
            rows.connections.append({"match_id": row.id, **sits})
        if match is room.match and not news and deadline_ms == row.deadline_ms:
            return Happened(room, (), row.version, now_ms, deadline_ms, refusal)
        for effect in effects:
            await self._announce(session, after, row.mode, effect, now_ms)
        told = tuple(Told(seq, kind, body) for seq, (kind, body) in enumerate(news, row.events + 1))
        made = enumerate(line_row(match.plies[row.plies :]), row.plies)
        rows.moves += [{"match_id": row.id, "ply": ply, "row": each} for ply, each in made]
        rows.events += [{"match_id": row.id, "seq": one.seq, "kind": one.kind, "body": one.body} for one in told]
        rows.gone += lost.gone
        rows.matches.append(
            {
                "match_id": row.id,
                "version": row.version + 1,
                "state": state_of(match),
                "plies": len(match.plies),
                "events": row.events + len(told),
                "deadline_ms": deadline_ms,
                "bot_due_ms": bot_due_ms(match, now_ms),
                "excused_ms": lost.excused_ms,
            }
        )
        return Happened(after, told, row.version + 1, now_ms, deadline_ms, refusal)

    def _lost(self, found: _Found) -> Losses:
        excused_ms, now_ms = found.row.excused_ms, found.now_ms
        connected = [self._presence.connected(each, now_ms) for each in found.connected]
        return losses(self._presence.outages_since(excused_ms), connected, excused_ms, now_ms)

    async def _write(self, session: AsyncSession, rows: _Rows) -> None:
        connection = await session.connection()
        if rows.gone:
            await connection.execute(_FORGOTTEN, {"ids": rows.gone})
        written = (
            (_MOVES, rows.moves),
            (_EVENTS, rows.events),
            (_MATCHES, rows.matches),
            (self._connections, rows.connections),
        )
        for statement, values in written:
            if values:
                await connection.execute(statement, values)
        if rows.matches:
            await self._notices.tell_others(session, *(topic_of(row["match_id"]) for row in rows.matches))


def _after(match: Match, events: Iterable[Event], now_ms: int) -> tuple[Match, Sequence[Effect]]:
    effects = list[Effect]()
    for event in events:
        match, followed = step(match, event, now_ms)
        effects += followed
    return match, effects
