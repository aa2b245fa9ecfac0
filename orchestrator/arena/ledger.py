"""Matches as rows: the only place where one changes. What happens to a match is a row before anybody is told.

Whoever changes a match holds its row. The pure `matches.step` says what follows; here it is written down, with what
webhooks have to tell, in one transaction.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Final
from weakref import WeakValueDictionary

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from matches.deadlines import next_deadline
from matches.events import Effect, Event, Looked, Refused
from matches.ratings import Rating, after_match
from matches.rows import line_row
from matches.state import Match, started
from matches.step import step
from matches.terms import Terms
from matches.values import Seat
from metering import UNMETERED, Meter
from orchestrator.arena import payloads
from orchestrator.arena.happening import Happened, bot_due_ms, state_of, topic_of
from orchestrator.arena.losses import losses
from orchestrator.arena.models import (
    ArenaConnection,
    ArenaEvent,
    ArenaMatch,
    ArenaMove,
    ArenaRating,
    ArenaReplica,
    ArenaSeat,
    ArenaSession,
)
from orchestrator.arena.news import Told, told_of, webhooks_of
from orchestrator.arena.payloads import Payload, Room, Seated
from orchestrator.arena.presence import Presence, milliseconds
from orchestrator.arena.quick import MOST_AT_ONCE, Asked, Quick, Sitting
from orchestrator.arena.reading import Rooms, events_of, heads_of
from orchestrator.arena.seams import Outbox
from orchestrator.database import Database, insert_unless_there
from orchestrator.errors import NotFound
from orchestrator.ids import new_id
from orchestrator.lots import Lots
from orchestrator.notices import Notices
from orchestrator.observing.table import ARENA_MOVES

_TOLD_FOR: Final = timedelta(hours=1)
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Look:
    """The match as it is, the number of its last event, and when that was."""

    room: Room
    seq: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who sits down, and by which socket of which replica. A bot has none."""

    seated: Seated
    replica_id: str | None = None
    socket_id: str | None = None


