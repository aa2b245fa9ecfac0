"""One replica's arena: rows, sockets and time put together. What sockets ask for goes through here; what happens by
itself comes from `run`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from matches.events import Disconnected, Event, Looked, MoveSent, Reconnected
from matches.refusals import Refusal
from matches.values import Game, Seat
from orchestrator.arena.bots.service import Bots
from orchestrator.arena.happening import Happened
from orchestrator.arena.ledger import Ledger, Look, is_long_over, seat_of
from orchestrator.arena.models import (
    ArenaConnection,
    ArenaMatch,
    ArenaReplica,
    ArenaSeat,
    ArenaSession,
    ArenaWaiting,
)
from orchestrator.arena.pairing import STARTS, Joined, JoinRefused, Pairing, Wish
from orchestrator.arena.presence import Presence, milliseconds
from orchestrator.arena.quick import Sitting
from orchestrator.arena.session_tokens import Claims
from orchestrator.arena.sessions import Sessions
from orchestrator.arena.telling import Telling
from orchestrator.arena.thinking import Thinking
from orchestrator.background import rounds
from orchestrator.database import Database, DatabaseNow
from orchestrator.errors import DatabaseUnavailable, NotFound, RateLimited, Unauthorized
from orchestrator.notices import Notices
from orchestrator.tenants.keys import TenantKeys
from orchestrator.tenants.plans import KeyMode

if TYPE_CHECKING:
    from orchestrator.arena.run_sockets import RunSockets
    from orchestrator.arena.sockets import Sockets

_BUSY_S: Final = 0.5
_QUIET_S: Final = 5.0
_UPKEEP_S: Final = 2.0
_PATIENCE_S: Final = 10.0
_LONGEST_BACKOFF_S: Final = 30.0
_BATCH: Final = 200

log = structlog.get_logger()


class Arena:
    """Make it with `running`. Nothing but `Ledger` and `Pairing` changes a row of a match."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        presence: Presence,
        ledger: Ledger,
        pairing: Pairing,
        sessions: Sessions,
        keys: TenantKeys,
        bots: Bots,
    ) -> None:
        self._database = database
        self._notices = notices
        self._presence = presence
        self._ledger = ledger
        self._pairing = pairing
        self._sessions = sessions
        self._keys = keys
        self.thinking = Thinking(database, ledger, self._bot_plays, bots)
        self._news = asyncio.Event()
        self._upkeep_s = 0.0
        self._may_be_parted = False

    def with_sockets(self, sockets: "Sockets", run_sockets: "RunSockets") -> None:
        """Who hears what happens."""
        self.sockets = sockets
        self.run_sockets = run_sockets
        self.telling = Telling(self._ledger, self._notices, sockets.engine)

    async def claims(self, token: object) -> tuple[Claims, str] | None:
        """Of a token that is good: not expired, or of a session that has begun; and whose session it is."""
        try:
            opened = await self._sessions.opened(token)
        except Unauthorized:
            return None
        return opened.claims, opened.session.tenant_id

    async def tenant_of_origin(self, origin: str | None) -> tuple[str, frozenset[KeyMode]] | None:
        """Whose page this is, by the origins of keys."""
        return None if origin is None else await self._keys.of_origin(origin)

    async def walk_in(self, origin: str | None, address: str, order: Mapping[str, object]) -> str | None:
        """A new session, as `Sessions.create` makes it, of the tenant whose page this is; None when it is nobody's.
        InvalidRequest, RateLimited, JoinRefused once this network address, or all such pages, had too many.
        """
        found = await self.tenant_of_origin(origin)
        if found is None or origin is None:
            return None
        if not await self._keys.may_walk_in(address):
            raise JoinRefused("too_many_walk_ins", "Too many games from this network. Please try again in an hour.")
        proven = await self._keys.of_page(*found, origin)
        if proven.tally.is_over:
            raise RateLimited("Rate limit exceeded", retry_after_s=proven.tally.ends_in_s)
        return (await self._sessions.create(proven, order, None, is_walk_in=True)).session.id

    async def join(self, wish: Wish) -> Joined:
        """JoinRefused."""
        await self._be_sure()
        joined = await self._pairing.join(wish)
        for happened in joined.begun:
            self._ledger.remember(happened)
        self._news.set()
        return joined

    async def begun(self, happened: Happened) -> None:
        """A match began: those who wait here hear of it, and a bot that moves first thinks."""
        await self.sockets.begin(happened.room.id)
        self.thinking.about(happened)

    async def stop_waiting(self, session_id: str, player_id: str, socket_id: str) -> str | None:
        """The match that the player is in already, if they are."""
        return await self._pairing.leave(session_id, player_id, socket_id)

    async def happen(self, match_id: str, event: Event, *, at_ply: int | None = None) -> Happened:
        """One event of a match, told to whoever listens. NotFound."""
        await self._be_sure()
        happened = await self._ledger.happen(match_id, event, at_ply=at_ply)
        await self._after(happened)
        return happened

    async def sit(self, match_id: str, seat: Seat, socket_id: str) -> None:
        """A player's socket is there."""
        await self._be_sure()
        happened = await self._ledger.happen(match_id, Reconnected(seat), sits=Sitting(socket_id, seat))
        await self._after(happened)

    async def stand_up(self, match_id: str, seat: Seat, socket_id: str) -> None:
        """A player's socket is gone. When it was the last one, the player is away."""
        await self._be_sure()
        async with self._database.write() as session:
            row = await session.scalar(select(ArenaMatch).where(ArenaMatch.id == match_id).with_for_update())
            if row is None or row.ended_at is not None:
                return
            await session.execute(delete(ArenaConnection).where(ArenaConnection.socket_id == socket_id))
            others = exists().where(ArenaConnection.match_id == match_id, ArenaConnection.seat == seat)
            is_there = await session.scalar(select(others))
            event = Looked() if is_there else Disconnected(seat)
            happened = await self._ledger.upon(session, row, event, socket_id=socket_id)
        self._ledger.remember(happened)
        await self._after(happened)

    async def look(self, match_id: str) -> Look:
        """NotFound."""
        return await self._ledger.look(match_id)

    async def going_on(self, match_ids: Collection[str]) -> set[str]:
        """Those of them that are not over."""
        query = select(ArenaMatch.id).where(ArenaMatch.id.in_(match_ids), ArenaMatch.ended_at.is_(None))
        async with self._database.read() as session:
            return set(await session.scalars(query))

    async def seat_in(self, match_id: str, session_id: str, player_id: str) -> Seat | None:
        """Where this player of this session sits in a match. NotFound."""
        return seat_of(await self._ledger.seats(match_id), session_id, player_id)

    async def tenant_at(self, match_id: str, seat: Seat) -> str:
        """Whose player sits there. NotFound."""
        return (await self._ledger.seats(match_id))[seat].tenant_id

    async def sockets_in(self, match_id: str) -> tuple[set[str], set[str]]:
        """By seat, those by which its players are connected to any replica."""
        query = select(ArenaConnection.seat, ArenaConnection.socket_id).where(ArenaConnection.match_id == match_id)
        async with self._database.read() as session:
            rows = (await session.execute(query)).all()
        return {row.socket_id for row in rows if row.seat == 0}, {row.socket_id for row in rows if row.seat == 1}

    async def match_that_began(self, session_id: str) -> str | None:
        """The match of a session that waited until just now."""
        return (await self._pairing.become_of([session_id])).get(session_id)

    async def match_of(self, session_id: str, game: Game) -> str | None:
        """The match of a session, also when it is over."""
        query = select(ArenaSession.match_id).where(ArenaSession.id == session_id, ArenaSession.game == game.value)
        async with self._database.read() as session:
            return await session.scalar(query)

    async def session_of_absent(self, tenant_id: str, player_id: str, game: Game) -> str | None:
        """For which session this player is away from a match of the game that goes on."""
        query = select(ArenaSeat.match_id, ArenaSeat.session_id, ArenaSeat.seat).join(
            ArenaMatch, ArenaMatch.id == ArenaSeat.match_id
        )
        theirs = query.where(
            ArenaSeat.tenant_id == tenant_id,
            ArenaSeat.player_id == player_id,
            ArenaMatch.game == game.value,
            ArenaMatch.ended_at.is_(None),
        )
        async with self._database.read() as session:
            rows = (await session.execute(theirs.order_by(ArenaMatch.started_at.desc()))).all()
        for match_id, session_id, seat in rows:
            if (await self._ledger.look(match_id)).room.match.away_since_ms[seat] is not None:
                return session_id
        return None

    async def may_watch(self, match_id: str, game: Game, claims: Claims | None, origin: str | None) -> bool:
        """Whether it is a listed match that goes on, of the tenant of this token or page."""
        async with self._database.read() as session:
            row = await session.get(ArenaMatch, match_id)
            mine = None if claims is None else await session.get(ArenaSession, claims.session_id)
        if row is None or row.ended_at is not None or row.game != game.value or row.listed_for is None:
            return False
        if mine is not None:
            return row.listed_for == mine.tenant_id and row.mode == mine.mode
        tenant = await self.tenant_of_origin(origin)
        return tenant is not None and tenant[0] == row.listed_for and row.mode in {mode.value for mode in tenant[1]}

    async def run(self) -> None:
        """What comes by itself: flags, idleness, absences, longer reaches, expiries. Ends never."""
        failures = 0
        while True:
            try:
                wait_s = await self._round()
                failures = 0
            except DatabaseUnavailable:
                self._presence.doubt()
                self._ledger.forget()
                failures = min(failures + 1, 10)
                wait_s = min(_LONGEST_BACKOFF_S, 2.0**failures)
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    async def hear_starts(self) -> None:
        """Tells those who wait here what became of that elsewhere. Ends never."""
        await rounds(self._notices, STARTS, self._look_for_starts)

    async def close(self) -> None:
        """Nobody thinks any longer, and this replica has gone."""
        await self.thinking.close()
        await self._ledger.close()
        await self._presence.leave()

    async def _bot_plays(self, match_id: str, move: MoveSent, at_ply: int) -> None:
        happened = await self.happen(match_id, move, at_ply=at_ply)
        if happened.refusal not in {None, Refusal.MATCH_OVER}:
            log.error("arena.bot_refused", match=match_id, refusal=happened.refusal)

    async def _be_sure(self) -> None:
        """Nothing happens to a match before it is known when nobody was there. DatabaseUnavailable."""
        if not self._presence.is_sure:
            self._news.set()
            if not await self._presence.sure(_PATIENCE_S):
                raise DatabaseUnavailable

    async def _after(self, happened: Happened) -> None:
        await self.telling.tell(happened)
        self.thinking.about(happened)
        deadline_ms = happened.deadline_ms
        if deadline_ms is not None and deadline_ms - happened.now_ms < _QUIET_S * 1000:
            self._news.set()

    async def _round(self) -> float:
        """What is due now; the seconds until the next round."""
        if not self._presence.is_sure:
            if not await self._presence.settle():
                return _BUSY_S
            self._may_be_parted = True
        self._presence.stay_sure()
        async with self._database.read() as session:
            now_ms = milliseconds(await self._database.now(session))
            due = await self._ids(session, ArenaMatch.deadline_ms <= now_ms)
            bots = await self._ids(session, ArenaMatch.bot_due_ms <= now_ms)
            next_ms = await session.scalar(
                select(func.min(ArenaMatch.deadline_ms)).where(ArenaMatch.deadline_ms > now_ms)
            )
        await self._look_at(due)
        for match_id in bots:
            await self.thinking.again(match_id)
        moment_s = time.monotonic()
        if moment_s - self._upkeep_s >= _UPKEEP_S:
            self._upkeep_s = moment_s
            await self._upkeep(now_ms)
        if next_ms is None and not self.sockets.count:
            return _QUIET_S
        until_next_s = _BUSY_S if next_ms is None else max(0.02, (next_ms - now_ms) / 1000)
        return min(until_next_s, _BUSY_S if self.sockets.count else _QUIET_S)

    async def _ids(self, session: AsyncSession, condition: ColumnElement[bool]) -> list[str]:
        return list(await session.scalars(select(ArenaMatch.id).where(condition).limit(_BATCH)))

    async def _look_at(self, match_ids: Sequence[str]) -> None:
        """Let time happen to these matches."""
        for start in range(0, len(match_ids), _BATCH):
            await asyncio.gather(*(self._look_at_one(match_id) for match_id in match_ids[start : start + _BATCH]))

    async def _look_at_one(self, match_id: str) -> None:
        """A mistake in one stops no other."""
        try:
            await self._after(await self._ledger.happen(match_id, Looked()))
        except DatabaseUnavailable:
            raise
        except NotFound:
            pass  # its tenant was removed, or somebody else sees to it
        except Exception:
            log.exception("arena.match_mistake", match=match_id)

    async def _upkeep(self, now_ms: int) -> None:
        """What may wait a little. While nobody plays or waits, it only looks."""
        of_dead = select(ArenaConnection.match_id).join(ArenaReplica, ArenaReplica.id == ArenaConnection.replica_id)
        is_over = (ArenaSession.status == "pending") & (ArenaSession.join_by <= DatabaseNow())
        async with self._database.read() as session:
            is_playing = await session.scalar(select(exists().where(ArenaMatch.ended_at.is_(None))))
            is_waiting = await session.scalar(select(exists().where(ArenaWaiting.session_id.is_not(None))))
            has_expired = await session.scalar(select(exists().where(is_over)))
            has_old = await session.scalar(select(exists().where(is_long_over(now_ms))))
            abandoned = (await session.scalars(of_dead.where(self._presence.is_silent(now_ms)).distinct())).all()
        if is_playing or self.sockets.count:
            await self._presence.beat()
        if self._may_be_parted:
            await self.sockets.sit_again(await self._presence.sockets())
            self._may_be_parted = False
        await self.sockets.make_up()
        await self._look_at(abandoned)
        if is_waiting:
            for happened in await self._pairing.widen():
                self._ledger.remember(happened)
                await self.begun(happened)
        if has_expired and await self._sessions.expire():
            self._notices.hear(STARTS)
        if has_old:
            await self._ledger.prune()

    async def _look_for_starts(self) -> None:
        waiting = self.sockets.waiting_sessions()
        for start in range(0, len(waiting), _BATCH):
            become = await self._pairing.become_of(waiting[start : start + _BATCH])
            await self.sockets.expired({session_id for session_id, match_id in become.items() if match_id is None})
            for match_id in {match_id for match_id in become.values() if match_id is not None}:
                await self.sockets.begin(match_id)


@asynccontextmanager
async def running(arena: Arena, presence: Presence) -> AsyncGenerator[None, None]:
    """The arena is open while the block runs."""
    await presence.begin()
    try:
        yield
    finally:
        await arena.run_sockets.close()
        await arena.sockets.close()
        await arena.close()
