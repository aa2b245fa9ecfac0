"""Whose account it is when somebody comes back from another house's door: the one that was linked, or that has the same
proven address, or a new one.

An address that was never proven here is never linked: whoever registered it first might be somebody else. Nor does it
say who set the password that the address was proven: its owner may have opened a letter for an account that somebody
else had made. So whoever is linked by the address is the only one left who comes in.
"""

import structlog
from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow, Device, LinkedIdentity
from orchestrator.accounts.openid import Identity
from orchestrator.accounts.recovery import forget_change
from orchestrator.accounts.service import account_of
from orchestrator.database import Database
from orchestrator.errors import Conflict, Forbidden, Unauthorized
from orchestrator.ids import new_id

log = structlog.get_logger()


class Federation:
    def __init__(self, database: Database, *, may_make_accounts: bool) -> None:
        self._database = database
        self._may_make_accounts = may_make_accounts

    async def account_for(self, identity: Identity) -> Account:
        """An account that is linked by its address loses its password, its devices and who was linked before.

        Unauthorized for an address that the provider has not proven, and for who is suspended; Conflict
        `account_not_linked`; Forbidden where sign-up is closed.
        """
        try:
            return await self._account_for(identity)
        except IntegrityError:  # the same person in two windows: the other one was faster
            return await self._account_for(identity)

    async def _account_for(self, identity: Identity) -> Account:
        linked = select(LinkedIdentity.account_id).where(
            LinkedIdentity.issuer == identity.issuer, LinkedIdentity.subject == identity.subject
        )
        async with self._database.write() as session:
            row = await session.scalar(select(AccountRow).where(AccountRow.id.in_(linked)))
            if row is None:
                row = await self._link(session, identity)
            if row.state is not AccountState.ACTIVE:
                raise Unauthorized("This account cannot be signed in to.")
        return account_of(row)

    async def _link(self, session: AsyncSession, identity: Identity) -> AccountRow:
        if not identity.is_email_verified:
            raise Unauthorized("The provider has not confirmed this e-mail address.")
        now = await self._database.now(session)
        row = await session.scalar(select(AccountRow).where(AccountRow.email == identity.email).with_for_update())
        if row is not None and row.email_verified_at is None:
            raise Conflict(
                "An account with this e-mail address exists already, and has not confirmed it.",
                code="account_not_linked",
            )
        is_new = row is None
        if row is None:
            if not self._may_make_accounts:
                raise Forbidden("New accounts are made by the people who run this Playhouse.")
            row = AccountRow(
                id=new_id("clx"),
                email=identity.email,
                name=_name_of(identity),
                image=identity.picture if identity.picture and len(identity.picture) <= 2000 else None,
                role=Role.PLAYER,
                state=AccountState.ACTIVE,
                email_verified_at=now,
                created_at=now,
            )
            session.add(row)
            await session.flush()
            log.info("account.created", account_id=row.id, role=row.role.value)
        link = LinkedIdentity(issuer=identity.issuer, subject=identity.subject, account_id=row.id, linked_at=now)
        session.add(link)
        await session.flush()  # fails where another window was faster: it is signed in already
        if not is_new:
            await _close_other_ways(session, row, link)
        return row


async def _close_other_ways(session: AsyncSession, row: AccountRow, link: LinkedIdentity) -> None:
    row.password_hash = None
    others = or_(LinkedIdentity.issuer != link.issuer, LinkedIdentity.subject != link.subject)
    await session.execute(delete(LinkedIdentity).where(LinkedIdentity.account_id == row.id, others))
    await session.execute(delete(Device).where(Device.account_id == row.id))
    await forget_change(session, row.id)
    log.info("account.linked", account_id=row.id)


def _name_of(identity: Identity) -> str:
    name = identity.name.replace("\0", "").strip()[:100]
    return name or identity.email.partition("@")[0][:100]
