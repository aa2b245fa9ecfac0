"""How an account stands: active, suspended or closed by an operator, or deleted by its owner. No HTTP.

Whoever is not active is signed out in the same transaction. Their game is stopped soon after, and what they left is
erased, by `enforcing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import AccountState, Role, owner_of
from orchestrator.accounts.models import AccountRow, Device, MailToken
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, NotFound
from orchestrator.notices import Notices
from orchestrator.play.models import Session

TOPIC = "standing"
_ACTIONS: Mapping[AccountState, Action] = {
    AccountState.ACTIVE: Action.USER_ACTIVATE,
    AccountState.SUSPENDED: Action.USER_SUSPEND,
    AccountState.CLOSED: Action.USER_CLOSE,
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a person did here: how many sessions they began, and when they last signed in or began one."""

    sessions: int = 0
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    account: AccountRow
    figures: Figures


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Accounts, the newest first, as of `now`; `total` counts all that were asked for."""

    people: tuple[AccountRow, ...]
    total: int
    now: datetime


class Standing:
    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices

    async def people(
        self,
        search: str,
        *,
        page: int,
        limit: int,
        state: AccountState | None = None,
        role: Role | None = None,
    ) -> PeoplePage:
        """Whose name or address contains `search`, in whatever case it is written."""
        condition = is_called(search) & (AccountRow.state != AccountState.DELETED)
        if state is not None:
            condition &= AccountRow.state == state
        if role is not None:
            condition &= AccountRow.role == role
        query = select(AccountRow).where(condition).order_by(AccountRow.created_at.desc(), AccountRow.id)
        async with self._database.read() as session:
            total = await session.scalar(select(func.count()).select_from(AccountRow).where(condition)) or 0
            people = tuple(await session.scalars(query.limit(limit).offset((page - 1) * limit)))
            return PeoplePage(people, total, await self._database.now(session))

    async def figures(self, people: Sequence[AccountRow]) -> list[Person]:
        """What these people did here, in their order."""
        ids = [row.id for row in people]
        played = select(Session.owner, func.count(), func.max(Session.created_at)).group_by(Session.owner)
        came = select(Device.account_id, func.max(Device.signed_in_at)).group_by(Device.account_id)
        async with self._database.read() as session:
            launches = await session.execute(played.where(Session.owner.in_([owner_of(some_id) for some_id in ids])))
            sessions = {owner: (count, newest) for owner, count, newest in launches}
            sign_ins = await session.execute(came.where(Device.account_id.in_(ids)))
            signed_in = {row[0]: row[1] for row in sign_ins}
        found: list[Person] = []
        for row in people:
            count, newest = sessions.get(owner_of(row.id), (0, None))
            moments = [moment for moment in (newest, signed_in.get(row.id)) if moment is not None]
            found.append(Person(row, Figures(count, max(moments, default=None))))
        return found

    async def named(self, ids: Sequence[str]) -> Mapping[str, AccountRow]:
        """Those of these accounts that are there, by id."""
        async with self._database.read() as session:
            rows = await session.scalars(select(AccountRow).where(AccountRow.id.in_(ids)))
            return {row.id: row for row in rows}

    async def id_of(self, email: str) -> str:
        """NotFound when nobody has this address."""
        async with self._database.read() as session:
            found = await session.scalar(select(AccountRow.id).where(AccountRow.email == email.lower()))
        if found is None:
            raise NotFound(f"There is no account of {email}.")
        return found

    async def change(self, account_id: str, state: AccountState, *, by: Actor = COMMAND_LINE) -> AccountRow:
        """Suspend or close an account, or let it in again. NotFound; Conflict `own_account` for whoever would lock
        themselves out.
        """
        if by.account_id == account_id and state is not AccountState.ACTIVE:
            raise Conflict("Another admin has to do this: it is your own account.", code="own_account")
        async with self._database.write() as session:
            row = await session.get(AccountRow, account_id, with_for_update=True)
            if row is None or row.state is AccountState.DELETED:
                raise NotFound("There is no such account.")
            row.state = state
            record(session, by, _ACTIONS[state], row.id, await self._database.now(session))
            if state is not AccountState.ACTIVE:
                await self.shut_out(session, row)
        log.info("account.changed", account_id=account_id, state=state.value, by=by.account_id)
        return row

    async def shut_out(self, session: AsyncSession, row: AccountRow) -> None:
        """Nothing opens this account any more, and its game is stopped, once the caller's transaction has committed."""
        await session.execute(delete(Device).where(Device.account_id == row.id))
        await session.execute(delete(MailToken).where(MailToken.account_id == row.id))
        self._notices.publish_after_commit(session, TOPIC)


def is_called(search: str) -> ColumnElement[bool]:
    """Within a query of accounts: whose name or e-mail address contains `search`, in whatever case it is written."""
    wanted = f"%{_escaped(search.lower())}%"
    return or_(AccountRow.email.like(wanted, escape="\\"), func.lower(AccountRow.name).like(wanted, escape="\\"))


def _escaped(search: str) -> str:
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
