"""`/v1/webhooks` and `/api/v1/webhooks`: a tenant's endpoints by its live key. HTTP only."""

from typing import Any

from litestar import Response
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from orchestrator.arena.dependencies import (
    answer_tenant_bug,
    answer_tenant_error,
    answer_tenant_http_error,
    proven_of,
    provide_actor,
    provide_proven,
    with_tenant_key,
)
from orchestrator.audit.recording import Actor
from orchestrator.errors import ApiError, Forbidden
from orchestrator.http import AnyConnection, AnyRequest
from orchestrator.tenants.keys import Proven
from orchestrator.tenants.plans import KeyMode
from orchestrator.webhooks.controllers import Owner, WebhookHandlers


async def with_live_key(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """Guard: as `with_tenant_key`, and Forbidden with a test key: its sessions have no webhooks."""
    await with_tenant_key(connection, handler)
    if proven_of(connection).mode is not KeyMode.LIVE:
        raise Forbidden("Test API key cannot manage webhooks")


async def provide_owner(proven: NamedDependency[Proven], actor: NamedDependency[Actor]) -> Owner:
    return Owner(proven.tenant.id, proven.grants.webhook_retries, actor)


def answer_with_code(request: AnyRequest, error: ApiError) -> Response[Any]:
    """A refusal in the documented form, and its code for programs."""
    answer = answer_tenant_error(request, error)
    answer.content = {**answer.content, "code": error.code}
    return answer


class TenantWebhookController(WebhookHandlers):
    path = "/v1/webhooks"
    guards = (with_live_key,)
    dependencies = {
        "proven": Provide(provide_proven),
        "actor": Provide(provide_actor),
        "owner": Provide(provide_owner),
    }
    exception_handlers = {
        ApiError: answer_with_code,
        HTTPException: answer_tenant_http_error,
        Exception: answer_tenant_bug,
    }


class PrefixedTenantWebhookController(TenantWebhookController):
    path = "/api/v1/webhooks"
