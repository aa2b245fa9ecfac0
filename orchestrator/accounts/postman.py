"""Letters to people: ordered in a transaction, written and sent by a loop. Every replica runs it; orders are taken by
lease.

Ordering asks nobody whether the address is known: a request costs the same either way. No secret is kept: it is made
when its letter is written, and only its hash is stored. A letter whose sending was not answered may arrive twice, each
with a link that works.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import AccountState
from orchestrator.accounts.letters import LIFETIMES, Purpose, write_letter
from orchestrator.accounts.models import AccountRow, MailOrder, MailToken
from orchestrator.background import rounds
from orchestrator.database import Database
from orchestrator.ids import hash_of, new_id
from orchestrator.mail.letter import Letter, MailAway, Mailer, MailRefused
from orchestrator.notices import Notices

TOPIC = "mail"
LEASE = timedelta(seconds=60)
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=30)
GIVEN_UP_AFTER = timedelta(days=1)
TIDY_EVERY = timedelta(hours=1)
BATCH = 10

_log = structlog.get_logger()


class Postman:
    def __init__(self, database: Database, notices: Notices, mailer: Mailer, public_url: str) -> None:
        self._database = database
        self._notices = notices
        self._mailer = mailer
        self._public_url = public_url
        self._is_away = False

    def order(
        self, session: AsyncSession, purpose: Purpose, email: str, now: datetime, *, account_id: str | None = None
    ) -> None:
        """A letter for whoever has this address, sent soon after the caller's transaction; with an `account_id` for
        that person, whose address it is not yet, or will no longer be.
        """
        order = MailOrder(
            id=new_id("let"), purpose=purpose.value, email=email, account_id=account_id, due_at=now, ordered_at=now
        )
        session.add(order)
        self._notices.publish_after_commit(session, TOPIC)

    async def run(self) -> None:
        """Until cancelled."""
        await rounds(self._notices, TOPIC, self.round)

    async def keep_tidy(self) -> None:
        """Until cancelled: old letters go, also those of people who are erased."""
        while True:
            await self._mailer.tidy()
            await asyncio.sleep(TIDY_EVERY.total_seconds())

    async def round(self) -> None:
        """Send what is due."""
        while orders := await self._take():
            await asyncio.gather(*(self._send(order) for order in orders))

    async def _take(self) -> Sequence[MailOrder]:
        async with self._database.write() as session:
            now = await self._database.now(session)
            due = select(MailOrder).where(MailOrder.due_at <= now).order_by(MailOrder.due_at).limit(BATCH)
            orders = list(await session.scalars(due.with_for_update(skip_locked=True)))
            for order in orders:
                order.due_at = now + LEASE
        return orders

    async def _send(self, order: MailOrder) -> None:
        try:
            letter = await self._write(order)
            if letter is not None:
                await self._mailer.send(letter)
        except MailRefused as error:
            _log.info("mail.refused", letter=order.id, error=str(error))
        except MailAway as error:
            await self._put_off(order, error)
            return
        async with self._database.write() as session:
            await session.execute(delete(MailOrder).where(MailOrder.id == order.id))
        if self._is_away:
            self._is_away = False
            _log.info("mail.recovered")

    async def _write(self, order: MailOrder) -> Letter | None:
        """The letter with a secret of its own; None where there is nobody to write to, or nothing to say any more."""
        purpose, secret = Purpose(order.purpose), secrets.token_urlsafe(32)
        async with self._database.write() as session:
            now = await self._database.now(session)
            over = select(MailToken.token_hash).where(MailToken.expires_at <= now).with_for_update(skip_locked=True)
            await session.execute(delete(MailToken).where(MailToken.token_hash.in_(over)))
            row = await _reader(session, order)
            if row is None or (purpose is Purpose.VERIFY_EMAIL and row.email_verified_at is not None):
                return None
            if purpose in LIFETIMES:
                token = MailToken(
                    token_hash=hash_of(secret),
                    account_id=row.id,
                    purpose=purpose.value,
                    email=order.email,
                    expires_at=now + LIFETIMES[purpose],
                )
                session.add(token)
        return write_letter(purpose, order.email, self._public_url, secret)

    async def _put_off(self, order: MailOrder, error: MailAway) -> None:
        if not self._is_away:
            _log.warning("mail.away", error=str(error))
        self._is_away = True
        async with self._database.write() as session:
            now = await self._database.now(session)
            row = await session.get(MailOrder, order.id, with_for_update=True)
            if row is None:
                return
            if now - row.ordered_at >= GIVEN_UP_AFTER:
                await session.delete(row)
                _log.warning("mail.given_up", letter=row.id)
                return
            row.due_at = now + min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(row.tries, 16))
            row.tries += 1


async def _reader(session: AsyncSession, order: MailOrder) -> AccountRow | None:
    """Whom the letter is for: nobody where the order was taken back, or the wanted address is another's by now."""
    owner = await session.scalar(select(AccountRow).where(AccountRow.email == order.email))
    person = owner
    if order.account_id is not None:
        person = await session.get(AccountRow, order.account_id, with_for_update=True)
        is_taken = owner is not None and order.purpose == Purpose.CHANGE_EMAIL.value
        if is_taken or await session.get(MailOrder, order.id) is None:
            return None
    return person if person is not None and person.state is AccountState.ACTIVE else None
