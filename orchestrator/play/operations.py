"""What an operator sees of everybody's sessions, and how one is stopped. No HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import owner_of
from orchestrator.accounts.models import AccountRow
from orchestrator.accounts.standing import is_called
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.catalog.models import Game
from orchestrator.database import Database
from orchestrator.errors import NotFound
from orchestrator.fleet.models import Host
from orchestrator.play import reservation
from orchestrator.play.lifecycle import FINAL, STARTING, Position, StopAsked
from orchestrator.play.models import Session
from orchestrator.play.moves import Moves
from orchestrator.play.reasons import stopped_by_operator

MOST_COUNTED = 10_000
"""How many sessions are counted: whoever has more is told so, and no question takes long."""


class Stage(StrEnum):
    """Which sessions are asked for."""

    ACTIVE = "active"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


_POSITIONS: Mapping[Stage, Sequence[Position]] = {
    Stage.STARTING: STARTING,
    Stage.RUNNING: (Position.RUNNING,),
    Stage.STOPPING: (Position.STOPPING,),
    Stage.ENDED: FINAL,
}


@dataclass(frozen=True, slots=True)
class Question:
    """`game` is a slug, `host` an id; `person` is a part of a name or an e-mail address."""

    stage: Stage = Stage.ACTIVE
    game: str = ""
    host: str = ""
    person: str = ""
    page: int = 1
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session with what surrounds it. `person` is None once the account was deleted, and of a tenant's player."""

    row: Session
    game: Game
    host: Host | None
    person: AccountRow | None


@dataclass(frozen=True, slots=True)
class SessionsPage:
    """The newest first, as of `now`; `total` counts what was asked for up to `MOST_COUNTED`."""

    sessions: tuple[ListedSession, ...]
    total: int
    now: datetime


class SessionOperations:
    def __init__(self, database: Database, moves: Moves) -> None:
        self._database = database
        self._moves = moves

    async def page(self, question: Question) -> SessionsPage:
        condition = _condition(question)
        games = select(Session.id).join(Game, Game.id == Session.game_id).where(*condition)
        ids = games.order_by(Session.created_at.desc(), Session.id.desc())
        offset = (question.page - 1) * question.limit
        async with self._database.read() as session:
            now = await self._database.now(session)
            counted = games.limit(MOST_COUNTED).subquery()
            total = await session.scalar(select(func.count()).select_from(counted)) or 0
            chosen = list(await session.scalars(ids.limit(question.limit).offset(offset)))
            return SessionsPage(await _listed(session, chosen), total, now)

    async def session(self, session_id: str) -> ListedSession:
        """NotFound."""
        async with self._database.read() as session:
            found = await _listed(session, [session_id])
        if not found:
            raise _no_such_session(session_id)
        return found[0]

    async def stop(self, session_id: str, reason: str, *, by: Actor = COMMAND_LINE) -> ListedSession:
        """Ask for the end; the player reads why. One that ends or is over stays as it is. NotFound."""
        async with self._database.write() as session:
            row = await session.get(Session, session_id, with_for_update=True)
            if row is None:
                raise _no_such_session(session_id)
            now = await self._database.now(session)
            if await self._moves.apply(session, row, StopAsked(stopped_by_operator(reason)), now):
                record(session, by, Action.SESSION_STOP, session_id, now, reason=reason)
        return await self.session(session_id)


def _condition(question: Question) -> list[ColumnElement[bool]]:
    positions = _POSITIONS.get(question.stage)
    is_wanted = reservation.IS_ACTIVE if positions is None else Session.position.in_([each.value for each in positions])
    condition: list[ColumnElement[bool]] = [is_wanted]
    if question.game:
        condition.append(Game.slug == question.game)
    if question.host:
        condition.append(Session.host_id == question.host)
    if question.person:
        owners = select(literal(owner_of("")) + AccountRow.id).where(is_called(question.person))
        condition.append(Session.owner.in_(owners))
    return condition


async def _listed(session: AsyncSession, ids: list[str]) -> tuple[ListedSession, ...]:
    query = (
        select(Session, Game, Host)
        .join(Game, Game.id == Session.game_id)
        .outerjoin(Host, Host.id == Session.host_id)
        .where(Session.id.in_(ids))
        .order_by(Session.created_at.desc(), Session.id.desc())
    )
    rows = (await session.execute(query)).all()
    accounts = [row.owner.removeprefix(owner_of("")) for row, _, _ in rows]
    people = await session.scalars(select(AccountRow).where(AccountRow.id.in_(accounts)))
    by_owner = {owner_of(person.id): person for person in people}
    return tuple(ListedSession(row, game, host, by_owner.get(row.owner)) for row, game, host in rows)


def _no_such_session(session_id: str) -> NotFound:
    return NotFound(f"There is no session {session_id!r}.")
