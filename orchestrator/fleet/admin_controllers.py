"""`/api/admin/*` of the fleet: what operators see and do of hosts, and what the scheduler has learned. HTTP only."""

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from orchestrator.accounts.dependencies import provide_actor, signed_in_as_admin
from orchestrator.audit.recording import Actor
from orchestrator.fleet.identity import HostIdentities
from orchestrator.fleet.operations import FleetOperations, HostChange
from orchestrator.fleet.overview import FleetOverview
from orchestrator.fleet.schemas import (
    GameProfileAnswer,
    HostDetailView,
    HostPatch,
    HostsAnswer,
    JoinTokenAnswer,
    JoinTokenRequest,
    JoinTokensAnswer,
    host_detail,
    host_view,
    join_token_view,
    profile_answer,
)

WithGone = Annotated[bool, QueryParameter(name="gone")]
IsSure = Annotated[bool, QueryParameter(name="force")]


class FleetAdminController(Controller):
    path = "/api/admin"
    tags = ("admin",)
    guards = (signed_in_as_admin,)
    dependencies = {"actor": Provide(provide_actor)}

    @get("/games/{slug:str}/profile", operation_id="gameProfile")
    async def game_profile(
        self, slug: FromPath[str], fleet_overview: NamedDependency[FleetOverview]
    ) -> GameProfileAnswer:
        """What a game takes, as its sessions have shown, and what is reserved for the next one."""
        return profile_answer(slug, await fleet_overview.game_profile(slug))

    @get("/hosts", operation_id="listHosts")
    async def hosts(self, fleet_overview: NamedDependency[FleetOverview], gone: WithGone = False) -> HostsAnswer:
        """Every host; with `gone` also those that were removed."""
        return HostsAnswer(hosts=[host_view(overview) for overview in await fleet_overview.hosts(with_gone=gone)])

    @get("/hosts/{host_id:str}", operation_id="readHost")
    async def host(self, host_id: FromPath[str], fleet_overview: NamedDependency[FleetOverview]) -> HostDetailView:
        """One host with its sessions, labels and the moments at which its state changed."""
        return host_detail(await fleet_overview.host(host_id))

    @patch("/hosts/{host_id:str}", operation_id="changeHost")
    async def change_host(
        self,
        host_id: FromPath[str],
        data: JSONBody[HostPatch],
        fleet_operations: NamedDependency[FleetOperations],
        fleet_overview: NamedDependency[FleetOverview],
        actor: NamedDependency[Actor],
    ) -> HostDetailView:
        """Drain a host or take that back, and say its labels. A draining host gets no new session; with `movesIdle`
        what nobody is connected to is saved and goes on elsewhere.
        """
        change = HostChange(data.is_draining, data.moves_idle, data.labels)
        await fleet_operations.change(host_id, change, by=actor)
        return host_detail(await fleet_overview.host(host_id))

    @delete("/hosts/{host_id:str}", status_code=200, operation_id="removeHost")
    async def remove_host(
        self,
        host_id: FromPath[str],
        fleet_operations: NamedDependency[FleetOperations],
        fleet_overview: NamedDependency[FleetOverview],
        actor: NamedDependency[Actor],
        force: IsSure = False,
    ) -> HostDetailView:
        """Its key works no longer. A host with sessions is refused (`host_in_use`) without `force`: they move to other
        hosts from their newest saves.
        """
        await fleet_operations.remove(host_id, is_sure=force, by=actor)
        return host_detail(await fleet_overview.host(host_id))

    @get("/join-tokens", operation_id="listJoinTokens")
    async def join_tokens(self, identities: NamedDependency[HostIdentities]) -> JoinTokensAnswer:
        """The tokens that a host can still join with, without their secrets."""
        return JoinTokensAnswer(tokens=[join_token_view(token) for token in await identities.join_tokens()])

    @post("/join-tokens", status_code=201, operation_id="createJoinToken")
    async def create_join_token(
        self,
        data: JSONBody[JoinTokenRequest],
        identities: NamedDependency[HostIdentities],
        actor: NamedDependency[Actor],
    ) -> JoinTokenAnswer:
        """A token that one host joins with, once. It is shown this once."""
        return JoinTokenAnswer(token=await identities.issue_join_token(data.labels, by=actor))

    @delete("/join-tokens/{token_id:str}", status_code=204, operation_id="revokeJoinToken")
    async def revoke_join_token(
        self, token_id: FromPath[str], identities: NamedDependency[HostIdentities], actor: NamedDependency[Actor]
    ) -> None:
        """No host joins with this token any more."""
        await identities.revoke_join_token(token_id, by=actor)
