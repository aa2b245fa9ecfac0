"""What a letter is for: a new password for whoever forgot the old one, the proof that an address is one's own, and
another address.

Whoever asks learns nothing of others: a known and an unknown address are answered alike, and cost alike.
"""

import structlog
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts import limits
from orchestrator.accounts.account import Account, AccountState
from orchestrator.accounts.letters import Purpose
from orchestrator.accounts.models import AccountRow, Device, MailOrder, MailToken
from orchestrator.accounts.passwords import Passwords
from orchestrator.accounts.postman import Postman
from orchestrator.database import Database
from orchestrator.errors import Forbidden, InvalidRequest, Unauthorized
from orchestrator.ids import hash_of
from orchestrator.limits.throttle import Throttle

log = structlog.get_logger()


class Recovery:
    def __init__(self, database: Database, passwords: Passwords, postman: Postman) -> None:
        self._database = database
        self._passwords = passwords
        self._postman = postman
        self._throttle = Throttle(database)

    async def ask_for_reset(self, email: str, *, address: str) -> None:
        """A letter with which a new password can be chosen within an hour, if anybody has this address. RateLimited."""
        await self._order(Purpose.RESET_PASSWORD, email.lower(), address)

    async def ask_for_verification(self, account: Account, *, address: str) -> None:
        """A letter with which this person proves the own address. RateLimited."""
        await self._order(Purpose.VERIFY_EMAIL, account.email, address)

    async def ask_for_change(self, account: Account, email: str, seen_hash: str, *, address: str) -> None:
        """A letter to another address, with which it becomes this person's within three days, and a letter to the own
        one that says so. Whether somebody has the other one already, nobody learns. What was asked for before is void.
        The caller has seen the password of `seen_hash`. InvalidRequest for the own address, Forbidden `wrong_password`
        when it was changed meanwhile, RateLimited.
        """
        email = email.lower()
        if email == account.email:
            raise InvalidRequest("email: it is the address of this account already")
        await self._count(email, address)
        async with self._database.write() as session:
            now = await self._database.now(session)
            row = await session.get(AccountRow, account.id, with_for_update=True)
            if row is None or row.state is not AccountState.ACTIVE:
                raise Unauthorized("This account is no longer there.")
            if row.password_hash != seen_hash:
                raise Forbidden("The password is wrong.", code="wrong_password")
            await forget_change(session, row.id)
            self._postman.order(session, Purpose.CHANGE_EMAIL, email, now, account_id=row.id)
            self._postman.order(session, Purpose.EMAIL_MAY_CHANGE, row.email, now, account_id=row.id)
        log.info("account.email_may_change", account_id=account.id)

    async def _order(self, purpose: Purpose, email: str, address: str) -> None:
        await self._count(email, address)
        async with self._database.write() as session:
            self._postman.order(session, purpose, email, await self._database.now(session))

    async def _count(self, email: str, address: str) -> None:
        await self._throttle.count(limits.LETTERS_OF_ADDRESS, address)
        await self._throttle.count(limits.LETTERS_OF_ADDRESS_TO, address, email)
        await self._throttle.count(limits.LETTERS_TO, email)

    async def reset(self, secret: str, password: str, *, address: str) -> None:
        """Choose a new password with the secret of a letter, once. All devices are signed out, and whoever reads the
        letters of an address has proven that it is theirs. InvalidRequest `invalid_token`, GuessablePassword (the
        link stays good), RateLimited.
        """
        await self._throttle.count(limits.TOKENS_OF_ADDRESS, address)
        async with self._database.read() as session:
            people = select(AccountRow.email, AccountRow.name).join(MailToken, MailToken.account_id == AccountRow.id)
            whose = (await session.execute(people.where(*_is(secret, Purpose.RESET_PASSWORD)))).one_or_none()
        if whose is None:
            raise _invalid()  # before the costly hash
        password_hash = await self._passwords.chosen(password, whose.email, whose.name)
        async with self._database.write() as session:
            row, _ = await self._redeem(session, secret, Purpose.RESET_PASSWORD)
            row.password_hash = password_hash
            await forget_change(session, row.id)
            await session.execute(delete(Device).where(Device.account_id == row.id))
            resets = MailToken.account_id == row.id, MailToken.purpose == Purpose.RESET_PASSWORD.value
            await session.execute(delete(MailToken).where(*resets))
        log.info("account.password_reset", account_id=row.id)

    async def verify(self, secret: str, *, address: str) -> None:
        """Prove an address with the secret of a letter, once; another one than before becomes the account's with it.
        InvalidRequest `invalid_token`, also when somebody else was faster to have that address. RateLimited.
        """
        await self._throttle.count(limits.TOKENS_OF_ADDRESS, address)
        try:
            async with self._database.write() as session:
                row, token = await self._redeem(session, secret, Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL)
                is_change = token.purpose == Purpose.CHANGE_EMAIL.value
                if is_change:
                    row.email = token.email
                    await forget_change(session, row.id)
        except IntegrityError as error:
            raise _invalid() from error
        log.info("account.email_changed" if is_change else "account.email_verified", account_id=row.id)

    async def _redeem(self, session: AsyncSession, secret: str, *purposes: Purpose) -> tuple[AccountRow, MailToken]:
        """Whose secret it is, with the address proven, and what it was. It is good no more."""
        now = await self._database.now(session)
        whose = await session.scalar(select(MailToken.account_id).where(*_is(secret, *purposes)))
        if whose is None:
            raise _invalid()
        row = await session.get(AccountRow, whose, with_for_update=True)  # first, as all do who change both
        redeemed = delete(MailToken).where(*_is(secret, *purposes)).returning(MailToken)
        token = (await session.execute(redeemed)).scalar_one_or_none()
        if token is None or token.expires_at <= now:
            raise _invalid()
        if row is None or row.state is not AccountState.ACTIVE:
            raise _invalid()
        if token.email != row.email and token.purpose != Purpose.CHANGE_EMAIL.value:
            raise _invalid()
        row.email_verified_at = row.email_verified_at or now
        return row, token


async def forget_change(session: AsyncSession, account_id: str) -> None:
    """Whatever address the person wanted, no letter brings it any more."""
    change = Purpose.CHANGE_EMAIL.value
    await session.execute(delete(MailOrder).where(MailOrder.account_id == account_id, MailOrder.purpose == change))
    await session.execute(delete(MailToken).where(MailToken.account_id == account_id, MailToken.purpose == change))


def _is(secret: str, *purposes: Purpose) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MailToken.token_hash == hash_of(secret), MailToken.purpose.in_(purpose.value for purpose in purposes)


def _invalid() -> InvalidRequest:
    return InvalidRequest("This link has been used or is too old. Please ask for another.", code="invalid_token")
