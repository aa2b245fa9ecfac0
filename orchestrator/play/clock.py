"""Keeps a jump of the database's clock from ending or delaying anything.

Deadlines and leases are moments of that clock. When it jumps, all live ones are moved along by the same span, once
among all replicas. What a jump is, this process's monotonic clock tells.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database import Database
from orchestrator.fleet.models import Host
from orchestrator.fleet.sync import INTERVALS_PER_LEASE, interval_s
from orchestrator.play.lifecycle import ACTIVE, IDLE_TIMEOUT, SESSION_CAP, TIME_LIMITS, Position
from orchestrator.play.models import ClockJumps, LaunchAttempt, Session

SMALLEST_JUMP = timedelta(seconds=3)
NO_JUMP = timedelta(0)
_THE_ROW = 1

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """The database's clock, and between which moments of this process's monotonic clock it was read."""

    now: datetime
    after_s: float
    before_s: float


def jump_of(earlier: Look, later: Look) -> timedelta:
    """By how much more (or less) the database's clock moved between two looks than time can have passed.

    How long the looks themselves took counts for neither: a slow look is no jump.
    """
    moved = later.now - earlier.now
    longest = timedelta(seconds=later.before_s - earlier.after_s)
    shortest = timedelta(seconds=later.after_s - earlier.before_s)
    if moved - longest >= SMALLEST_JUMP:
        return moved - longest
    if shortest - moved >= SMALLEST_JUMP:
        return moved - shortest
    return NO_JUMP


def shifted(moment: datetime, jump: timedelta, now: datetime, longest: timedelta) -> datetime:
    """A deadline after a jump, never further off than `longest`.

    One that was set after the jump already cannot be told from the others when the clock went back: it is not moved
    into the past, since too late by `longest` is better than at once.
    """
    moved = moment + jump
    if jump < NO_JUMP and moved < now:
        moved = moment
    return min(moved, now + longest)


class ClockWatch:
    """One for each replica. `monotonic_s` is a clock that never jumps."""

    def __init__(self, database: Database, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self.monotonic_s = monotonic_s
        self._looking = asyncio.Lock()
        self._last: Look | None = None
        self._jumps_known = 0

    async def look(self) -> datetime:
        """The time, once every deadline holds by it again."""
        async with self._looking:
            return await self._look()

    async def _look(self) -> datetime:
        async with self._database.read() as session:
            jumps = await _count(session)
            after_s = self.monotonic_s()
            now = await self._database.now(session)
            look = Look(now, after_s, self.monotonic_s())
        jump = NO_JUMP if self._last is None else jump_of(self._last, look)
        if jump:
            jumps = await self._make_up(jump)
        # Only now: when the database failed on the way, the next look sees the same jump.
        self._last, self._jumps_known = look, jumps
        return now

    def ahead(self, now: datetime) -> timedelta:
        """How far the clock has jumped forward since the last look: deadlines read at `now` are too early by it."""
        if self._last is None:
            return NO_JUMP
        moment_s = self.monotonic_s()
        return max(NO_JUMP, jump_of(self._last, Look(now, moment_s, moment_s)))

    async def _make_up(self, jump: timedelta) -> int:
        """Shift everything, unless another replica did since our last look; the count of jumps as of now."""
        async with self._database.write() as session:
            await self._database.lock(session, "clock-jumps")
            count = await _count(session)
            if count != self._jumps_known:
                return count
            now = await self._database.now(session)
            row = await session.get(ClockJumps, _THE_ROW)
            if row is None:
                session.add(ClockJumps(id=_THE_ROW, count=1))
            else:
                row.count += 1
            await _shift_sessions(session, jump, now)
            await _shift_hosts(session, jump, now)
            await _shift_attempts(session, jump)
        _log.warning("clock.jumped", by_s=jump.total_seconds())
        return count + 1


async def _count(session: AsyncSession) -> int:
    return await session.scalar(select(ClockJumps.count).where(ClockJumps.id == _THE_ROW)) or 0


async def _shift_sessions(session: AsyncSession, jump: timedelta, now: datetime) -> None:
    active = select(Session).where(Session.position.in_([position.value for position in ACTIVE]))
    for row in await session.scalars(active.order_by(Session.id).with_for_update()):
        limit = TIME_LIMITS.get(Position(row.position))
        if row.deadline is not None and limit is not None:
            row.deadline = shifted(row.deadline, jump, now, limit)
        row.expires_at = shifted(row.expires_at, jump, now, IDLE_TIMEOUT)
        row.ends_at = shifted(row.ends_at, jump, now, SESSION_CAP)
        row.last_input_at = row.last_input_at and row.last_input_at + jump
        row.last_frame_at = row.last_frame_at and row.last_frame_at + jump
        if row.for_result:  # how long nobody has looked or played is counted from these
            row.unseen_since = row.unseen_since and row.unseen_since + jump
            row.running_since = row.running_since and row.running_since + jump
    await session.flush()


async def _shift_hosts(session: AsyncSession, jump: timedelta, now: datetime) -> None:
    leased = select(Host.id, Host.lease_until).where(Host.removed_at.is_(None))
    hosts = (await session.execute(leased.order_by(Host.id).with_for_update(key_share=True))).all()
    longest = timedelta(seconds=interval_s(len(hosts)) * INTERVALS_PER_LEASE)
    for host_id, lease_until in hosts:
        if lease_until is not None:
            lease = shifted(lease_until, jump, now, longest)
            await session.execute(update(Host).where(Host.id == host_id).values(lease_until=lease))


async def _shift_attempts(session: AsyncSession, jump: timedelta) -> None:
    for attempt in await session.scalars(select(LaunchAttempt).order_by(LaunchAttempt.id).with_for_update()):
        attempt.at += jump
