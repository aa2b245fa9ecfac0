"""What a letter is for: a new password for whoever forgot the old one, and the proof that an address is one's own.

Whoever asks learns nothing of others: a known and an unknown address are answered alike, and cost alike.
"""

import structlog
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts import throttle
from orchestrator.accounts.account import Account, AccountState
from orchestrator.accounts.letters import Purpose
from orchestrator.accounts.models import AccountRow, Device, MailToken
from orchestrator.accounts.passwords import Passwords
from orchestrator.accounts.postman import Postman, hash_of
from orchestrator.database import Database
from orchestrator.errors import InvalidRequest

log = structlog.get_logger()


class Recovery:
    def __init__(self, database: Database, passwords: Passwords, postman: Postman) -> None:
        self._database = database
        self._passwords = passwords
        self._postman = postman
        self._throttle = throttle.Throttle(database)

    async def ask_for_reset(self, email: str, *, address: str) -> None:
        """A letter with which a new password can be chosen within an hour, if anybody has this address. RateLimited."""
        await self._order(Purpose.RESET_PASSWORD, email.lower(), address)

    async def ask_for_verification(self, account: Account, *, address: str) -> None:
        """A letter with which this person proves the own address. RateLimited."""
        await self._order(Purpose.VERIFY_EMAIL, account.email, address)

    async def _order(self, purpose: Purpose, email: str, address: str) -> None:
        await self._throttle.count(throttle.LETTERS_OF_ADDRESS, address)
        await self._throttle.count(throttle.LETTERS_OF_ADDRESS_TO, address, email)
        await self._throttle.count(throttle.LETTERS_TO, email)
        async with self._database.write() as session:
            self._postman.order(session, purpose, email, await self._database.now(session))

    async def reset(self, secret: str, password: str, *, address: str) -> None:
        """Choose a new password with the secret of a letter, once. All devices are signed out, and whoever reads the
        letters of an address has proven that it is theirs. InvalidRequest `invalid_token`, RateLimited.
        """
        await self._throttle.count(throttle.TOKENS_OF_ADDRESS, address)
        async with self._database.read() as session:
            if await session.scalar(select(MailToken.purpose).where(*_is(secret, Purpose.RESET_PASSWORD))) is None:
                raise _invalid()  # before the costly hash
        password_hash = await self._passwords.hash(password)
        async with self._database.write() as session:
            row = await self._redeem(session, secret, Purpose.RESET_PASSWORD)
            row.password_hash = password_hash
            await session.execute(delete(Device).where(Device.account_id == row.id))
            resets = MailToken.account_id == row.id, MailToken.purpose == Purpose.RESET_PASSWORD.value
            await session.execute(delete(MailToken).where(*resets))
        log.info("account.password_reset", account_id=row.id)

    async def verify(self, secret: str, *, address: str) -> None:
        """Prove an address with the secret of a letter, once. InvalidRequest `invalid_token`, RateLimited."""
        await self._throttle.count(throttle.TOKENS_OF_ADDRESS, address)
        async with self._database.write() as session:
            row = await self._redeem(session, secret, Purpose.VERIFY_EMAIL)
        log.info("account.email_verified", account_id=row.id)

    async def _redeem(self, session: AsyncSession, secret: str, purpose: Purpose) -> AccountRow:
        """Whose secret it is, with the address proven. It is good no more."""
        now = await self._database.now(session)
        redeemed = delete(MailToken).where(*_is(secret, purpose)).returning(MailToken)
        token = (await session.execute(redeemed)).scalar_one_or_none()
        if token is None or token.expires_at <= now:
            raise _invalid()
        row = await session.get(AccountRow, token.account_id, with_for_update=True)
        if row is None or row.state is not AccountState.ACTIVE or row.email != token.email:
            raise _invalid()
        row.email_verified_at = row.email_verified_at or now
        return row


def _is(secret: str, purpose: Purpose) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MailToken.token_hash == hash_of(secret), MailToken.purpose == purpose.value


def _invalid() -> InvalidRequest:
    return InvalidRequest("This link has been used or is too old. Please ask for another.", code="invalid_token")
