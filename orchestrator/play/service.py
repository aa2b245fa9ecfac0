"""What a player can do with a session: launch it, look at it, keep it alive, stop it, list it.

No HTTP here. Every decision about a session's life is `lifecycle.step`'s.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from metering import UNMETERED, Meter
from orchestrator.catalog.models import Build, Game
from orchestrator.catalog.service import Catalog
from orchestrator.database import Database, DatabaseNow, Prepared
from orchestrator.errors import Conflict, Forbidden, NotFound
from orchestrator.fleet.models import Host
from orchestrator.fleet.placement import Placement
from orchestrator.notices import Notices
from orchestrator.play.launching import Launching, LaunchOrder
from orchestrator.play.lifecycle import ACTIVE, FINAL, Position, StopAsked, Used
from orchestrator.play.models import Session, revision_of
from orchestrator.play.moves import Moves
from orchestrator.play.reasons import STOPPED_BY_PLAYER
from orchestrator.play.stream_access import SeatHost
from orchestrator.play.waiting import WaitingLine
from orchestrator.saves.service import Saves

STOP_WAIT_S = 20.0
STATUS_WAIT_LIMIT_S = 25.0
_ACTIVE = [position.value for position in ACTIVE]
_FINAL = [position.value for position in FINAL]


Row = TypeVar("Row")

_COLUMNS = tuple(Session.__table__.columns)
_VIEW = Prepared(
    select(
        *_COLUMNS,
        Game.slug.label("game_slug"),
        Game.title.label("game_title"),
        Build.spec,
        Host.public_url,
        DatabaseNow().label("now"),
    )
    .join(Game, Game.id == Session.game_id)
    .join(Build, Build.id == Session.build_id)
    .outerjoin(Host, Host.id == Session.host_id)
    .where(Session.id == bindparam("session_id"))
)


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session with what surrounds it, read in one go at `now`; a change of `row` is kept nowhere. `save_limit_bytes`
    is how much its save may hold.
    """

    row: Session
    game_slug: str
    game_title: str
    host: SeatHost | None
    queue_position: int | None
    save_limit_bytes: int
    now: datetime

    @property
    def revision(self) -> str:
        """Changes whenever what a player's page shows changes, the position in the line included."""
        position = "" if self.queue_position is None else f"-{self.queue_position}"
        return revision_of(self.row) + position


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Sessions that are over, the newest first, with their games; `total` counts all of the owner's."""

    sessions: tuple[tuple[Session, Game], ...]
    total: int


