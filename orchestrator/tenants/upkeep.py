"""Forgets tenants' keys that ended long ago. Every replica does it; doing it twice changes nothing."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select

from orchestrator.background import every
from orchestrator.database import Database
from orchestrator.tenants.models import TenantKey

INTERVAL_S: Final = 3_600.0
KEPT_FOR: Final = timedelta(days=90)
"""An ended key stays so long in its tenant's list. What was done with keys stays in the audit log."""


class TenantUpkeep:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Ends never."""
        await every(INTERVAL_S, self.round, "tenants upkeep")

    async def round(self) -> None:
        """Forget the keys that were revoked, or had their end, before `KEPT_FOR`."""
        async with self._database.write() as session:
            until = await self._database.now(session) - KEPT_FOR
            ended = func.coalesce(TenantKey.revoked_at, TenantKey.expires_at) < until
            over = select(TenantKey.id).where(ended).with_for_update(skip_locked=True)
            await session.execute(delete(TenantKey).where(TenantKey.id.in_(over)))
