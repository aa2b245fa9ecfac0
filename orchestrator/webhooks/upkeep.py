"""Keeps the log of deliveries within bounds, and the queue of each endpoint. Every replica does it; doing it twice
changes nothing.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select

from orchestrator.background import every
from orchestrator.database import Database
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from orchestrator.webhooks.stopping import skip_pending, stop

INTERVAL_S = 300.0
KEPT_FOR = timedelta(days=7)
MOST_KEPT = 20_000
"""Ended deliveries of an endpoint."""
MOST_PENDING = 20_000
"""An endpoint for which more waits cannot keep up, and is stopped."""
BATCH = 1000


class WebhookUpkeep:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Ends never."""
        await every(INTERVAL_S, self.round, "webhooks upkeep")

    async def round(self, *, most_kept: int = MOST_KEPT, most_pending: int = MOST_PENDING) -> None:
        """Forget what ended long ago or is not among the newest of its endpoint; stop who cannot keep up."""
        async with self._database.read() as session:
            now = await self._database.now(session)
            endpoint_ids = (await session.scalars(select(WebhookEndpoint.id))).all()
        await self._forget(_ended().where(WebhookDelivery.ended_at < now - KEPT_FOR))
        for endpoint_id in endpoint_ids:
            await self._keep_short(endpoint_id, most_kept)
            await self._keep_up(endpoint_id, most_pending, now)

    async def _keep_short(self, endpoint_id: str, most_kept: int) -> None:
        of_endpoint = _ended().where(WebhookDelivery.endpoint_id == endpoint_id)
        newest = of_endpoint.order_by(WebhookDelivery.number.desc())
        async with self._database.read() as session:
            last_kept = (await session.scalars(newest.offset(most_kept).limit(1))).first()
        if last_kept is not None:
            await self._forget(of_endpoint.where(WebhookDelivery.number <= last_kept))

    async def _keep_up(self, endpoint_id: str, most_pending: int, now: datetime) -> None:
        is_pending = (WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.PENDING)
        async with self._database.read() as session:
            pending = await session.scalar(select(func.count()).where(*is_pending)) or 0
        if not pending:
            return
        async with self._database.write() as session:
            endpoint = await session.get(WebhookEndpoint, endpoint_id, with_for_update={"key_share": True})
            if endpoint is None:
                return
            if endpoint.stopped_at is not None:  # written down while it was being stopped
                await skip_pending(session, endpoint_id, now)
            elif pending > most_pending:
                await stop(session, endpoint, f"It did not keep up: {pending} deliveries waited.", now)

    async def _forget(self, unwanted: Select[int]) -> None:
        while True:
            async with self._database.write() as session:
                numbers = (await session.scalars(unwanted.limit(BATCH).with_for_update(skip_locked=True))).all()
                await session.execute(delete(WebhookDelivery).where(WebhookDelivery.number.in_(numbers)))
            if len(numbers) < BATCH:
                return


def _ended() -> Select[int]:
    return select(WebhookDelivery.number).where(WebhookDelivery.state != DeliveryState.PENDING)
