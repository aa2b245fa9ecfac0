"""The bodies by which a tenant manages webhooks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from orchestrator.http import Timestamp, Wire
from orchestrator.outside.reach import MOST_URL_CHARACTERS
from orchestrator.webhooks.envelope import EVENTS
from orchestrator.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from orchestrator.webhooks.service import MOST_GRACE, MOST_LOGGED_AT_ONCE

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_URL_CHARACTERS)]
Events = Annotated[list[str], Field(max_length=len(EVENTS))]

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class EndpointState(StrEnum):
    ACTIVE = "active"
    FAILING = "failing"
    """Nothing has succeeded since `failingSince`; it is still tried."""
    STOPPED = "stopped"


class EndpointForm(Wire):
    """A new endpoint; no `events` are all."""

    url: Url
    events: Events = Field(default_factory=list)


class EndpointPatch(Wire):
    """What is said is changed, nothing else."""

    url: Url | None = None
    events: Events | None = None


class SecretChange(Wire):
    """How long the former secret signs on; without a word, a day."""

    grace_hours: Annotated[float | None, Field(ge=0, le=MOST_GRACE / timedelta(hours=1), allow_inf_nan=False)] = None

    @property
    def grace(self) -> timedelta | None:
        return None if self.grace_hours is None else timedelta(hours=self.grace_hours)


class Restart(Wire):
    """With `since`, what happened from then on and was not delivered is sent again."""

    since: Annotated[AwareDatetime | None, Field(ge=_EARLIEST)] = None


class LogQuestion(Wire):
    state: DeliveryState | None = None
    session_id: Annotated[str | None, Field(max_length=64)] = None
    event: Annotated[str | None, Field(max_length=40)] = None
    before: Annotated[int | None, Field(ge=0, lt=2**63)] = None
    limit: Annotated[int, Field(ge=1, le=MOST_LOGGED_AT_ONCE)] = 50


class EndpointView(Wire):
    id: str
    url: str
    events: list[str]
    state: EndpointState
    failing_since: Timestamp | None
    stopped_at: Timestamp | None
    stopped_because: str | None
    former_secret_until: Timestamp | None
    created_at: Timestamp


class EndpointWithSecret(EndpointView):
    """The secret is told this once."""

    secret: str


class EndpointList(Wire):
    """`available` are the names of all events."""

    webhooks: list[EndpointView]
    available: list[str]


class DeliveryView(Wire):
    """An event for an endpoint. `attempts` are the last tries, the newest last."""

    number: int
    event_id: str
    session_id: str
    event: str
    game: str
    at: Timestamp
    state: DeliveryState
    next_try_at: Timestamp | None
    ended_at: Timestamp | None
    attempts: list[dict[str, Any]]
    data: dict[str, Any]


class DeliveryLog(Wire):
    """The newest first; `before` of the next page is None on the last one."""

    deliveries: list[DeliveryView]
    next_before: int | None


class Restarted(Wire):
    webhook: EndpointView
    sent_again: int


class SentAgain(Wire):
    event_id: str


def endpoint_view(row: WebhookEndpoint, now: datetime) -> EndpointView:
    return EndpointView(**_of(row, now))


def with_secret(row: WebhookEndpoint, secret: str, now: datetime) -> EndpointWithSecret:
    return EndpointWithSecret(**_of(row, now), secret=secret)


def delivery_log(rows: Sequence[WebhookDelivery], limit: int) -> DeliveryLog:
    views = [
        DeliveryView(
            number=row.number,
            event_id=row.event_id,
            session_id=row.session_id,
            event=row.event,
            game=row.game,
            at=row.at,
            state=DeliveryState(row.state),
            next_try_at=row.due_at if row.state == DeliveryState.PENDING else None,
            ended_at=row.ended_at,
            attempts=row.attempts,
            data=row.data,
        )
        for row in rows
    ]
    return DeliveryLog(deliveries=views, next_before=views[-1].number if len(views) == limit else None)


def endpoint_state(row: WebhookEndpoint) -> EndpointState:
    if row.stopped_at is not None:
        return EndpointState.STOPPED
    return EndpointState.ACTIVE if row.failing_since is None else EndpointState.FAILING


def _of(row: WebhookEndpoint, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events,
        "state": endpoint_state(row),
        "failing_since": row.failing_since,
        "stopped_at": row.stopped_at,
        "stopped_because": row.stopped_because,
        "former_secret_until": row.former_secret_until if row.is_changing_secret(now) else None,
        "created_at": row.created_at,
    }
