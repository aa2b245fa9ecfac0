"""The clocks of a test: the database's, and the monotonic one of the replica that looks at it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.play.reconciler import ABSENCE_S, RETURN_GRACE_S
from orchestrator.services import Services

STEP = timedelta(seconds=ABSENCE_S - 1)


class Clock:
    """`pass_time` lets the replica look once a step, `skip` lets nobody look meanwhile, and `jump` moves the database's
    clock while no time passes.
    """

    def __init__(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        self._services = services
        self.time = datetime.now(UTC)
        self._monotonic_s = time.monotonic()
        monkeypatch.setattr(services.database, "now", self._now)
        monkeypatch.setattr(services.database, "told", self._told)
        monkeypatch.setattr(services.clock, "monotonic_s", lambda: self._monotonic_s)

    async def _now(self, _session: AsyncSession) -> datetime:
        return self.time

    def _told(self, _moment: datetime) -> datetime:
        return self.time

    async def settle(self) -> None:
        """Until the replica has looked for long enough to act."""
        await self.pass_time(timedelta(seconds=RETURN_GRACE_S + 5))

    async def pass_time(self, span: timedelta) -> None:
        until = self.time + span
        while self.time < until:
            await self.skip(min(until - self.time, STEP))

    async def skip(self, span: timedelta) -> None:
        self.let(span)
        await self._services.reconciler.round()

    def let(self, span: timedelta) -> None:
        """Time passes, and nobody looks yet."""
        self.time += span
        self._monotonic_s += span.total_seconds()

    def jump(self, span: timedelta) -> None:
        self.time += span
