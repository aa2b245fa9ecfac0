"""What has to change in a database that went back in time, before anybody works with it.

- Sessions that were active are over: nobody can say where they went since.
- What was good once may have been used since, and what was taken back would be good again: everybody signs in anew,
  join tokens that nobody had used and links in letters are void.
- Hosts are known and silent from now on, so that none is taken for one that nobody misses. Their orders get numbers
  that no agent has seen: none is taken for an older one.
- An archive that was on its way from a publisher is not here. One that was on its way from a host to the store may have
  arrived there: it is no longer taken for one that never did.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.accounts.models import Device, MailToken
from orchestrator.arena.runs import Runs
from orchestrator.audit.recording import COMMAND_LINE, Action, record
from orchestrator.fleet.models import Host, JoinToken
from orchestrator.play.lifecycle import ACTIVE, Restored
from orchestrator.play.models import Session
from orchestrator.play.moves import Moves
from orchestrator.publishers.models import Upload
from orchestrator.publishers.status import UploadState
from orchestrator.saves.models import UnwantedArchive
from orchestrator.services import Services

REVISIONS_AHEAD: Final = 2**32
_NOT_HERE = {
    "code": "restored",
    "message": "The service was brought back from a backup, and the archive was not in it. Please upload it again.",
}


async def settle(services: Services, made_at: datetime) -> int:
    """In one transaction; how many sessions were active."""
    moves = Moves(services.notices)
    Runs(services.database, services.play, moves, services.webhooks)  # hears of the ends of runs
    async with services.database.write() as session:
        now = await services.database.now(session)
        ended = await _end_sessions(session, moves, now)
        await session.execute(delete(Device))
        await session.execute(delete(MailToken))
        await session.execute(delete(JoinToken).where(JoinToken.host_id.is_(None)))
        silent = {"lease_until": now, "revision": Host.revision + REVISIONS_AHEAD}
        await session.execute(update(Host).where(Host.removed_at.is_(None)).values(**silent))
        await session.execute(delete(UnwantedArchive).where(UnwantedArchive.since > made_at))  # announced, not dropped
        await session.execute(delete(Upload).where(Upload.state == UploadState.RECEIVING))
        lost = update(Upload).where(Upload.state == UploadState.PROCESSING)
        await session.execute(lost.values(state=UploadState.REJECTED, reasons=[_NOT_HERE], changed_at=now))
        subject, shown = services.installation.installation_id, made_at.isoformat(timespec="seconds")
        record(session, COMMAND_LINE, Action.INSTALLATION_RESTORE, subject, now, made_at=shown)
    return ended


async def _end_sessions(session: AsyncSession, moves: Moves, now: datetime) -> int:
    is_active = Session.position.in_([position.value for position in ACTIVE])
    rows = (await session.scalars(select(Session).where(is_active).order_by(Session.id))).all()
    for row in rows:
        await moves.apply(session, row, Restored(), now)
    await session.flush()
    return len(rows)
