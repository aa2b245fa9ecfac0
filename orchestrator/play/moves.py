"""Applies one lifecycle event to one row and sees to the move's effects in the same transaction.

Whoever must hear of it is told after the commit: the session's watchers, the host whose orders changed, the placer.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from metering import UNMETERED, Meter
from orchestrator.fleet.models import Host
from orchestrator.fleet.sync import raise_revision
from orchestrator.notices import PLACER, Notices
from orchestrator.observing import spans, table
from orchestrator.observing.committed import after_commit
from orchestrator.play.lifecycle import FINAL, ON_HOST, STARTING, Effect, Event, Life, Position, step
from orchestrator.play.models import Session, life_of, store_life
from orchestrator.saves.models import SaveSlot
from tracing import UNTRACED, Tracer

RunEnded = Callable[[AsyncSession, Session, datetime], Awaitable[None]]
"""Takes the end of a run to whoever ordered it, in the transaction that ends it."""

_log = structlog.get_logger()


class Moves:
    """`tracer` is told of every launch, here and by whoever chooses its place."""

    def __init__(self, notices: Notices, meter: Meter = UNMETERED, tracer: Tracer = UNTRACED) -> None:
        self._notices = notices
        self._meter = meter
        self.tracer = tracer
        self._run_ended: RunEnded | None = None

    def tell_ends_of_runs(self, run_ended: RunEnded) -> None:
        """Whom to tell, each once."""
        self._run_ended = run_ended

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
            self.wake_placer(session)
        if after.position is before.position:
            return False
        if before.position in ON_HOST and (after.host_id != before.host_id or after.position not in ON_HOST):
            self.wake_placer(session)  # a place has become free
        self._measure(session, row, before, after, now)
        await self._note_relocation(session, row, before, after)
        if after.generation > before.generation:
            row.placed_on = [*row.placed_on, after.host_id]
            row.result = None
        if after.position is Position.RUNNING:
            row.running_since = row.running_since or now
        if after.position in FINAL:
            row.ended_at = now
            if row.running_since is not None:  # also when nothing was saved
                slot = update(SaveSlot).where(SaveSlot.id == row.slot_id)
                await session.execute(slot.values(last_played_at=now))
            if row.for_result and self._run_ended is not None:
                await self._run_ended(session, row, now)
        if after.host_id != before.host_id or after.position in FINAL:
            row.is_seat_ready, row.progress, row.is_paused, row.is_host_silent = False, None, False, False
            row.peers, row.unseen_since = 0, None
        self._notices.publish_after_commit(session, f"session:{row.id}")
        _log.info(
            "session.moved",
            session=row.id,
            generation=after.generation,
            host=after.host_id,
            position=after.position.value,
            was=before.position.value,
            reason=after.end.code if after.end else None,
            **spans.traced(row.traceparent),
        )
        return True

    def wake_placer(self, session: AsyncSession) -> None:
        """Somebody waits for a place, or one may have become free."""
        self._notices.publish_after_commit(session, PLACER)

    async def tell_of_new_terms(self, session: AsyncSession, row: Session) -> None:
        """Something of the session that is no move has changed for its host and its page: the right to watch it."""
        await session.flush()
        if row.host_id is not None:
            await self._tell_host(session, row.host_id)
        self._notices.publish_after_commit(session, f"session:{row.id}")

    def _measure(self, session: AsyncSession, row: Session, before: Life, after: Life, now: datetime) -> None:
        """How long it was where it was, and what else this move is the end of."""
        meter, was = self._meter, before.position
        stayed_s = max(0.0, (now - (row.position_since or row.created_at)).total_seconds())
        launch_s = (now - row.created_at).total_seconds()
        image, is_first_run, end = table.image_label(row.was_image_there), row.running_since is None, after.end
        row.position_since = now

        def count() -> None:
            meter.observe(table.SESSION_STATE_SECONDS, stayed_s, state=was)
            if was in STARTING:
                meter.observe(table.LAUNCH_PHASE_SECONDS, stayed_s, phase=was, image=image)
            if after.position is Position.RUNNING and is_first_run:
                meter.observe(table.LAUNCH_SECONDS, launch_s, image=image)
            if after.position in FINAL:
                meter.count(table.SESSION_ENDS, state=after.position, reason=end.code if end else "")

        after_commit(session, count)
        if row.traceparent is not None:
            self._trace(session, row, before, after, stayed_s, launch_s)

    def _trace(
        self, session: AsyncSession, row: Session, before: Life, after: Life, stayed_s: float, launch_s: float
    ) -> None:
        """The phase that this move ends, and the launch. Told by this machine's clock, as all else in the trace is."""
        tracer, traceparent, is_first_run = self.tracer, row.traceparent, row.running_since is None
        about = {spans.SESSION: row.id, spans.GENERATION: after.generation, spans.HOST: after.host_id or before.host_id}
        is_there, outcome = row.was_image_there, after.end.code if after.end else after.position.value

        def tell() -> None:
            now_ns = time.time_ns()
            if before.position in STARTING:
                phase = {**about, spans.PHASE: before.position.value}
                tracer.told(spans.IN_PHASE, traceparent, now_ns - int(stayed_s * 1e9), now_ns, phase)
            if is_first_run and (after.position is Position.RUNNING or after.position in FINAL):
                launch = {**about, spans.IS_IMAGE_THERE: is_there, spans.OUTCOME: outcome}
                span = tracer.begin(spans.LAUNCH, traceparent, launch, began_ns=now_ns - int(launch_s * 1e9))
                if after.end is not None:
                    span.fail(after.end.code)
                span.end()

        after_commit(session, tell)

    async def _note_relocation(self, session: AsyncSession, row: Session, before: Life, after: Life) -> None:
        """When the game was last known to run on a host that it leaves; not when it is found there again."""
        if before.position is Position.RUNNING and after.position is Position.PLACING:
            host = await session.get(Host, before.host_id)
            seen = (row.last_frame_at, host and host.last_sync_at)
            row.left_at = max((moment for moment in seen if moment is not None), default=None)
            row.resumed_from_at = None
        elif before.position is Position.PLACING and after.position is Position.RUNNING:
            row.left_at = None

    async def _tell_host(self, session: AsyncSession, host_id: str) -> None:
        await raise_revision(session, host_id)
        self._notices.publish_after_commit(session, f"host:{host_id}")
