"""Delivers what is due. Every replica runs it, and takes rows by lease.

At least once, in the order of each session: an event is sent when those before it have been delivered or given up. What
became of a try is one transaction after it; who dies in between leaves a row whose lease ends, and the next one tries
again with the same `deliveryId`. Locks are taken in one order: an endpoint, then its deliveries.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from metering import UNMETERED, Meter
from orchestrator.background import rounds
from orchestrator.database import Database
from orchestrator.errors import DatabaseUnavailable
from orchestrator.http import utc_seconds
from orchestrator.notices import Notices
from orchestrator.observing.table import DELIVERED, WEBHOOK_ATTEMPTS, WEBHOOK_SECONDS
from orchestrator.webhooks.envelope import body_of, headers_of
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from orchestrator.webhooks.schedule import Retry, after_failure, is_to_be_stopped
from orchestrator.webhooks.sender import DEADLINE_S, FAILURES, Failure, Outcome, Sender
from orchestrator.webhooks.shares import Waiting, shares_of
from orchestrator.webhooks.stopping import is_not_leased, stop

TOPIC = "webhooks"
LEASE = timedelta(seconds=DEADLINE_S + 20)
MOST_AT_ONCE = 64
"""Of one replica."""
ATTEMPTS_KEPT = 10

_MOST_ENDPOINTS = 4 * MOST_AT_ONCE
_PAUSE_S = 0.05  # what comes within it is one round

_log = structlog.get_logger()

SecretOf = Callable[[str, int], str]
"""The signing secret of an endpoint, by its number."""


@dataclass(frozen=True, slots=True)
class Order:
    """One try that this replica has taken."""

    number: int
    endpoint_id: str
    delivery_id: str
    lease_until: datetime
    url: str
    headers: dict[str, str]
    body: bytes

    def is_of(self, row: WebhookDelivery) -> bool:
        """Whether this is still the try that the row is leased for."""
        return (row.delivery_id, row.lease_until) == (self.delivery_id, self.lease_until)


class Dispatcher:
    """`draw` gives a number from [0, 1) that spreads retries."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        sender: Sender,
        secret_of: SecretOf,
        draw: Callable[[], float],
        meter: Meter = UNMETERED,
    ) -> None:
        self._database = database
        self._notices = notices
        self._sender = sender
        self._secret_of = secret_of
        self._draw = draw
        self._meter = meter
        self._under_way = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as sending:

            async def begin() -> None:
                for order in await self._take(MOST_AT_ONCE - self._under_way):
                    self._under_way += 1
                    sending.create_task(self._deliver_beside(order))
                await asyncio.sleep(_PAUSE_S)

            await rounds(self._notices, TOPIC, begin)

    async def round(self) -> None:
        """Send what is due now, and what becomes due by it."""
        while orders := await self._take(MOST_AT_ONCE):
            await asyncio.gather(*(self._deliver(order) for order in orders))

    async def _deliver_beside(self, order: Order) -> None:
        try:
            await self._deliver(order)
        except DatabaseUnavailable:
            _log.info("webhook.not_marked", delivery=order.delivery_id)  # it is tried again when its lease is over
        finally:
            self._under_way -= 1
            self._notices.hear(TOPIC)  # there is a place again, and perhaps a next event of this session

    async def _deliver(self, order: Order) -> None:
        try:
            outcome = await self._sender.post(order.url, order.headers, order.body)
        except Exception:  # a bug of ours is a failed try: it must not be tried for ever
            _log.exception("webhook.failed", delivery=order.delivery_id)
            outcome = Outcome(took_ms=0, failure=Failure.INTERNAL)
        self._meter.count(WEBHOOK_ATTEMPTS, outcome=outcome.failure or DELIVERED)
        self._meter.observe(WEBHOOK_SECONDS, outcome.took_ms / 1000)
        await self._mark(order, outcome)

    async def _take(self, places: int) -> Sequence[Order]:
        """Lease what may be sent now, at most `places`."""
        if places <= 0 or not await self._is_anything_due():
            return ()
        orders: list[Order] = []
        async with self._database.write() as session:
            now = await self._database.now(session)
            lease_until = now + LEASE
            query = _with_something_due(now).limit(_MOST_ENDPOINTS).with_for_update(key_share=True, skip_locked=True)
            endpoints = {endpoint.id: endpoint for endpoint in await session.scalars(query)}
            under_way = await _under_way(session, list(endpoints), now)
            waiting = [
                Waiting(endpoint.id, endpoint.failing_since is not None, under_way.get(endpoint.id, 0))
                for endpoint in endpoints.values()
            ]
            for endpoint_id, share in shares_of(waiting, places).items():
                due = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id, is_next(now))
                for row in await session.scalars(due.order_by(WebhookDelivery.number).limit(share)):
                    row.lease_until = lease_until
                    orders.append(self._order(endpoints[endpoint_id], row, lease_until, now))
        return orders

    async def _is_anything_due(self) -> bool:
        async with self._database.read() as session:
            now = await self._database.now(session)
            return (await session.scalars(_with_something_due(now).order_by(None).limit(1))).first() is not None

    def _order(self, endpoint: WebhookEndpoint, row: WebhookDelivery, lease_until: datetime, now: datetime) -> Order:
        body = body_of(
            event=row.event,
            delivery_id=row.delivery_id,
            event_id=row.event_id,
            session_id=row.session_id,
            game=row.game,
            at=row.at,
            data=row.data,
        )
        newest = endpoint.secret_number
        numbers = (newest - 1, newest) if endpoint.is_changing_secret(now) else (newest,)
        secrets = [self._secret_of(endpoint.id, number) for number in numbers]
        return Order(
            row.number,
            endpoint.id,
            row.delivery_id,
            lease_until,
            endpoint.url,
            headers_of(row.event, row.delivery_id, body, secrets),
            body,
        )

    async def _mark(self, order: Order, outcome: Outcome) -> None:
        """What became of a try, unless its lease went to somebody else or its endpoint is gone."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            endpoint = await session.get(WebhookEndpoint, order.endpoint_id, with_for_update={"key_share": True})
            row = await session.get(WebhookDelivery, order.number, with_for_update=True)
            if endpoint is None or row is None or not order.is_of(row):
                return
            row.attempts = [*row.attempts, _attempt(row, outcome, now)][-ATTEMPTS_KEPT:]
            row.tries += 1
            row.delivery_id, row.lease_until = str(uuid4()), None
            if outcome.failure is None:
                row.state, row.ended_at = DeliveryState.DELIVERED, now
                _has_succeeded(endpoint)
            else:
                self._put_off(endpoint, row, now)
                await _has_failed(session, endpoint, outcome, now)

    def _put_off(self, endpoint: WebhookEndpoint, row: WebhookDelivery, now: datetime) -> None:
        match after_failure(row.tries, endpoint.retries, now - row.at, self._draw()):
            case Retry(delay) if endpoint.stopped_at is None:
                row.due_at = now + delay
            case Retry():
                row.state, row.ended_at = DeliveryState.SKIPPED, now
            case _:
                row.state, row.ended_at = DeliveryState.FAILED, now


def _has_succeeded(endpoint: WebhookEndpoint) -> None:
    if endpoint.failing_since is not None:
        endpoint.failing_since = None
        _log.info("webhook.recovered", endpoint=endpoint.id)


async def _has_failed(session: AsyncSession, endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
    if outcome.failure is None or endpoint.stopped_at is not None:
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        _log.info("webhook.failing", endpoint=endpoint.id, failure=outcome.failure.value, status=outcome.status)
    sentence = FAILURES[outcome.failure]
    if outcome.failure is Failure.GONE:
        await stop(session, endpoint, sentence, now)
    elif is_to_be_stopped(endpoint.failing_since, now):
        last = sentence if outcome.status is None else f"{sentence} It was {outcome.status}."
        since = utc_seconds(endpoint.failing_since)
        await stop(session, endpoint, f"Nothing could be delivered since {since}. {last}", now)


def _attempt(row: WebhookDelivery, outcome: Outcome, now: datetime) -> dict[str, str | int | None]:
    return {
        "deliveryId": row.delivery_id,
        "endedAt": utc_seconds(now),
        "tookMs": outcome.took_ms,
        "status": outcome.status,
        "failure": outcome.failure and outcome.failure.value,
        "answer": outcome.answer,
    }


def is_next(now: datetime) -> ColumnElement[bool]:
    """Due, in nobody's hands, and the first of its session that is pending."""
    earlier = aliased(WebhookDelivery)
    waits_for_another = exists().where(
        earlier.endpoint_id == WebhookDelivery.endpoint_id,
        earlier.session_id == WebhookDelivery.session_id,
        earlier.state == DeliveryState.PENDING,
        earlier.number < WebhookDelivery.number,
    )
    is_due = and_(WebhookDelivery.state == DeliveryState.PENDING, WebhookDelivery.due_at <= now, is_not_leased(now))
    return and_(is_due, ~waits_for_another)


def _with_something_due(now: datetime) -> Select[WebhookEndpoint]:
    """Endpoints that may get something now, whose longest wait is over first."""
    waits_since = (
        select(func.min(WebhookDelivery.due_at))
        .where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, is_next(now))
        .scalar_subquery()
    )
    query = select(WebhookEndpoint).where(WebhookEndpoint.stopped_at.is_(None), waits_since.is_not(None))
    return query.order_by(waits_since)


async def _under_way(session: AsyncSession, endpoint_ids: Sequence[str], now: datetime) -> dict[str, int]:
    """How many deliveries all replicas together are sending to each."""
    query = (
        select(WebhookDelivery.endpoint_id, func.count())
        .where(
            WebhookDelivery.endpoint_id.in_(endpoint_ids),
            WebhookDelivery.state == DeliveryState.PENDING,
            WebhookDelivery.lease_until > now,
        )
        .group_by(WebhookDelivery.endpoint_id)
    )
    return {row[0]: row[1] for row in await session.execute(query)}
