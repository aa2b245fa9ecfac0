"""What a person sees and changes of the own account: name, password, the devices they are signed in on, its end. No
HTTP.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Delete, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts import limits
from orchestrator.accounts.account import Account, AccountState, SignedIn
from orchestrator.accounts.models import AccountRow, Device, MailOrder
from orchestrator.accounts.passwords import Passwords, Verdict
from orchestrator.accounts.recovery import forget_change
from orchestrator.accounts.service import account_of
from orchestrator.accounts.standing import Standing
from orchestrator.database import Database
from orchestrator.errors import Forbidden, NotFound, Unauthorized
from orchestrator.limits.throttle import Throttle

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Particulars:
    """More than the rest of the house has to know of a person."""

    account: Account
    created_at: datetime
    has_password: bool
    is_email_verified: bool


class MyAccount:
    def __init__(self, database: Database, passwords: Passwords, standing: Standing) -> None:
        self._database = database
        self._standing = standing
        self._passwords = passwords
        self._throttle = Throttle(database)

    async def particulars(self, account: Account) -> Particulars:
        async with self._database.read() as session:
            return _particulars(await _row_of(session, account))

    async def rename(self, account: Account, name: str) -> Particulars:
        """Devices show the new name with their next request: what a token says of it is read by clients alone."""
        async with self._database.write() as session:
            row = await _row_of(session, account, for_update=True)
            row.name = name
            return _particulars(row)

    async def devices(self, account: Account) -> list[Device]:
        """Where this person is signed in, the newest first."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            live = select(Device).where(Device.account_id == account.id, Device.expires_at > now)
            return list(await session.scalars(live.order_by(Device.signed_in_at.desc(), Device.id)))

    async def sign_out_device(self, account: Account, device_id: str) -> None:
        """NotFound for one that is none of this person's."""
        async with self._database.write() as session:
            ours = delete(Device).where(Device.id == device_id, Device.account_id == account.id)
            if await session.scalar(ours.returning(Device.id)) is None:
                raise NotFound("There is no such device.")

    async def sign_out_others(self, signed_in: SignedIn) -> None:
        """Every device but the one that asks."""
        async with self._database.write() as session:
            await session.execute(_others(signed_in))

    async def change_password(self, signed_in: SignedIn, current: str, new: str) -> None:
        """The other devices are signed out with it, and no letter brings another address any more. Forbidden
        `wrong_password`, GuessablePassword, RateLimited.
        """
        seen_hash = await self.require_password(signed_in.account, current)
        new_hash = await self._passwords.chosen(new, signed_in.account.email, signed_in.account.name)
        async with self._database.write() as session:
            row = await _row_of(session, signed_in.account, for_update=True)
            if row.password_hash != seen_hash:  # another device was faster
                raise _wrong_password()
            row.password_hash = new_hash
            await forget_change(session, row.id)
            await session.execute(_others(signed_in))
        log.info("account.password_changed", account_id=row.id)

    async def delete(self, account: Account, password: str) -> None:
        """Nobody signs in any more, the address is free again, and all data is erased once the game has stopped
        (`enforcing`). Forbidden `wrong_password`, RateLimited.
        """
        seen_hash = await self.require_password(account, password)
        async with self._database.write() as session:
            row = await _row_of(session, account, for_update=True)
            if row.password_hash != seen_hash:
                raise _wrong_password()
            await session.execute(delete(MailOrder).where(MailOrder.email == row.email))
            await forget_change(session, row.id)
            row.state, row.email = AccountState.DELETED, f"{AccountState.DELETED.value}:{row.id}"
            row.name, row.image, row.password_hash, row.email_verified_at = "", None, None, None
            await self._standing.shut_out(session, row)
        log.info("account.deleted", account_id=row.id)

    async def require_password(self, account: Account, password: str) -> str:
        """The hash that `password` has now. Forbidden `wrong_password`; RateLimited after too many tries."""
        await self._throttle.count(limits.PASSWORD_CHECKS, account.id)
        async with self._database.read() as session:
            row = await _row_of(session, account)
        if await self._passwords.verify(password, row.password_hash) is Verdict.WRONG or row.password_hash is None:
            raise _wrong_password()
        async with self._database.write() as session:
            await self._throttle.forget(session, limits.PASSWORD_CHECKS, account.id)
        return row.password_hash


async def _row_of(session: AsyncSession, account: Account, *, for_update: bool = False) -> AccountRow:
    """Unauthorized when the account was deleted while this request was on its way."""
    row = await session.get(AccountRow, account.id, with_for_update=for_update or None)
    if row is None:
        raise Unauthorized("This account is no longer there.")
    return row


def _particulars(row: AccountRow) -> Particulars:
    return Particulars(
        account_of(row),
        row.created_at,
        has_password=row.password_hash is not None,
        is_email_verified=row.email_verified_at is not None,
    )


def _others(signed_in: SignedIn) -> Delete:
    return delete(Device).where(Device.account_id == signed_in.account.id, Device.id != signed_in.token_id)


def _wrong_password() -> Forbidden:
    return Forbidden("The password is wrong.", code="wrong_password")
