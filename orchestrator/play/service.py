"""What a player can do with a session: launch it, look at it, keep it alive, stop it, list it.

No HTTP here. Every decision about a session's life is `lifecycle.step`'s.
"""

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from orchestrator.catalog.models import Build, Game
from orchestrator.catalog.service import Catalog
from orchestrator.database import Database
from orchestrator.errors import ApiError, Conflict, Forbidden, NoServers, NotFound, RateLimited
from orchestrator.fleet.models import Host
from orchestrator.fleet.placement import Placement
from orchestrator.ids import new_id
from orchestrator.notices import Notices
from orchestrator.play.lifecycle import (
    ACTIVE,
    FINAL,
    Decider,
    End,
    Placed,
    Position,
    StopAsked,
    Used,
    new_life,
)
from orchestrator.play.models import LaunchAttempt, Session, life_of, revision_of, store_life
from orchestrator.play.moves import Moves
from orchestrator.saves.service import Saves

_log = structlog.get_logger()

LAUNCHES_PER_MINUTE = 10
STOP_WAIT_S = 20.0
STATUS_WAIT_LIMIT_S = 25.0
_MINUTE = timedelta(minutes=1)
_ACTIVE = [position.value for position in ACTIVE]
_NO_HOST = "no game server can take this game at the moment"
_STOPPED_BY_PLAYER = End("stopped", "You stopped the game.", Decider.PLAYER)


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """What a person asks for. `timezone` is what the game is told."""

    owner: str
    game_slug: str
    save_slot_id: str | None
    is_fresh: bool
    idempotency_key: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session with what surrounds it, read in one go."""

    row: Session
    game: Game
    host: Host | None
    queue_position: int | None


class Play:
    def __init__(
        self, database: Database, notices: Notices, catalog: Catalog, saves: Saves, placement: Placement, moves: Moves
    ) -> None:
        self._database = database
        self._notices = notices
        self._catalog = catalog
        self._saves = saves
        self._placement = placement
        self._moves = moves

    async def launch(self, order: LaunchOrder) -> Session:
        """Start a session, in one transaction; placed at once when a host has room, else it waits in `placing`.

        The same `idempotency_key` gives the same session again. Raises `InvalidRequest`, `NotFound`, `Forbidden`,
        `Conflict` (`session_active`, `slots_full`), `RateLimited`, `NoServers`, in that order.
        """
        async with self._database.write() as session:
            repeated = await self._repeated(session, order)
            if repeated is not None:
                return repeated
            now = await self._database.now(session)
            attempts = await self._count_attempt(session, order.owner, now)
            outcome = await self._admit(session, order, attempts, now)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    async def _repeated(self, session: AsyncSession, order: LaunchOrder) -> Session | None:
        if order.idempotency_key is None:
            return None
        return await session.scalar(
            select(Session).where(Session.owner == order.owner, Session.idempotency_key == order.idempotency_key)
        )

    async def _count_attempt(self, session: AsyncSession, owner: str, now: datetime) -> list[datetime]:
        """The owner's attempts of the last minute, this one included, oldest first."""
        old = LaunchAttempt.at <= now - _MINUTE
        await session.execute(delete(LaunchAttempt).where(LaunchAttempt.owner == owner, old))
        session.add(LaunchAttempt(id=new_id("lat"), owner=owner, at=now))
        await session.flush()
        mine = select(LaunchAttempt.at).where(LaunchAttempt.owner == owner).order_by(LaunchAttempt.at)
        return list(await session.scalars(mine))

    async def _admit(
        self, session: AsyncSession, order: LaunchOrder, attempts: list[datetime], now: datetime
    ) -> Session | ApiError:
        # A refusal is answered, not raised: the attempt that it counts must be committed.
        try:
            game, build = await self._catalog.launchable(session, order.game_slug)
            slot = await self._saves.choose(
                session, order.owner, game.id, slot_id=order.save_slot_id, is_fresh=order.is_fresh
            )
            await self._refuse_second(session, order.owner)
        except ApiError as refusal:
            return await self._active_first(session, order.owner, refusal)
        if len(attempts) > LAUNCHES_PER_MINUTE:
            retry_after_s = max(1, int((attempts[-LAUNCHES_PER_MINUTE] + _MINUTE - now).total_seconds()) + 1)
            return RateLimited("too many launches, please wait a moment", retry_after_s=retry_after_s)
        spec = BuildSpec.model_validate(build.spec)
        if not await self._placement.could_ever_fit(session, spec, now):
            return NoServers(_NO_HOST, retry_after_s=30)
        life = new_life(now)
        row = Session(
            id=new_id("ses"),
            owner=order.owner,
            idempotency_key=order.idempotency_key,
            game_id=game.id,
            build_id=build.id,
            slot_id=slot.slot_id,
            slot_number=slot.number,
            timezone=order.timezone,
            progress=None,
            last_input_at=None,
            created_at=now,
            running_since=None,
            ended_at=None,
            duration_s=None,
            cpu_seconds=None,
            peak_memory_bytes=None,
        )
        store_life(row, life)
        session.add(row)
        await session.flush()
        await self.place(session, row, now)
        return row

    async def _active_first(self, session: AsyncSession, owner: str, refusal: ApiError) -> ApiError:
        """Of two conflicts the active session is the one to name: a launch whose answer was lost looks for it."""
        if isinstance(refusal, Conflict):
            try:
                await self._refuse_second(session, owner)
            except Conflict as active:
                return active
        return refusal

    async def _refuse_second(self, session: AsyncSession, owner: str) -> None:
        active = await session.scalar(select(Session).where(Session.owner == owner, Session.position.in_(_ACTIVE)))
        if active is not None:
            raise Conflict(
                "You already have an active session. Go on with it, or stop it first.",
                code="session_active",
                details={"sessionId": active.id},
            )

    async def place(self, session: AsyncSession, row: Session, now: datetime) -> bool:
        """Give a waiting session a host and reserve its place there; False when none has room now."""
        build = await session.get_one(Build, row.build_id)
        place = await self._placement.find(session, BuildSpec.model_validate(build.spec), now, row.failed_hosts)
        if place is None:
            return False
        row.reserved_cpu_cores = place.resources.cpu_cores
        row.reserved_memory_bytes = place.resources.memory_bytes
        await self._moves.apply(session, row, Placed(place.host_id), now)
        _log.info("session.placed", session=row.id, host=place.host_id, **asdict(place.score))
        return True

    async def view(self, owner: str, session_id: str) -> SessionView:
        """Raises `NotFound`, or `Forbidden` for another person's."""
        async with self._database.read() as session:
            return await self._view(session, owner, session_id)

    async def wait(self, owner: str, session_id: str, wait_s: float, after: str | None) -> SessionView:
        """As `view`, but held until the session changes, at most `wait_s`.

        Answered at once when the session is over, or no longer at the revision `after` that the caller knows.
        """
        with self._notices.subscribe(f"session:{session_id}") as news:
            view = await self.view(owner, session_id)
            is_news = after is not None and after != revision_of(view.row)
            if wait_s <= 0 or is_news or life_of(view.row).position in FINAL:
                return view
            if await news.wait(min(wait_s, STATUS_WAIT_LIMIT_S)):
                return await self.view(owner, session_id)
        return view

    async def _view(self, session: AsyncSession, owner: str, session_id: str) -> SessionView:
        row = await self._mine(session, owner, session_id)
        game = await session.get_one(Game, row.game_id)
        host = await session.get(Host, row.host_id) if row.host_id else None
        queue_position = None
        if row.position == Position.PLACING.value:
            earlier = select(func.count()).where(
                Session.position == Position.PLACING.value, Session.created_at < row.created_at
            )
            queue_position = 1 + (await session.scalar(earlier) or 0)
        return SessionView(row, game, host, queue_position)

    async def _mine(self, session: AsyncSession, owner: str, session_id: str) -> Session:
        row = await session.get(Session, session_id)
        if row is None:
            raise NotFound(f"there is no session '{session_id}'")
        if row.owner != owner:
            raise Forbidden("this session belongs to somebody else")
        return row

    async def keepalive(self, owner: str, session_id: str) -> datetime:
        """Start the idle time anew and answer its end. Raises `Conflict` `session_ended` when it is over."""
        async with self._database.write() as session:
            row = await self._mine(session, owner, session_id)
            if life_of(row).position in (*FINAL, Position.STOPPING):
                raise Conflict("this session has ended", code="session_ended")
            await self._moves.apply(session, row, Used(), await self._database.now(session))
            return row.expires_at

    async def stop(self, owner: str, session_id: str) -> Session:
        """Ask for the end and wait for it, at most `STOP_WAIT_S`. Stopping again answers the same."""
        with self._notices.subscribe(f"session:{session_id}") as news:
            async with self._database.write() as session:
                row = await self._mine(session, owner, session_id)
                now = await self._database.now(session)
                await self._moves.apply(session, row, StopAsked(_STOPPED_BY_PLAYER), now)
            until = asyncio.get_running_loop().time() + STOP_WAIT_S
            while life_of(row).position not in FINAL:
                left = until - asyncio.get_running_loop().time()
                if left <= 0 or not await news.wait(left):
                    break
                row = (await self.view(owner, session_id)).row
        return row

    async def active(self, owner: str) -> list[tuple[Session, Game]]:
        """The owner's sessions that are not over; by the one-active rule at most one."""
        query = (
            select(Session, Game)
            .join(Game, Game.id == Session.game_id)
            .where(Session.owner == owner, Session.position.in_(_ACTIVE))
        )
        async with self._database.read() as session:
            return list(await session.execute(query))