class Ledger:
    def __init__(
        self,
        database: Database,
        notices: Notices,
        presence: Presence,
        outbox: Outbox,
        meter: Meter = UNMETERED,
    ) -> None:
        self._meter = meter
        self._database = database
        self._notices = notices
        self._presence = presence
        self.outbox = outbox
        self._rooms = Rooms()
        self._quick = Quick(database, notices, presence, self._rooms, self._announce_effect)
        self._turns = WeakValueDictionary[str, asyncio.Lock]()
        self._lots = Lots(self._quick.happen, attrgetter("match_id"), MOST_AT_ONCE)

    async def happen(
        self, match_id: str, event: Event, *, at_ply: int | None = None, sits: Sitting | None = None
    ) -> Happened:
        """One event of a match, after those that were asked for before it; with `at_ply` only if so many plies have
        been made, else nothing but time happens. Who `sits` is connected from then on, if the match goes on. NotFound.
        """
        asked = Asked(match_id, event, at_ply, sits)
        if isinstance(event, Looked):
            happened = await self._happen(asked)
        else:
            async with self._turns.setdefault(match_id, asyncio.Lock()):
                happened = await self._happen(asked)
        return happened

    async def close(self) -> None:
        """Returns when nothing happens any longer."""
        await self._lots.close()

    async def within(
        self, session: AsyncSession, match_id: str, event: Event, *, at_ply: int | None = None
    ) -> Happened:
        """The same in the caller's transaction, once in it; `remember` after its commit. NotFound; a mere look waits
        for nobody who holds the match, and does not find it either.
        """
        held = select(ArenaMatch).where(ArenaMatch.id == match_id)
        row = await session.scalar(held.with_for_update(skip_locked=isinstance(event, Looked)))
        if row is None:
            raise NotFound("There is no such room.")
        is_late = at_ply is not None and row.plies != at_ply
        return await self.upon(session, row, Looked() if is_late else event)

    async def upon(
        self, session: AsyncSession, row: ArenaMatch, event: Event, *, socket_id: str | None = None
    ) -> Happened:
        """The same to a row that the caller holds. `socket_id` is that of a player who left."""
        now_ms = milliseconds(await self._database.now(session))
        room = (await self._rooms.at(await session.connection(), [row]))[row.id]
        events = [*await self._lost(session, row, now_ms), event]
        match, effects = room.match, list[Effect]()
        for each in events:
            match, followed = step(match, each, now_ms)
            effects += followed
        refusal = next((effect.refusal for effect in effects if isinstance(effect, Refused)), None)
        after = replace(room, match=match)
        told = await self._save(session, row, room.match, after, effects, now_ms, socket_id)
        return Happened(after, told, row.version, now_ms, row.deadline_ms, refusal)

    async def open(
        self,
        session: AsyncSession,
        terms: Terms,
        mode: str,
        pair: tuple[Entrant, Entrant],
        *,
        bot_level: str | None,
        bot_id: str | None = None,
        is_listed: bool,
        is_rated: bool,
    ) -> Happened:
        """A match that begins now; its sessions are active. The caller holds their rows."""
        now = await self._database.now(session)
        now_ms = milliseconds(now)
        seats = (pair[0].seated, pair[1].seated)
        match = started(terms, (seats[0].player_id, seats[1].player_id), now_ms)
        row = ArenaMatch(
            id=new_id("room_"),
            game=terms.game.value,
            mode=mode,
            listed_for=seats[0].tenant_id if is_listed else None,
            is_rated=is_rated,
            bot_level=bot_level,
            bot_id=bot_id,
            version=0,
            state={},
            plies=0,
            events=0,
            excused_ms=now_ms,
            started_at=now,
        )
        session.add(row)
        await session.flush()
        room = Room(row.id, match, seats)
        session.add_all(_seats_of(row.id, seats))
        await self._presence.here(session, now_ms)
        session.add_all(_connections_of(row.id, pair))
        sessions = sorted({seat.session_id for seat in seats})
        changed = update(ArenaSession).where(ArenaSession.id.in_(sessions))
        await session.execute(changed.values(status="active", match_id=row.id, room_code=None))
        body: Payload = {"roomId": row.id, "players": payloads.players(room)}
        await self._announce(session, room, mode, "session.started", body, now_ms)
        told = await self._write(session, row, room, [("started", {})], now_ms)
        return Happened(room, told, row.version, now_ms, row.deadline_ms)

    async def seats(self, match_id: str) -> tuple[Seated, Seated]:
        """Who plays: that never changes. NotFound."""
        return (self._rooms.remembered(match_id) or (await self.look(match_id)).room).seats

    async def look(self, match_id: str) -> Look:
        """NotFound."""
        async with self._database.statements(is_write=False) as session:
            look = (await self._look(await session.connection(), [match_id])).get(match_id)
        if look is None:
            raise NotFound("There is no such room.")
        return look

    async def told_since(self, told: Mapping[str, int]) -> Mapping[str, tuple[Look, Sequence[Told]]]:
        """These matches as they are, and their events after the given ones; without those that are not there."""
        async with self._database.statements(is_write=False) as session:
            connection = await session.connection()
            looks = await self._look(connection, sorted(told))
            numbers = [(each, seq) for each, look in looks.items() for seq in range(told[each] + 1, look.seq + 1)]
            events = await events_of(connection, numbers)
        return {match_id: (look, events.get(match_id, ())) for match_id, look in looks.items()}

    async def with_news(self, told: Mapping[str, int]) -> set[str]:
        """Of these matches, each with how many of its events are known, those that have more."""
        query = select(ArenaMatch.id, ArenaMatch.events).where(ArenaMatch.id.in_(told))
        async with self._database.read() as session:
            return {row.id for row in await session.execute(query) if row.events > told[row.id]}

    async def prune(self) -> None:
        """Forget what was told of some matches that are long over: whoever looks at them is told the whole."""
        async with self._database.write() as session:
            now_ms = milliseconds(await self._database.now(session))
            old = select(ArenaMatch).where(is_long_over(now_ms)).order_by(ArenaMatch.ended_at).limit(_BATCH)
            rows = (await session.scalars(old.with_for_update(skip_locked=True))).all()
            await session.execute(delete(ArenaEvent).where(ArenaEvent.match_id.in_([row.id for row in rows])))
            for row in rows:
                row.events = 0

    def remember(self, happened: Happened) -> None:
        """What was committed need not be read again, and is counted."""
        moves = sum(told.kind == "move" for told in happened.told)
        if moves:
            self._meter.count(ARENA_MOVES, moves, game=happened.room.match.terms.game)
        self._rooms.keep(happened.version, happened.room)

    def forget(self) -> None:
        """The database was away: whatever is asked of a match next is read anew."""
        self._rooms.forget()

    async def _happen(self, asked: Asked) -> Happened:
        happened = await self._lots.ask(asked)
        if happened is None:
            async with self._database.write() as session:
                happened = await self.within(session, asked.match_id, asked.event, at_ply=asked.at_ply)
                if asked.sits is not None and happened.room.match.end is None:
                    await self._presence.here(session, happened.now_ms)
                    await session.merge(
                        ArenaConnection(
                            socket_id=asked.sits.socket_id,
                            match_id=asked.match_id,
                            seat=asked.sits.seat,
                            replica_id=self._presence.id,
                        )
                    )
        self.remember(happened)
        return happened

    async def _look(self, connection: AsyncConnection, match_ids: Sequence[str]) -> Mapping[str, Look]:
        heads = await heads_of(connection, match_ids)
        rooms = await self._rooms.at(connection, heads)
        return {
            head.id: Look(rooms[head.id], head.events, milliseconds(self._database.told(head.now))) for head in heads
        }

    async def _lost(self, session: AsyncSession, row: ArenaMatch, now_ms: int) -> Sequence[Event]:
        """What became of the match while replicas were away; the row and its sockets' say so from then on."""
        if row.ended_at is not None:
            return ()
        query = select(
            ArenaConnection.socket_id,
            ArenaConnection.seat,
            ArenaConnection.replica_id,
            ArenaReplica.seen_ms,
            ArenaReplica.is_gone,
        ).join(ArenaReplica, ArenaReplica.id == ArenaConnection.replica_id)
        found = (await session.execute(query.where(ArenaConnection.match_id == row.id))).all()
        connected = [self._presence.connected(each, now_ms) for each in found]
        lost = losses(self._presence.outages_since(row.excused_ms), connected, row.excused_ms, now_ms)
        row.excused_ms = lost.excused_ms
        if lost.gone:
            await session.execute(delete(ArenaConnection).where(ArenaConnection.socket_id.in_(lost.gone)))
        return lost.events

    async def _save(
        self,
        session: AsyncSession,
        row: ArenaMatch,
        before: Match,
        room: Room,
        effects: Sequence[Effect],
        now_ms: int,
        socket_id: str | None,
    ) -> tuple[Told, ...]:
        told = [found for effect in effects if (found := told_of(room, effect, socket_id))]
        if room.match is before and not told:
            row.deadline_ms = next_deadline(before)
            return ()
        made = line_row(room.match.plies[row.plies :])
        session.add_all(ArenaMove(match_id=row.id, ply=ply, row=each) for ply, each in enumerate(made, row.plies))
        for effect in effects:
            await self._announce_effect(session, room, row.mode, effect, now_ms)
        if room.match.end is not None and before.end is None:
            await self._end(session, row, room)
        return await self._write(session, row, room, told, now_ms)

    async def _write(
        self, session: AsyncSession, row: ArenaMatch, room: Room, told: Iterable[tuple[str, Payload]], now_ms: int
    ) -> tuple[Told, ...]:
        events = tuple(Told(seq, kind, body) for seq, (kind, body) in enumerate(told, row.events + 1))
        session.add_all(
            ArenaEvent(match_id=row.id, seq=event.seq, kind=event.kind, body=event.body) for event in events
        )
        match = room.match
        row.state = state_of(match)
        row.plies = len(match.plies)
        row.events += len(events)
        row.version += 1
        row.deadline_ms = next_deadline(match)
        row.bot_due_ms = bot_due_ms(match, now_ms)
        await session.flush()
        await self._notices.tell_others(session, topic_of(row.id))
        return events

    async def _end(self, session: AsyncSession, row: ArenaMatch, room: Room) -> None:
        now = await self._database.now(session)
        row.ended_at = now
        await session.execute(delete(ArenaConnection).where(ArenaConnection.match_id == row.id))
        ids = sorted({seat.session_id for seat in room.seats})
        changed = update(ArenaSession).where(ArenaSession.id.in_(ids))
        await session.execute(changed.values(status="ended", result=payloads.result(room), ended_at=now))
        if row.is_rated:
            await _rate(session, row, room)

    async def _announce_effect(self, session: AsyncSession, room: Room, mode: str, effect: Effect, now_ms: int) -> None:
        for name, data in webhooks_of(room, effect):
            await self._announce(session, room, mode, name, data, now_ms)

    async def _announce(
        self, session: AsyncSession, room: Room, mode: str, event: str, data: Payload, now_ms: int
    ) -> None:
        for session_id, tenant_id in {seat.session_id: seat.tenant_id for seat in room.seats}.items():
            await self.outbox.enqueue(
                session,
                tenant_id=tenant_id,
                session_id=session_id,
                game=room.game.value,
                mode=mode,
                event=event,
                data=dict(data),
                at=datetime.fromtimestamp(now_ms / 1000, UTC),
            )


