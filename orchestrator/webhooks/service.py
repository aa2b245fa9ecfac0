"""What a tenant's part of the house does with webhooks: say what happened, keep endpoints, read the log, send again.

No HTTP, and no judgement of who asks: every function takes the tenant's id from whoever has proven it, and another
tenant's endpoint is one that is not there. `by` is who changes one, as it stands in the audit log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database, JsonDict
from orchestrator.errors import Conflict, InvalidRequest, NotFound
from orchestrator.ids import new_id
from orchestrator.notices import Notices
from orchestrator.outside.reach import Reach, UnfitUrl
from orchestrator.webhooks.dispatcher import TOPIC, SecretOf
from orchestrator.webhooks.envelope import EVENTS, LIVE, TEST_EVENT
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from orchestrator.webhooks.schedule import MOST_RETRIES
from orchestrator.webhooks.stopping import is_not_leased, stop

MOST_ENDPOINTS = 5
USUAL_GRACE = timedelta(hours=24)
MOST_GRACE = timedelta(days=30)
MOST_LOGGED_AT_ONCE = 200

_TEST_GAME = "chess"  # receivers may know the games' names and no others
_ENDPOINTS = "webhook_endpoints"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WithSecret:
    """`secret` signs the endpoint's deliveries, at once or once the former one's grace is over."""

    endpoint: WebhookEndpoint
    secret: str


class Webhooks:
    def __init__(self, database: Database, notices: Notices, reach: Reach, secret_of: SecretOf) -> None:
        self._database = database
        self._notices = notices
        self._reach = reach
        self._secret_of = secret_of

    async def enqueue(
        self,
        session: AsyncSession,
        *,
        tenant_id: str,
        session_id: str,
        game: str,
        mode: str,
        event: str,
        data: JsonDict,
        at: datetime,
    ) -> None:
        """Write `event` down for every endpoint of the tenant that wants it, within the caller's transaction: it is
        sent if and only if that commits. Sessions of other modes than `live` have no webhooks.

        Events of one session are delivered in the order of these calls, where each caller holds the session's row, so
        that one transaction comes after another.
        """
        if event not in EVENTS:
            raise ValueError(f"there is no event {event!r}")
        if mode != LIVE:
            return
        event_id = str(uuid4())
        for endpoint in await _endpoints(session, tenant_id):
            if endpoint.events and event not in endpoint.events:
                continue
            session.add(_delivery(endpoint, event_id, session_id, game, event, data, at))
            if endpoint.stopped_at is None:
                self._notices.publish_after_commit(session, TOPIC)

    async def send_test(self, tenant_id: str, endpoint_id: str, *, by: Actor = COMMAND_LINE) -> str:
        """Send `TEST_EVENT`, in a session of its own, whichever events the endpoint wants; its event id. NotFound,
        Conflict where the endpoint is stopped.
        """
        event_id = str(uuid4())
        async with self._database.write() as session:
            endpoint = await _held(session, tenant_id, endpoint_id)
            _require_running(endpoint)
            now = await self._database.now(session)
            data: JsonDict = {"message": "This is how news of your sessions arrives."}
            session.add(_delivery(endpoint, event_id, str(uuid4()), _TEST_GAME, TEST_EVENT, data, now))
            await self._record(session, by, Action.TENANT_WEBHOOK_TEST, endpoint, event=event_id)
            self._notices.publish_after_commit(session, TOPIC)
        return event_id

    async def add(
        self, tenant_id: str, url: str, events: Sequence[str] = (), *, retries: int, by: Actor = COMMAND_LINE
    ) -> WithSecret:
        """A new endpoint for these events, for all without any. `retries` is what the plan allows after a first try.
        InvalidRequest, Conflict where there are as many as one may have.
        """
        self._check(url, events, retries)
        async with self._database.write() as session:
            await self._database.lock(session, f"webhooks:{tenant_id}")
            of_tenant = select(func.count()).where(WebhookEndpoint.tenant_id == tenant_id)
            if (await session.scalar(of_tenant) or 0) >= MOST_ENDPOINTS:
                raise Conflict(f"A tenant has at most {MOST_ENDPOINTS} webhook endpoints.", code="too_many_webhooks")
            endpoint = WebhookEndpoint(
                id=new_id("whk"),
                tenant_id=tenant_id,
                url=url,
                events=list(events),
                retries=retries,
                secret_number=1,
                created_at=await self._database.now(session),
            )
            session.add(endpoint)
            await self._record(session, by, Action.TENANT_WEBHOOK_MAKE, endpoint)
        _log.info("webhook.added", endpoint=endpoint.id, tenant=tenant_id)
        return WithSecret(endpoint, self._secret_of(endpoint.id, 1))

    async def endpoints(self, tenant_id: str | None = None) -> Sequence[WebhookEndpoint]:
        """Those of a tenant, or all, the oldest first."""
        query = select(WebhookEndpoint).order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)
        if tenant_id is not None:
            query = query.where(WebhookEndpoint.tenant_id == tenant_id)
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def endpoint(self, tenant_id: str, endpoint_id: str) -> WebhookEndpoint:
        """One of a tenant. NotFound."""
        async with self._database.read() as session:
            found = await session.get(WebhookEndpoint, endpoint_id)
        if found is None or found.tenant_id != tenant_id:
            raise _no_such_endpoint(endpoint_id)
        return found

    async def now(self) -> datetime:
        """The clock by which endpoints and their log are read."""
        async with self._database.read() as session:
            return await self._database.now(session)

    async def tenant_of(self, endpoint_id: str) -> str:
        """Whose endpoint this is, for an operator. NotFound."""
        async with self._database.read() as session:
            endpoint = await session.get(WebhookEndpoint, endpoint_id)
        if endpoint is None:
            raise _no_such_endpoint(endpoint_id)
        return endpoint.tenant_id

    async def change(
        self,
        tenant_id: str,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        by: Actor = COMMAND_LINE,
    ) -> WebhookEndpoint:
        """Another URL, other events; what waits already goes to the new URL. InvalidRequest, NotFound."""
        self._check(url, events or ())
        async with self._database.write() as session:
            endpoint = await _held(session, tenant_id, endpoint_id)
            endpoint.url = endpoint.url if url is None else url
            endpoint.events = endpoint.events if events is None else list(events)
            await self._record(session, by, Action.TENANT_WEBHOOK_CHANGE, endpoint)
        return endpoint

    async def set_retries(self, session: AsyncSession, tenant_id: str, retries: int) -> None:
        """What another plan allows, from now on, within the caller's transaction. InvalidRequest."""
        self._check(None, (), retries)
        of_tenant = update(WebhookEndpoint).where(WebhookEndpoint.tenant_id == tenant_id)
        await session.execute(of_tenant.values(retries=retries))

    async def remove(self, tenant_id: str, endpoint_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """The endpoint and its log are gone. NotFound."""
        async with self._database.write() as session:
            endpoint = await _held(session, tenant_id, endpoint_id)
            await session.delete(endpoint)
            await self._record(session, by, Action.TENANT_WEBHOOK_REMOVE, endpoint)
        _log.info("webhook.removed", endpoint=endpoint_id, tenant=tenant_id)

    async def rotate(
        self, tenant_id: str, endpoint_id: str, grace: timedelta = USUAL_GRACE, *, by: Actor = COMMAND_LINE
    ) -> WithSecret:
        """A new secret. For the time of grace what is sent is signed by the former one, and by the new one in a header
        of its own; after that by the new one alone. NotFound, InvalidRequest, Conflict while it is being changed.
        """
        if not timedelta(0) <= grace <= MOST_GRACE:
            raise InvalidRequest(f"The time of grace has at most {MOST_GRACE.days} days.")
        async with self._database.write() as session:
            now = await self._database.now(session)
            endpoint = await _held(session, tenant_id, endpoint_id)
            if grace and endpoint.is_changing_secret(now):
                raise Conflict("This endpoint's secret is being changed already.", code="secret_changing")
            endpoint.secret_number += 1
            endpoint.former_secret_until = now + grace if grace else None
            await self._record(session, by, Action.TENANT_WEBHOOK_ROTATE, endpoint)
        _log.info("webhook.secret_rotated", endpoint=endpoint_id, tenant=tenant_id)
        return WithSecret(endpoint, self._secret_of(endpoint.id, endpoint.secret_number))

    async def finish_rotation(self, tenant_id: str, endpoint_id: str, *, by: Actor = COMMAND_LINE) -> WebhookEndpoint:
        """The former secret signs nothing more. Doing it twice changes nothing. NotFound."""
        async with self._database.write() as session:
            endpoint = await _held(session, tenant_id, endpoint_id)
            endpoint.former_secret_until = None
            await self._record(session, by, Action.TENANT_WEBHOOK_ROTATE, endpoint)
        return endpoint

    async def stop(
        self, tenant_id: str, endpoint_id: str, because: str, *, by: Actor = COMMAND_LINE
    ) -> WebhookEndpoint:
        """It gets nothing more, and says why. Of two reasons the first one stays. NotFound."""
        async with self._database.write() as session:
            endpoint = await _held(session, tenant_id, endpoint_id)
            if endpoint.stopped_at is None:
                await stop(session, endpoint, because, await self._database.now(session))
            await self._record(session, by, Action.TENANT_WEBHOOK_STOP, endpoint)
        return endpoint

    async def restart(
        self, tenant_id: str, endpoint_id: str, *, since: datetime | None = None, by: Actor = COMMAND_LINE
    ) -> int:
        """It gets what happens from now on; and, in its order, what happened `since` then and was not delivered, if the
        log still has it: how many that are. NotFound.
        """
        async with self._database.write() as session:
            now = await self._database.now(session)
            endpoint = await _held(session, tenant_id, endpoint_id)
            endpoint.failing_since = endpoint.stopped_at = endpoint.stopped_because = None
            await self._record(session, by, Action.TENANT_WEBHOOK_RESTART, endpoint)
            if since is None:
                return 0
            missed = (
                update(WebhookDelivery)
                .where(
                    WebhookDelivery.endpoint_id == endpoint.id,
                    WebhookDelivery.state.in_((DeliveryState.FAILED, DeliveryState.SKIPPED)),
                    WebhookDelivery.at >= since,
                )
                .values(state=DeliveryState.PENDING, due_at=now, tries=0, ended_at=None)
                .returning(WebhookDelivery.number)
            )
            count = len((await session.scalars(missed)).all())
            self._notices.publish_after_commit(session, TOPIC)
        _log.info("webhook.restarted", endpoint=endpoint_id, tenant=tenant_id, again=count)
        return count

    async def log(
        self,
        tenant_id: str,
        *,
        endpoint_id: str | None = None,
        session_id: str | None = None,
        event: str | None = None,
        state: DeliveryState | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[WebhookDelivery]:
        """What was, is or will be sent, the newest first, at most `MOST_LOGGED_AT_ONCE`; `before` is the last `number`
        of the page before.
        """
        query = select(WebhookDelivery).join(WebhookEndpoint).where(WebhookEndpoint.tenant_id == tenant_id)
        if endpoint_id is not None:
            query = query.where(WebhookDelivery.endpoint_id == endpoint_id)
        if session_id is not None:
            query = query.where(WebhookDelivery.session_id == session_id)
        if event is not None:
            query = query.where(WebhookDelivery.event == event)
        if state is not None:
            query = query.where(WebhookDelivery.state == state)
        if before is not None:
            query = query.where(WebhookDelivery.number < before)
        query = query.order_by(WebhookDelivery.number.desc()).limit(max(1, min(limit, MOST_LOGGED_AT_ONCE)))
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def redeliver(self, tenant_id: str, endpoint_id: str, event_id: str, *, by: Actor = COMMAND_LINE) -> None:
        """Send an event again, or now instead of later, with all its retries. Events of its session that wait come
        after it. One that is on its way is left alone. NotFound, Conflict where the endpoint is stopped.
        """
        async with self._database.write() as session:
            now = await self._database.now(session)
            endpoint = await _held(session, tenant_id, endpoint_id)
            _require_running(endpoint)
            again = (
                update(WebhookDelivery)
                .where(WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.event_id == event_id)
                .where(is_not_leased(now))
                .values(state=DeliveryState.PENDING, due_at=now, tries=0, ended_at=None)
                .returning(WebhookDelivery.number)
            )
            if (await session.scalars(again)).first() is None:
                await _require(session, endpoint.id, event_id)
            await self._record(session, by, Action.TENANT_WEBHOOK_REDELIVER, endpoint, event=event_id)
            self._notices.publish_after_commit(session, TOPIC)

    async def _record(
        self, session: AsyncSession, by: Actor, action: Action, endpoint: WebhookEndpoint, **details: str
    ) -> None:
        now = await self._database.now(session)
        record(session, by, action, endpoint.tenant_id, now, endpoint=endpoint.id, **details)

    def _check(self, url: str | None, events: Sequence[str], retries: int = 0) -> None:
        if url is not None:
            try:
                self._reach.target(url)
            except UnfitUrl as error:
                raise InvalidRequest(str(error), code="unfit_url") from error
        if unknown := sorted(set(events) - set(EVENTS)):
            raise InvalidRequest(f"There is no event {unknown[0]!r}.", code="unknown_event")
        if not 0 <= retries <= MOST_RETRIES:
            raise InvalidRequest(f"A delivery has at most {MOST_RETRIES} retries.")


def _delivery(
    endpoint: WebhookEndpoint, event_id: str, session_id: str, game: str, event: str, data: JsonDict, at: datetime
) -> WebhookDelivery:
    is_stopped = endpoint.stopped_at is not None
    return WebhookDelivery(
        event_id=event_id,
        delivery_id=str(uuid4()),
        endpoint_id=endpoint.id,
        session_id=session_id,
        event=event,
        game=game,
        data=data,
        at=at,
        state=DeliveryState.SKIPPED if is_stopped else DeliveryState.PENDING,
        due_at=at,
        ended_at=at if is_stopped else None,
        attempts=[],
    )


def _require_running(endpoint: WebhookEndpoint) -> None:
    if endpoint.stopped_at is not None:
        raise Conflict("This endpoint is stopped: restart it first.", code="webhook_stopped")


async def _endpoints(session: AsyncSession, tenant_id: str) -> Sequence[WebhookEndpoint]:
    """The tenant's, looked for once in a transaction: many events may share one."""
    known: dict[str, Sequence[WebhookEndpoint]] = session.sync_session.info.setdefault(_ENDPOINTS, {})
    if tenant_id not in known:
        query = select(WebhookEndpoint).where(WebhookEndpoint.tenant_id == tenant_id).order_by(WebhookEndpoint.id)
        held = query.with_for_update(read=True, key_share=True)  # none is removed before this transaction has ended
        known[tenant_id] = (await session.scalars(held)).all()
    return known[tenant_id]


async def _held(session: AsyncSession, tenant_id: str, endpoint_id: str) -> WebhookEndpoint:
    """The endpoint, with a lock on its row."""
    endpoint = await session.get(WebhookEndpoint, endpoint_id, with_for_update={"key_share": True})
    if endpoint is None or endpoint.tenant_id != tenant_id:
        raise _no_such_endpoint(endpoint_id)
    return endpoint


def _no_such_endpoint(endpoint_id: str) -> NotFound:
    return NotFound(f"There is no webhook endpoint {endpoint_id!r}.")


async def _require(session: AsyncSession, endpoint_id: str, event_id: str) -> None:
    query = select(WebhookDelivery.number).where(WebhookDelivery.endpoint_id == endpoint_id)
    if (await session.scalars(query.where(WebhookDelivery.event_id == event_id))).first() is None:
        raise NotFound(f"The log of this endpoint has no event {event_id!r}.")