class Play:
    def __init__(
        self,
        database: Database,
        notices: Notices,
        catalog: Catalog,
        saves: Saves,
        placement: Placement,
        moves: Moves,
        meter: Meter = UNMETERED,
    ) -> None:
        self._database = database
        self._notices = notices
        self._line = WaitingLine(placement)
        self._launching = Launching(database, catalog, saves, placement, moves, self._line, meter)
        self._moves = moves

    async def launch(self, order: LaunchOrder) -> Session:
        """See `Launching.launch`."""
        return await self._launching.launch(order)

    async def begin_run(self, session: AsyncSession, owner: str, game_slug: str) -> Session:
        """See `Launching.begin_run`."""
        return await self._launching.begin_run(session, owner, game_slug)

    async def ask_to_stop(self, owner: str, session_id: str) -> Session:
        """Ask for the end without waiting for it. `NotFound`, `Forbidden`."""
        async with self._database.write() as session:
            row = await session_of(session, owner, session_id, for_update=True)
            now = await self._database.now(session)
            await self._moves.apply(session, row, StopAsked(STOPPED_BY_PLAYER), now)
            return row

    async def view(self, owner: str, session_id: str) -> SessionView:
        """Raises `NotFound`, or `Forbidden` for another person's."""
        values = {"session_id": session_id}
        found = _owned(await self._database.first(_VIEW, values), owner, session_id)
        if found.position != Position.PLACING:
            return self._viewed(found, None)
        async with self._database.read() as session:
            found = _owned(await _VIEW.first(session, values), owner, session_id)
            is_waiting = found.position == Position.PLACING
            now = self._database.told(found.now)
            return self._viewed(found, await self._line.position(session, session_id, now) if is_waiting else None)

    async def wait(self, owner: str, session_id: str, wait_s: float, after: str | None) -> SessionView:
        """As `view`, but held until the session changes, at most `wait_s`.

        Answered at once when the session is over, or no longer at the revision `after` that the caller knows.
        """
        with self._notices.subscribe(f"session:{session_id}") as news:
            view = await self.view(owner, session_id)
            known = after or view.revision
            until_s = _clock_s() + min(wait_s, STATUS_WAIT_LIMIT_S)
            while view.row.position not in _FINAL and view.revision == known:
                if not await news.look_again(until_s):
                    break
                view = await self.view(owner, session_id)
        return view

    def _viewed(self, found: Any, queue_position: int | None) -> SessionView:
        """Of a row of `_VIEW`."""
        row = Session(**{column.name: value for column, value in zip(_COLUMNS, found, strict=False)})
        return SessionView(
            row=row,
            game_slug=found.game_slug,
            game_title=found.game_title,
            host=SeatHost(row.host_id, found.public_url) if row.host_id else None,
            queue_position=queue_position,
            save_limit_bytes=BuildSpec.model_validate(found.spec).limits.save_bytes,
            now=self._database.told(found.now),
        )

    async def keepalive(self, owner: str, session_id: str, frames_decoded: int | None) -> datetime:
        """Start the idle time anew and answer its end. `frames_decoded` since the last time say that the player sees
        the game. Raises `Conflict` `session_ended` when it is over.
        """
        async with self._database.write() as session:
            row = await session_of(session, owner, session_id, for_update=True)
            require_alive(row)
            now = await self._database.now(session)
            if frames_decoded:
                row.last_frame_at = now
            await self._moves.apply(session, row, Used(), now)
            return row.expires_at

    async def stop(self, owner: str, session_id: str) -> Session:
        """Ask for the end and wait for it, at most `STOP_WAIT_S`. Stopping again answers the same."""
        with self._notices.subscribe(f"session:{session_id}") as news:
            row = await self.ask_to_stop(owner, session_id)
            until_s = _clock_s() + STOP_WAIT_S
            while row.position not in _FINAL and await news.look_again(until_s):
                async with self._database.read() as session:
                    row = await session_of(session, owner, session_id)
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

    async def history(self, owner: str, *, page: int, limit: int) -> HistoryPage:
        """The owner's sessions that are over."""
        condition = (Session.owner == owner) & Session.position.in_(_FINAL)
        query = (
            select(Session, Game)
            .join(Game, Game.id == Session.game_id)
            .where(condition)
            .order_by(Session.created_at.desc(), Session.id)
            .limit(limit)
            .offset((page - 1) * limit)
        )
        async with self._database.read() as session:
            total = await session.scalar(select(func.count()).select_from(Session).where(condition)) or 0
            return HistoryPage(tuple((row, game) for row, game in await session.execute(query)), total)


async def session_of(session: AsyncSession, owner: str, session_id: str, *, for_update: bool = False) -> Session:
    """The owner's session of this id. Raises `NotFound`, or `Forbidden` for another person's."""
    row = await session.get(Session, session_id, with_for_update=for_update or None)
    return _owned(row, owner, session_id)


def require_alive(row: Session) -> None:
    """Raises `Conflict` `session_ended` when it is over, or about to be."""
    if row.position in _FINAL or row.position == Position.STOPPING.value:
        raise Conflict("this session has ended", code="session_ended")


def _owned(row: Row | None, owner: str, session_id: str) -> Row:
    found: Any = row
    if row is None:
        raise NotFound(f"there is no session '{session_id}'")
    if found.owner != owner:
        raise Forbidden("This session belongs to somebody else.")
    return row


def _clock_s() -> float:
    return asyncio.get_running_loop().time()
