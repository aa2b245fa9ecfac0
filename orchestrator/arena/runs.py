"""Tenants' streamed games: a seat of the tenant's quota is taken at the join, and the run is a session of the fleet
that belongs to the tenant's player. Its end is the arena session's, in the transaction that ends it.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.arena.admission import SUBWAY_RUNNER
from orchestrator.arena.models import ArenaRun, ArenaSession
from orchestrator.arena.pairing import JoinRefused, player_in
from orchestrator.arena.run_ends import AFK_AFTER, LEFT_AFTER, Seen, due_end, result_of, unseen_since
from orchestrator.arena.seams import Outbox, announce
from orchestrator.database import Database, JsonDict
from orchestrator.errors import Conflict, NoServers, NotFound
from orchestrator.observing.committed import after_commit
from orchestrator.play.lifecycle import Position, StopAsked
from orchestrator.play.models import Session
from orchestrator.play.moves import Moves
from orchestrator.play.service import Play
from orchestrator.tenants.keys import grants_of
from orchestrator.tenants.models import Tenant

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Run:
    """`id` and `owner` are those of the fleet's session; its one player is the tenant's."""

    id: str
    owner: str
    session_id: str
    tenant_id: str
    player_id: str
    player_name: str


class Runs:
    def __init__(self, database: Database, play: Play, moves: Moves, outbox: Outbox) -> None:
        self._database = database
        self._play = play
        self._moves = moves
        self.outbox = outbox
        moves.tell_ends_of_runs(self._ended)

    async def join(self, session_id: str, player_id: str | None) -> Run:
        """The run of a session, begun by whoever joins first. JoinRefused, and nothing has changed."""
        async with self._database.write() as session:
            await self._database.lock(session, f"arena-session:{session_id}")
            found = await session.get(ArenaSession, session_id, with_for_update=True)
            if found is None or found.game != SUBWAY_RUNNER:
                raise JoinRefused("session_not_found", "There is no such session of this game.")
            player_id, name = player_in(found, player_id)
            run = await session.get(ArenaRun, session_id)
            if run is None:
                run = await self._begin(session, found, player_id)
            row = await session.get_one(Session, run.run_id)
        return Run(row.id, row.owner, session_id, found.tenant_id, player_id, name)

    async def found(self, session_id: str, player_id: str | None) -> Run:
        """The run of a session that was joined. JoinRefused."""
        async with self._database.read() as session:
            found, run = await session.get(ArenaSession, session_id), await session.get(ArenaRun, session_id)
            if found is None or run is None:
                raise JoinRefused("nothing_to_reconnect", "This player is in no game.")
            row = await session.get_one(Session, run.run_id)
        player_id, name = player_in(found, player_id)
        return Run(row.id, row.owner, session_id, found.tenant_id, player_id, name)

    async def resign(self, run: Run) -> None:
        """Ask for its end. What the game has told by then is the result. One that is over stays as it is."""
        await self._play.ask_to_stop(run.owner, run.id)

    async def result(self, session_id: str) -> JsonDict:
        """Of a session that has ended."""
        async with self._database.read() as session:
            return (await session.get_one(ArenaSession, session_id)).result or {}

    def is_news(self, now: datetime) -> ColumnElement[bool]:
        """As `unseen_since` and `due_end` decide: of all that are played, few have to be looked at."""
        has_come_or_gone = (Session.peers == 0) == Session.unseen_since.is_(None)
        has_left = Session.unseen_since <= now - LEFT_AFTER
        long_ago = now - AFK_AFTER
        had_no_input = Session.last_input_at.is_(None) | (Session.last_input_at <= long_ago)
        is_enforced = exists().where(
            ArenaRun.run_id == Session.id, ArenaSession.id == ArenaRun.session_id, ArenaSession.is_afk_enforced
        )
        is_away = (Session.running_since <= long_ago) & had_no_input & is_enforced
        is_played = Session.for_result & (Session.position == Position.RUNNING.value)
        return is_played & Session.is_host_silent.is_(False) & (has_come_or_gone | has_left | is_away)

    async def look(self, session: AsyncSession, row: Session, now: datetime) -> None:
        """End it when nobody looks at it or plays it any more."""
        is_afk_enforced = select(ArenaSession.is_afk_enforced).join(ArenaRun, ArenaRun.session_id == ArenaSession.id)
        seen = _seen(row, bool(await session.scalar(is_afk_enforced.where(ArenaRun.run_id == row.id))))
        row.unseen_since = unseen_since(seen, row.unseen_since, now)
        end = due_end(seen, row.unseen_since, now)
        if end is not None:
            await self._moves.apply(session, row, StopAsked(end), now)

    async def _begin(self, session: AsyncSession, found: ArenaSession, player_id: str) -> ArenaRun:
        now = await self._database.now(session)
        if found.status == "ended":
            raise JoinRefused("session_ended", "This session is over.")
        if found.join_by <= now:
            raise JoinRefused("session_expired", "The time to join this session is over.")
        await self._require_seat(session, found.tenant_id)
        owner = owner_of(found.tenant_id, found.mode, player_id)
        try:
            row = await self._play.begin_run(session, owner, SUBWAY_RUNNER)
        except Conflict as active:
            raise JoinRefused("already_playing", "This player is in another game of yours already.") from active
        except (NoServers, NotFound) as nowhere:
            raise JoinRefused("no_servers", nowhere.message) from nowhere
        run = ArenaRun(session_id=found.id, run_id=row.id, tenant_id=found.tenant_id)
        session.add(run)
        found.status = "active"
        await announce(
            self.outbox, session, found, "session.started", {"roomId": row.id, "players": found.players}, now
        )
        await session.flush()
        told = {"session": found.id, "run": row.id, "tenant": found.tenant_id}
        after_commit(session, lambda: log.info("arena.run_begun", **told))
        return run

    async def _require_seat(self, session: AsyncSession, tenant_id: str) -> None:
        await self._database.lock(session, f"arena-seats:{tenant_id}")
        seats = grants_of(await session.get_one(Tenant, tenant_id)).seats
        taken = select(func.count()).where(ArenaRun.tenant_id == tenant_id, ArenaRun.ended_at.is_(None))
        if (await session.scalar(taken) or 0) >= seats:
            raise JoinRefused("seats_full", "All seats for streamed games are taken. Please try again in a minute.")

    async def _ended(self, session: AsyncSession, row: Session, now: datetime) -> None:
        """In the transaction that ends the fleet's session, which holds its row."""
        run = await session.scalar(select(ArenaRun).where(ArenaRun.run_id == row.id).with_for_update())
        if run is None:
            return
        found = await session.get_one(ArenaSession, run.session_id, with_for_update=True)
        run.ended_at = found.ended_at = now
        result = result_of(row.end_code, row.result)
        found.status, found.result = "ended", result
        await announce(self.outbox, session, found, "game.ended", result, now)


def owner_of(tenant_id: str, mode: str, player_id: str) -> str:
    """Whose the fleet's sessions are that this player plays."""
    return f"tenant:{tenant_id}:{mode}:{player_id}"


def _seen(row: Session, is_afk_enforced: bool) -> Seen:
    position = Position(row.position)
    return Seen(position, row.is_host_silent, row.peers, row.running_since, row.last_input_at, is_afk_enforced)
