"""`/api/admin/tenants`: whom an operator lets into a tenant's console. HTTP only."""

from typing import Annotated

from litestar import Controller, delete, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter
from pydantic import StringConstraints

from orchestrator.accounts.account import EMAIL_PATTERN, MOST_EMAIL_CHARACTERS
from orchestrator.accounts.dependencies import provide_actor, signed_in_as_admin
from orchestrator.audit.recording import Actor
from orchestrator.http import Flag, Wire
from orchestrator.tenants.members import TenantMembers

Id = Annotated[str, PathParameter(max_length=40)]


class NewMember(Wire):
    """By the address of an account; `mayBeUnconfirmed` also of one that has not proven it."""

    email: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=MOST_EMAIL_CHARACTERS, pattern=EMAIL_PATTERN)
    ]
    may_be_unconfirmed: Flag = False


class TenantAdminController(Controller):
    path = "/api/admin/tenants"
    tags = ("admin",)
    guards = (signed_in_as_admin,)
    dependencies = {"actor": Provide(provide_actor)}

    @post("/{tenant_id:str}/members", status_code=204, operation_id="addTenantMember")
    async def add_member(
        self,
        tenant_id: Id,
        data: JSONBody[NewMember],
        tenant_members: NamedDependency[TenantMembers],
        actor: NamedDependency[Actor],
    ) -> None:
        """They may open the console. 409 `address_unconfirmed`."""
        await tenant_members.add(tenant_id, data.email, may_be_unconfirmed=data.may_be_unconfirmed, by=actor)

    @delete("/{tenant_id:str}/members/{account_id:str}", status_code=204, operation_id="removeTenantMember")
    async def remove_member(
        self,
        tenant_id: Id,
        account_id: Id,
        tenant_members: NamedDependency[TenantMembers],
        actor: NamedDependency[Actor],
    ) -> None:
        """They may open it no longer."""
        await tenant_members.remove(tenant_id, account_id, by=actor)
