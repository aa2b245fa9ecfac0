"""What a tenant does with webhooks, over HTTP: the same whoever proves to be that tenant, by key or by signing in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from orchestrator.api_operations import asks, takes_json
from orchestrator.audit.recording import Actor
from orchestrator.http import AnyRequest, parse, read_fields
from orchestrator.webhooks.envelope import EVENTS
from orchestrator.webhooks.schemas import (
    DeliveryLog,
    EndpointForm,
    EndpointList,
    EndpointPatch,
    EndpointView,
    EndpointWithSecret,
    LogQuestion,
    Restart,
    Restarted,
    SecretChange,
    SentAgain,
    delivery_log,
    endpoint_view,
    with_secret,
)
from orchestrator.webhooks.service import USUAL_GRACE, Webhooks

STOPPED_BY_OWNER = "Its owner stopped it."
Id = Annotated[str, PathParameter(max_length=40)]


@dataclass(frozen=True, slots=True)
class Owner:
    """The tenant who asks, how many retries the plan allows, and which member or key of the tenant's it is."""

    tenant_id: str
    retries: int
    by: Actor


class WebhookHandlers(Controller):
    """The handlers alone: who mounts them says where, and provides `owner` behind a guard."""

    tags = ("webhooks",)

    @get()
    async def list_endpoints(self, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]) -> EndpointList:
        """All of this tenant, the oldest first."""
        rows, now = await webhooks.endpoints(owner.tenant_id), await webhooks.now()
        return EndpointList(webhooks=[endpoint_view(row, now) for row in rows], available=list(EVENTS))

    @post(status_code=201, operation_class=takes_json(EndpointForm))
    async def add_endpoint(
        self, request: AnyRequest, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> EndpointWithSecret:
        """A new one, with its secret, which is told this once."""
        form = parse(EndpointForm, await _fields(request))
        made = await webhooks.add(owner.tenant_id, form.url, form.events, retries=owner.retries, by=owner.by)
        return with_secret(made.endpoint, made.secret, await webhooks.now())

    @get("/{endpoint_id:str}")
    async def get_endpoint(
        self, endpoint_id: Id, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> EndpointView:
        """One of this tenant."""
        return endpoint_view(await webhooks.endpoint(owner.tenant_id, endpoint_id), await webhooks.now())

    @patch("/{endpoint_id:str}", operation_class=takes_json(EndpointPatch))
    async def change_endpoint(
        self, endpoint_id: Id, request: AnyRequest, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> EndpointView:
        """Another URL, other events."""
        change = parse(EndpointPatch, await _fields(request))
        row = await webhooks.change(owner.tenant_id, endpoint_id, url=change.url, events=change.events, by=owner.by)
        return endpoint_view(row, await webhooks.now())

    @delete("/{endpoint_id:str}", status_code=204)
    async def remove_endpoint(
        self, endpoint_id: Id, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> None:
        """It is gone with its log."""
        await webhooks.remove(owner.tenant_id, endpoint_id, by=owner.by)

    @post("/{endpoint_id:str}/rotate", status_code=200, operation_class=takes_json(SecretChange, is_required=False))
    async def rotate(
        self, endpoint_id: Id, request: AnyRequest, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> EndpointWithSecret:
        """Another secret; the former one signs for `graceHours` more, with the new one beside it."""
        grace = parse(SecretChange, await _fields(request)).grace
        grace = USUAL_GRACE if grace is None else grace
        made = await webhooks.rotate(owner.tenant_id, endpoint_id, grace, by=owner.by)
        return with_secret(made.endpoint, made.secret, await webhooks.now())

    @delete("/{endpoint_id:str}/former-secret", status_code=200)
    async def finish_rotation(
        self, endpoint_id: Id, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> EndpointView:
        """The former secret signs nothing more."""
        row = await webhooks.finish_rotation(owner.tenant_id, endpoint_id, by=owner.by)
        return endpoint_view(row, await webhooks.now())

    @post("/{endpoint_id:str}/stop", status_code=200)
    async def stop(
        self, endpoint_id: Id, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> EndpointView:
        """It gets nothing more until it is restarted."""
        row = await webhooks.stop(owner.tenant_id, endpoint_id, STOPPED_BY_OWNER, by=owner.by)
        return endpoint_view(row, await webhooks.now())

    @post("/{endpoint_id:str}/restart", status_code=200, operation_class=takes_json(Restart, is_required=False))
    async def restart(
        self, endpoint_id: Id, request: AnyRequest, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> Restarted:
        """It gets what happens from now on, and what was missed `since` a moment."""
        since = parse(Restart, await _fields(request)).since
        count = await webhooks.restart(owner.tenant_id, endpoint_id, since=since, by=owner.by)
        row = await webhooks.endpoint(owner.tenant_id, endpoint_id)
        return Restarted(webhook=endpoint_view(row, await webhooks.now()), sent_again=count)

    @post("/{endpoint_id:str}/test", status_code=202)
    async def test(
        self, endpoint_id: Id, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> SentAgain:
        """A `webhook.test` is sent to it, whichever events it wants; the log shows what became of it."""
        return SentAgain(event_id=await webhooks.send_test(owner.tenant_id, endpoint_id, by=owner.by))

    @get("/{endpoint_id:str}/deliveries", operation_class=asks(LogQuestion))
    async def log(
        self, endpoint_id: Id, request: AnyRequest, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> DeliveryLog:
        """What was, is or will be sent, the newest first: of a state, a session, an event."""
        asked = parse(LogQuestion, {name: word for name, word in request.query_params.items() if word})
        await webhooks.endpoint(owner.tenant_id, endpoint_id)
        rows = await webhooks.log(
            owner.tenant_id,
            endpoint_id=endpoint_id,
            session_id=asked.session_id,
            event=asked.event,
            state=asked.state,
            before=asked.before,
            limit=asked.limit,
        )
        return delivery_log(rows, asked.limit)

    @post("/{endpoint_id:str}/deliveries/{event_id:str}/redeliver", status_code=202)
    async def redeliver(
        self, endpoint_id: Id, event_id: Id, webhooks: NamedDependency[Webhooks], owner: NamedDependency[Owner]
    ) -> SentAgain:
        """An event of the log is sent again, with all its retries."""
        await webhooks.redeliver(owner.tenant_id, endpoint_id, event_id, by=owner.by)
        return SentAgain(event_id=event_id)


async def _fields(request: AnyRequest) -> Mapping[str, Any]:
    """The body's fields; none of an empty one."""
    return await read_fields(request) if await request.body() else {}
