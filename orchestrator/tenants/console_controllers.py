"""`/api/console/{tenant_id}`: what members of a tenant change in its console. HTTP only."""

from typing import Annotated, Any

from litestar import Controller, delete, post, put
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, PathParameter
from pydantic import Field, StringConstraints

from orchestrator.accounts.dependencies import provide_actor, provide_signed_in
from orchestrator.audit.recording import Actor
from orchestrator.errors import Unauthorized
from orchestrator.http import AnyConnection, AnyRequest, Wire
from orchestrator.tenants.keys import MOST_ORIGINS, NewTenantKey, TenantKeys, grants_of
from orchestrator.tenants.members import TenantMembers
from orchestrator.tenants.models import Tenant
from orchestrator.tenants.plans import KeyMode
from orchestrator.webhooks.controllers import Owner, WebhookHandlers

_CACHE = "console_tenant"
Id = Annotated[str, PathParameter(max_length=40)]


class KeyOrder(Wire):
    mode: KeyMode


class Origins(Wire):
    """`*` is every page."""

    origins: Annotated[list[Annotated[str, StringConstraints(max_length=300)]], Field(max_length=MOST_ORIGINS)]


class Theme(Wire):
    theme: dict[str, Any]


class ShownKey(Wire):
    """The key is told this once."""

    id: str
    mode: KeyMode
    key: str


async def only_members(connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Guard: Unauthorized where nobody is signed in, NotFound for whoever may not open this tenant's console."""
    found = await provide_signed_in(connection)
    if found is None:
        raise Unauthorized("You must be signed in.")
    members: TenantMembers = connection.app.state.tenant_members
    connection.state[_CACHE] = await members.admitted(found.account, connection.path_params["tenant_id"])


async def provide_tenant(request: AnyRequest) -> Tenant:
    """Whose console it is; only behind the guard."""
    found: Tenant = request.state[_CACHE]
    return found


async def provide_owner(tenant: NamedDependency[Tenant], actor: NamedDependency[Actor]) -> Owner:
    return Owner(tenant.id, grants_of(tenant).webhook_retries, actor)


class ConsoleController(Controller):
    path = "/api/console/{tenant_id:str}"
    tags = ("console",)
    guards = (only_members,)
    dependencies = {"tenant": Provide(provide_tenant), "actor": Provide(provide_actor)}

    @post("/keys", status_code=201, operation_id="addTenantKey")
    async def add_key(
        self,
        data: JSONBody[KeyOrder],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        tenant_keys: NamedDependency[TenantKeys],
    ) -> ShownKey:
        """One more key, which is shown this once; those before it go on. 409 `too_many_keys`."""
        return _shown(await tenant_keys.add_key(tenant.id, data.mode, by=actor))

    @post("/keys/rotate", status_code=201, operation_id="rotateTenantKeys")
    async def rotate_keys(
        self,
        data: JSONBody[KeyOrder],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        tenant_keys: NamedDependency[TenantKeys],
    ) -> ShownKey:
        """Another key; those of its mode that were before it end within a minute. 409 `too_many_keys`."""
        return _shown(await tenant_keys.rotate(tenant.id, data.mode, by=actor))

    @delete("/keys/{key_id:str}", status_code=204, operation_id="revokeTenantKey")
    async def revoke_key(
        self,
        key_id: Id,
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        tenant_keys: NamedDependency[TenantKeys],
    ) -> None:
        """It works no longer, at once."""
        await tenant_keys.revoke(tenant.id, key_id, by=actor)

    @put("/origins", operation_id="setTenantOrigins")
    async def set_origins(
        self,
        data: JSONBody[Origins],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        tenant_keys: NamedDependency[TenantKeys],
    ) -> Origins:
        """The origins of all its keys, whole."""
        await tenant_keys.change(tenant.id, origins=data.origins, by=actor)
        return Origins(origins=list(await tenant_keys.listed_origins(tenant.id)))

    @put("/theme", operation_id="setTenantTheme")
    async def set_theme(
        self,
        data: JSONBody[Theme],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        tenant_keys: NamedDependency[TenantKeys],
    ) -> Theme:
        """The colours of sessions that are made from now on, whole."""
        return Theme(theme=dict(await tenant_keys.set_theme(tenant.id, data.theme, by=actor)))


class ConsoleWebhookController(WebhookHandlers):
    path = "/api/console/{tenant_id:str}/webhooks"
    guards = (only_members,)
    dependencies = {
        "tenant": Provide(provide_tenant),
        "actor": Provide(provide_actor),
        "owner": Provide(provide_owner),
    }


def _shown(made: NewTenantKey) -> ShownKey:
    return ShownKey(id=made.key.id, mode=KeyMode(made.key.mode), key=made.secret)
