"""What can be done with an account: make one, sign in, be recognised, sign out. No HTTP.

Who tries to sign in learns nothing but yes or no: an unknown address, a wrong password and a suspended account look and
last alike.
"""

from datetime import UTC, datetime

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from orchestrator.accounts import throttle, tokens
from orchestrator.accounts.account import Account, AccountState, Role, SignedIn
from orchestrator.accounts.models import AccountRow, RevokedToken
from orchestrator.accounts.passwords import Passwords, Verdict
from orchestrator.database import Database, insert_unless_there
from orchestrator.errors import Conflict, Unauthorized
from orchestrator.ids import new_id
from orchestrator.installation import Installation

log = structlog.get_logger()


class Accounts:
    def __init__(self, database: Database, installation: Installation) -> None:
        self.installation = installation
        self._database = database
        self._passwords = Passwords()
        self._throttle = throttle.Throttle(database)

    async def register(self, email: str, password: str, name: str, *, address: str) -> Account:
        """A new player from `address`. Conflict `email_taken`, RateLimited."""
        await self._throttle.count(throttle.REGISTRATIONS_OF_ADDRESS, address)
        return await self.create(email, password, name)

    async def create(self, email: str, password: str, name: str, role: Role = Role.PLAYER) -> Account:
        """A new account. Conflict `email_taken` when one has this address, in whatever case it is written."""
        password_hash = await self._passwords.hash(password)
        try:
            async with self._database.write() as session:
                row = AccountRow(
                    id=new_id("clx"),
                    email=email.lower(),
                    name=name,
                    password_hash=password_hash,
                    role=role,
                    state=AccountState.ACTIVE,
                    created_at=await self._database.now(session),
                )
                session.add(row)
        except IntegrityError as error:
            raise Conflict("An account with this e-mail address exists already.", code="email_taken") from error
        log.info("account.created", account_id=row.id, role=role.value)
        return _account(row)

    async def sign_in(self, email: str, password: str, *, address: str) -> Account:
        """The account of these credentials. Unauthorized, or RateLimited after too many tries from `address`."""
        email = email.lower()
        await self._throttle.count(throttle.SIGN_INS_OF_ADDRESS, address)
        await self._throttle.count(throttle.SIGN_IN, address, email)
        async with self._database.read() as session:
            row = (await session.execute(select(AccountRow).where(AccountRow.email == email))).scalar_one_or_none()
        verdict = await self._passwords.verify(password, row.password_hash if row else None)
        if row is None or verdict is Verdict.WRONG or row.state is not AccountState.ACTIVE:
            log.info("sign_in.refused", account_id=row.id if row else None)
            raise Unauthorized("The e-mail address or the password is wrong.")
        upgraded = await self._passwords.hash(password) if verdict is Verdict.RIGHT_BUT_OUTDATED else None
        async with self._database.write() as session:
            await self._throttle.forget(session, throttle.SIGN_IN, address, email)
            if upgraded is not None:
                (await session.get_one(AccountRow, row.id)).password_hash = upgraded
        return _account(row)

    def issue_token(self, account: Account) -> str:
        """A session token for `account`, good for 30 days or until it is revoked."""
        return tokens.issue(account, self.installation, datetime.now(UTC))

    async def authenticate(self, token: str) -> SignedIn | None:
        """Whom a token proves, now: None when it is foreign, expired or revoked, or the account suspended."""
        claims = tokens.read(token, self.installation)
        if claims is None:
            return None
        revoked = select(RevokedToken.jti).where(RevokedToken.jti == claims.token_id)
        active = select(AccountRow).where(AccountRow.id == claims.account_id, AccountRow.state == AccountState.ACTIVE)
        async with self._database.read() as session:
            row = (await session.execute(active.where(~revoked.exists()))).scalar_one_or_none()
        return None if row is None else SignedIn(_account(row), claims.token_id, claims.expires_at)

    async def revoke(self, token: str) -> None:
        """Make `token` worthless at once. Doing it twice, or to a token that already is, changes nothing."""
        claims = tokens.read(token, self.installation)
        if claims is None:
            return
        async with self._database.write() as session:
            await session.execute(
                delete(RevokedToken).where(RevokedToken.expires_at <= await self._database.now(session))
            )
            await insert_unless_there(session, RevokedToken, jti=claims.token_id, expires_at=claims.expires_at)


def _account(row: AccountRow) -> Account:
    return Account(row.id, row.email, row.name, row.image, row.role)
