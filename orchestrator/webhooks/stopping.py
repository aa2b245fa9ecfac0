"""How an endpoint comes to get nothing more: the same whoever decides it."""

from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, and_, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

_log = structlog.get_logger()


async def stop(session: AsyncSession, endpoint: WebhookEndpoint, because: str, now: datetime) -> None:
    """From now on it gets nothing, and the log says so of what it would have got. The caller holds its row."""
    endpoint.stopped_at, endpoint.stopped_because = now, because[:300]
    await skip_pending(session, endpoint.id, now)
    _log.warning("webhook.stopped", endpoint=endpoint.id, tenant=endpoint.tenant_id, because=because)


async def skip_pending(session: AsyncSession, endpoint_id: str, now: datetime) -> None:
    """What waits for an endpoint is skipped; what is on its way is marked by whoever sends it."""
    is_waiting = and_(WebhookDelivery.state == DeliveryState.PENDING, is_not_leased(now))
    await session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, is_waiting)
        .values(state=DeliveryState.SKIPPED, ended_at=now)
    )


def is_not_leased(now: datetime) -> ColumnElement[bool]:
    return or_(WebhookDelivery.lease_until.is_(None), WebhookDelivery.lease_until <= now)
