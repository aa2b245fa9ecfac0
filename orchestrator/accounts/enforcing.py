"""What follows when an account is no longer active: its game is stopped, and a deleted one is erased with all its data.
Every replica runs the loop.

Erased are slots with their versions (archives and pictures leave the store by `saves.disposal`), favourites, devices
and the row itself, once no game runs any more. Of sessions what hosts did stays, for figures, and not whose they were:
what a host still sends for one is refused (`ERASED_OWNER`).
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import case, delete, exists, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.account import AccountState, owner_of
from orchestrator.accounts.models import AccountRow
from orchestrator.accounts.standing import TOPIC
from orchestrator.audit.log import AuditLog, forget_person
from orchestrator.background import rounds
from orchestrator.database import Database, insert_into
from orchestrator.notices import Notices
from orchestrator.play.lifecycle import ACTIVE, Position, StopAsked
from orchestrator.play.models import ERASED_OWNER, Invite, LaunchAttempt, Session
from orchestrator.play.moves import Moves
from orchestrator.play.reasons import ACCOUNT_NOT_ACTIVE, Reason, stopped_by_operator
from orchestrator.saves.models import SaveSlot, SaveVersion, UnwantedArchive

BATCH = 50
_ACTIVE = [position.value for position in ACTIVE]
_STOPPABLE = [position.value for position in ACTIVE if position is not Position.STOPPING]

_log = structlog.get_logger()


class Enforcer:
    def __init__(self, database: Database, notices: Notices, moves: Moves, audit_log: AuditLog) -> None:
        self._database = database
        self._notices = notices
        self._moves = moves
        self._audit_log = audit_log

    async def run(self) -> None:
        """Until cancelled."""
        await rounds(self._notices, TOPIC, self.round)

    async def round(self) -> None:
        """Stop what has to stop, and erase what can be. What still plays is erased in a later round. Also forgets what
        the audit log has kept for long enough.
        """
        while await self._stop_some() == BATCH:
            pass
        for account_id in await self._deleted():
            await self._erase(account_id)
        await self._audit_log.prune()

    async def _stop_some(self) -> int:
        not_active = AccountRow.state != AccountState.ACTIVE
        due = (
            select(Session)
            .join(AccountRow, Session.owner == literal(owner_of("")) + AccountRow.id)
            .where(not_active, Session.position.in_(_STOPPABLE))
            .order_by(Session.id)
            .limit(BATCH)
            .with_for_update(of=Session, skip_locked=True)
        )
        async with self._database.write() as session:
            rows = list(await session.scalars(due))
            now = await self._database.now(session)
            for row in rows:
                await self._moves.apply(session, row, StopAsked(ACCOUNT_NOT_ACTIVE), now)
        return len(rows)

    async def _deleted(self) -> Sequence[str]:
        plays = exists().where(Session.owner == literal(owner_of("")) + AccountRow.id, Session.position.in_(_ACTIVE))
        gone = select(AccountRow.id).where(AccountRow.state == AccountState.DELETED, ~plays).limit(BATCH)
        async with self._database.read() as session:
            return list(await session.scalars(gone))

    async def _erase(self, account_id: str) -> None:
        owner = owner_of(account_id)
        async with self._database.write() as session:
            await self._database.lock(session, f"owner:{owner}")
            if await session.scalar(select(exists().where(Session.owner == owner, Session.position.in_(_ACTIVE)))):
                return  # a launch was faster than the deletion
            sessions = select(Session.id).where(Session.owner == owner)
            await session.execute(delete(Invite).where(Invite.session_id.in_(sessions)))
            await session.execute(delete(LaunchAttempt).where(LaunchAttempt.owner == owner))
            await self._erase_saves(session, owner)
            await forget_person(session, account_id, owner)
            forgotten = update(Session).where(Session.owner == owner)
            await session.execute(
                forgotten.values(
                    owner=ERASED_OWNER,
                    idempotency_key=None,
                    launch_digest=None,
                    timezone="UTC",
                    latencies={},
                    log_tail=[],
                    end_message=case(
                        (Session.end_code == Reason.STOPPED_BY_OPERATOR.value, stopped_by_operator("").message),
                        else_=Session.end_message,
                    ),
                )
            )
            await session.execute(delete(AccountRow).where(AccountRow.id == account_id))
        _log.info("account.erased", account_id=account_id)

    async def _erase_saves(self, session: AsyncSession, owner: str) -> None:
        now = await self._database.now(session)
        slots = select(SaveSlot.id).where(SaveSlot.owner == owner)
        versions = SaveVersion.slot_id.in_(slots)
        archives = select(SaveVersion.key, literal(now, UnwantedArchive.since.type)).where(versions)
        pictures = select(SaveVersion.picture_key, literal(now, UnwantedArchive.since.type)).where(
            versions, SaveVersion.picture_key.is_not(None)
        )
        for keys in (archives, pictures):
            unwanted = insert_into(session, UnwantedArchive).from_select(["key", "since"], keys)
            await session.execute(unwanted.on_conflict_do_nothing())
        await session.execute(delete(SaveVersion).where(versions))
        await session.execute(delete(SaveSlot).where(SaveSlot.owner == owner))
