"""The line of sessions that wait for a place: where each stands, and whether a new one has to join it.

The line is looked at once for all who ask within `FRESH_S`. Who is before whom is decided by `scheduler.line`.
"""

import asyncio
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import BuildSpec
from orchestrator.catalog.models import Build
from orchestrator.fleet.placement import Placement
from orchestrator.play.lifecycle import Position
from orchestrator.play.models import Session
from scheduler.line import positions, rivals

FRESH_S = 0.5
IS_WAITING = Session.position == Position.PLACING.value


class WaitingLine:
    """One for each replica."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._looking = asyncio.Lock()
        self._positions: dict[str, int] = {}
        self._looked_s = -FRESH_S

    async def position(self, session: AsyncSession, session_id: str, now: datetime) -> int | None:
        """From 1; None for a session that does not wait (any more)."""
        async with self._looking:
            clock_s = asyncio.get_running_loop().time()
            if session_id not in self._positions or clock_s - self._looked_s >= FRESH_S:
                self._positions = await self._look(session, now)
                self._looked_s = clock_s
            return self._positions.get(session_id)

    async def has_earlier_rival(self, session: AsyncSession, row: Session, now: datetime) -> bool:
        """Whether somebody who waits already could take a place that this new session could take."""
        others = set(await session.scalars(select(Session.build_id).where(IS_WAITING, Session.id != row.id).distinct()))
        if not others:
            return False
        could = await self._placement.could(session, await _builds(session, others | {row.build_id}), now)
        return not others.isdisjoint(rivals(row.build_id, could))

    async def _look(self, session: AsyncSession, now: datetime) -> dict[str, int]:
        in_order = select(Session.id, Session.build_id).where(IS_WAITING).order_by(Session.created_at, Session.id)
        line = (await session.execute(in_order)).all()
        could = await self._placement.could(session, await _builds(session, {build_id for _, build_id in line}), now)
        found = positions([build_id for _, build_id in line], could)
        return {session_id: position for (session_id, _), position in zip(line, found, strict=True)}


async def _builds(session: AsyncSession, build_ids: set[str]) -> list[BuildSpec]:
    rows = await session.scalars(select(Build).where(Build.id.in_(build_ids)))
    return [build.build_spec for build in rows]