def is_long_over(now_ms: int) -> ColumnElement[bool]:
    """Of a match whose events have been heard by everybody who ever will."""
    until = datetime.fromtimestamp(now_ms / 1000, UTC) - _TOLD_FOR
    return ArenaMatch.ended_at.is_not(None) & (ArenaMatch.events > 0) & (ArenaMatch.ended_at < until)


def _seats_of(match_id: str, seats: tuple[Seated, Seated]) -> Iterable[ArenaSeat]:
    for number, seat in enumerate(seats):
        yield ArenaSeat(
            match_id=match_id,
            seat=number,
            session_id=seat.session_id,
            tenant_id=seat.tenant_id,
            player_id=seat.player_id,
            display_name=seat.display_name,
            is_bot=seat.is_bot,
        )


def _connections_of(match_id: str, pair: tuple[Entrant, Entrant]) -> Iterable[ArenaConnection]:
    for seat, one in enumerate(pair):
        if one.socket_id is not None and one.replica_id is not None:
            yield ArenaConnection(socket_id=one.socket_id, match_id=match_id, seat=seat, replica_id=one.replica_id)


async def _rate(session: AsyncSession, row: ArenaMatch, room: Room) -> None:
    """Both ratings after the end. Rows are held in the order of their players, whoever sat where."""
    end = room.match.end
    assert end is not None, "only what has ended is rated"
    found: dict[str, ArenaRating] = {}
    for seat in sorted(room.seats, key=lambda seat: seat.player_id):
        key = {"tenant_id": seat.tenant_id, "mode": row.mode, "game": row.game, "player_id": seat.player_id}
        fresh = Rating()
        values = {"rating": fresh.rating, "deviation": fresh.deviation, "volatility": fresh.volatility}
        await insert_unless_there(session, ArenaRating, **key, **values)
        held = select(ArenaRating).filter_by(**key).with_for_update()
        found[seat.player_id] = (await session.scalars(held)).one()
    first, second = (found[seat.player_id] for seat in room.seats)
    score = 0.5 if end.winner is None else float(end.winner == 0)
    for rating, after in zip((first, second), after_match(_rating(first), _rating(second), score), strict=True):
        rating.rating, rating.deviation, rating.volatility = after.rating, after.deviation, after.volatility


def _rating(row: ArenaRating) -> Rating:
    return Rating(row.rating, row.deviation, row.volatility)


def seat_of(seats: tuple[Seated, Seated], session_id: str, player_id: str) -> Seat | None:
    """Where this player of this session sits."""
    for seat in (0, 1):
        who = seats[seat]
        if (who.session_id, who.player_id) == (session_id, player_id) and not who.is_bot:
            return 1 if seat else 0
    return None
