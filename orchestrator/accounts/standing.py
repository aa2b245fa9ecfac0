"""How an account stands: active, suspended or closed by an operator, or deleted by its owner. No HTTP.

Whoever is not active is signed out in the same transaction. Their game is stopped soon after, and what they left is
erased, by `enforcing`.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import Account, AccountState
from orchestrator.accounts.models import AccountRow, Device, MailToken
from orchestrator.database import Database
from orchestrator.errors import Conflict, NotFound
from orchestrator.notices import Notices

TOPIC = "standing"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Accounts, the newest first; `total` counts all that were asked for."""

    people: tuple[AccountRow, ...]
    total: int


class Standing:
    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices

    async def people(self, search: str, *, page: int, limit: int) -> PeoplePage:
        """Whose name or address contains `search`, in whatever case it is written."""
        wanted = f"%{_escaped(search.lower())}%"
        condition = (AccountRow.state != AccountState.DELETED) & or_(
            AccountRow.email.like(wanted, escape="\\"), func.lower(AccountRow.name).like(wanted, escape="\\")
        )
        query = select(AccountRow).where(condition).order_by(AccountRow.created_at.desc(), AccountRow.id)
        async with self._database.read() as session:
            total = await session.scalar(select(func.count()).select_from(AccountRow).where(condition)) or 0
            return PeoplePage(tuple(await session.scalars(query.limit(limit).offset((page - 1) * limit))), total)

    async def id_of(self, email: str) -> str:
        """NotFound when nobody has this address."""
        async with self._database.read() as session:
            found = await session.scalar(select(AccountRow.id).where(AccountRow.email == email.lower()))
        if found is None:
            raise NotFound(f"There is no account of {email}.")
        return found

    async def change(self, account_id: str, state: AccountState, *, by: Account | None = None) -> AccountRow:
        """Suspend or close an account, or let it in again. NotFound; Conflict `own_account` for whoever would lock
        themselves out.
        """
        if by is not None and by.id == account_id and state is not AccountState.ACTIVE:
            raise Conflict("Another admin has to do this: it is your own account.", code="own_account")
        async with self._database.write() as session:
            row = await session.get(AccountRow, account_id, with_for_update=True)
            if row is None or row.state is AccountState.DELETED:
                raise NotFound("There is no such account.")
            row.state = state
            if state is not AccountState.ACTIVE:
                await self.shut_out(session, row)
        log.info("account.changed", account_id=account_id, state=state.value, by=by.id if by else None)
        return row

    async def shut_out(self, session: AsyncSession, row: AccountRow) -> None:
        """Nothing opens this account any more, and its game is stopped, once the caller's transaction has committed."""
        await session.execute(delete(Device).where(Device.account_id == row.id))
        await session.execute(delete(MailToken).where(MailToken.account_id == row.id))
        self._notices.publish_after_commit(session, TOPIC)


def _escaped(search: str) -> str:
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
