"""What can be done with an account: make one, sign in, be recognised, sign out. No HTTP.

Who tries to sign in learns nothing but yes or no: an unknown address, a wrong password and a suspended account look and
last alike.
"""

from datetime import datetime

import structlog
from sqlalchemy import Select, bindparam, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts import limits, tokens
from orchestrator.accounts.account import Account, AccountState, Role, SignedIn
from orchestrator.accounts.device_names import UNKNOWN
from orchestrator.accounts.letters import Purpose
from orchestrator.accounts.models import AccountRow, Device
from orchestrator.accounts.passwords import Passwords, Verdict
from orchestrator.accounts.postman import Postman
from orchestrator.audit.recording import Action, Actor, record
from orchestrator.database import Database, Prepared
from orchestrator.errors import Conflict, Unauthorized
from orchestrator.ids import new_id
from orchestrator.installation import Installation
from orchestrator.limits.throttle import Throttle

MOST_DEVICES = 50  # of one person; the ones signed in longest ago give way

_SIGNED_IN = Prepared(
    select(AccountRow.id, AccountRow.email, AccountRow.name, AccountRow.image, AccountRow.role)
    .join(Device, Device.account_id == AccountRow.id)
    .where(Device.id == bindparam("token_id"), AccountRow.id == bindparam("account_id"))
    .where(AccountRow.state == AccountState.ACTIVE)
)

log = structlog.get_logger()


class Accounts:
    def __init__(self, database: Database, installation: Installation, passwords: Passwords, postman: Postman) -> None:
        self.installation = installation
        self._database = database
        self._passwords = passwords
        self._postman = postman
        self._throttle = Throttle(database)

    async def register(self, email: str, password: str, name: str, *, address: str, device: str = UNKNOWN) -> str:
        """A new player from `address`, signed in on `device`: the session token. A letter asks for the proof of the
        e-mail address. Conflict `email_taken`, GuessablePassword, RateLimited.
        """
        await self._throttle.count(limits.REGISTRATIONS_OF_ADDRESS, address)
        account = await self.create(email, password, name, is_email_proven=False)
        return await self.issue_token(account, device)

    async def create(
        self,
        email: str,
        password: str,
        name: str,
        role: Role = Role.PLAYER,
        *,
        is_email_proven: bool = True,
        by: Actor | None = None,
    ) -> Account:
        """A new account, in the audit log where an operator makes it. Conflict `email_taken` when one has this address,
        in whatever case it is written, GuessablePassword.
        """
        password_hash = await self._passwords.chosen(password, email, name)
        try:
            async with self._database.write() as session:
                now = await self._database.now(session)
                row = AccountRow(
                    id=new_id("clx"),
                    email=email.lower(),
                    name=name,
                    password_hash=password_hash,
                    role=role,
                    state=AccountState.ACTIVE,
                    email_verified_at=now if is_email_proven else None,
                    created_at=now,
                )
                session.add(row)
                if by is not None:
                    record(session, by, Action.USER_MAKE, row.id, now, role=role.value)
                if not is_email_proven:
                    self._postman.order(session, Purpose.VERIFY_EMAIL, row.email, now)
        except IntegrityError as error:
            raise Conflict("An account with this e-mail address exists already.", code="email_taken") from error
        log.info("account.created", account_id=row.id, role=role.value)
        return account_of(row)

    async def is_password_of(self, email: str, password: str) -> bool:
        """Whether somebody has this address and this password. Tries are not counted: it is for the house itself."""
        async with self._database.read() as session:
            seen_hash = await session.scalar(select(AccountRow.password_hash).where(AccountRow.email == email.lower()))
        return await self._passwords.verify(password, seen_hash) is not Verdict.WRONG

    async def sign_in(self, email: str, password: str, *, address: str, device: str = UNKNOWN) -> str:
        """The session token of who has these credentials. Unauthorized, or RateLimited after too many tries from
        `address`.
        """
        email = email.lower()
        await self.count_sign_in(address)
        await self._throttle.count(limits.SIGN_IN, address, email)
        async with self._database.read() as session:
            row = (await session.execute(select(AccountRow).where(AccountRow.email == email))).scalar_one_or_none()
        seen_hash = row.password_hash if row else None
        verdict = await self._passwords.verify(password, seen_hash)
        if row is None or verdict is Verdict.WRONG or row.state is not AccountState.ACTIVE:
            log.info("sign_in.refused", account_id=row.id if row else None)
            raise _wrong_credentials()
        upgraded = await self._passwords.hash(password) if verdict is Verdict.RIGHT_BUT_OUTDATED else None
        async with self._database.write() as session:
            await self._throttle.forget(session, limits.SIGN_IN, address, email)
            row = await session.get(AccountRow, row.id, with_for_update=True)
            # The password may have been changed while this one was checked: then it opens nothing any more.
            if row is None or row.password_hash != seen_hash or row.state is not AccountState.ACTIVE:
                raise _wrong_credentials()
            row.password_hash = upgraded or seen_hash
            return await self._admit(session, account_of(row), device)

    async def count_sign_in(self, address: str) -> None:
        """One more try from `address`, by whichever door. RateLimited."""
        await self._throttle.count(limits.SIGN_INS_OF_ADDRESS, address)

    async def issue_token(self, account: Account, device: str = UNKNOWN) -> str:
        """A session token for `account` on one more device, good for 30 days or until that is signed out."""
        async with self._database.write() as session:
            return await self._admit(session, account, device)

    async def _admit(self, session: AsyncSession, account: Account, device: str) -> str:
        now, token_id = await self._database.now(session), new_id("tok")
        await session.execute(delete(Device).where(Device.id.in_(_outlived(account, now))))
        device_row = Device(
            id=token_id, account_id=account.id, name=device, signed_in_at=now, expires_at=now + tokens.LIFETIME
        )
        session.add(device_row)
        return tokens.issue(account, token_id, self.installation, now)

    async def authenticate(self, token: str) -> SignedIn | None:
        """Whom a token proves, now: None when it is foreign, expired or signed out, or the account suspended."""
        claims = tokens.read(token, self.installation)
        if claims is None:
            return None
        proven = {"token_id": claims.token_id, "account_id": claims.account_id}
        row = await self._database.first(_SIGNED_IN, proven)
        if row is None:
            return None
        account = Account(row.id, row.email, row.name, row.image, Role(row.role))
        return SignedIn(account, claims.token_id, claims.expires_at)

    async def sign_out(self, token: str) -> None:
        """Make `token` worthless at once. Doing it twice, or to a token that already is, changes nothing."""
        claims = tokens.read(token, self.installation)
        if claims is None:
            return
        async with self._database.write() as session:
            await session.execute(delete(Device).where(Device.id == claims.token_id))


def account_of(row: AccountRow) -> Account:
    return Account(row.id, row.email, row.name, row.image, row.role)


def _outlived(account: Account, now: datetime) -> Select[str]:
    """Devices to forget when one more signs in: whose time is over, whosoever they are, and this person's beyond the
    most. Those that another replica is at are passed by: two that clear never wait for each other.
    """
    newest = Device.signed_in_at.desc(), Device.id
    own = select(Device.id).where(Device.account_id == account.id, Device.expires_at > now)
    too_many = own.order_by(*newest).offset(MOST_DEVICES - 1)
    return (
        select(Device.id)
        .where(or_(Device.expires_at <= now, Device.id.in_(too_many)))
        .with_for_update(skip_locked=True)
    )


def _wrong_credentials() -> Unauthorized:
    return Unauthorized("The e-mail address or the password is wrong.")
