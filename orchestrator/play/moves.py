"""Applies one lifecycle event to one row and sees to the move's effects in the same transaction.

Whoever must hear of it is told after the commit: the session's watchers, the host whose orders changed, the placer.
"""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.fleet.sync import raise_revision
from orchestrator.notices import PLACER, Notices
from orchestrator.play.lifecycle import FINAL, Effect, Event, Position, step
from orchestrator.play.models import Session, life_of, store_life

_log = structlog.get_logger()


class Moves:
    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def apply(self, session: AsyncSession, row: Session, event: Event, now: datetime) -> bool:
        """Make the move for `event`, if the table has one; True when the session's position changed."""
        before = life_of(row)
        after, effects = step(before, event, now)
        if after == before:
            return False
        store_life(row, after)
        if Effect.TELL_HOST in effects:
            for host_id in {before.host_id, after.host_id} - {None}:
                await self._tell_host(session, str(host_id))
        if Effect.PLACE in effects:
            self._notices.publish_after_commit(session, PLACER)
        if after.position is before.position:
            return False
        if after.generation > before.generation:
            row.placed_on = [*row.placed_on, after.host_id]
        if after.position is Position.RUNNING:
            row.running_since = row.running_since or now
        if after.position in FINAL:
            row.ended_at = now
        if after.host_id != before.host_id or after.position in FINAL:
            row.is_seat_ready, row.progress, row.is_paused, row.is_host_silent = False, None, False, False
            row.peers = 0
        self._notices.publish_after_commit(session, f"session:{row.id}")
        _log.info(
            "session.moved",
            session=row.id,
            generation=after.generation,
            host=after.host_id,
            position=after.position.value,
            was=before.position.value,
            reason=after.end.code if after.end else None,
        )
        return True

    async def tell_of_new_terms(self, session: AsyncSession, row: Session) -> None:
        """Something of the session that is no move has changed for its host and its page: the right to watch it."""
        await session.flush()
        if row.host_id is not None:
            await self._tell_host(session, row.host_id)
        self._notices.publish_after_commit(session, f"session:{row.id}")

    async def _tell_host(self, session: AsyncSession, host_id: str) -> None:
        await raise_revision(session, host_id)
        self._notices.publish_after_commit(session, f"host:{host_id}")
