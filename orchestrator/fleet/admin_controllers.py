"""`/api/admin/*` of the fleet: what operators see of hosts and of what the scheduler has learned. HTTP only."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from orchestrator.accounts.dependencies import signed_in_as_admin
from orchestrator.fleet.overview import FleetOverview
from orchestrator.fleet.schemas import GameProfileAnswer, HostsAnswer, host_view, profile_answer


class FleetAdminController(Controller):
    path = "/api/admin"
    tags = ("admin",)
    guards = (signed_in_as_admin,)

    @get("/games/{slug:str}/profile", operation_id="gameProfile")
    async def game_profile(
        self, slug: FromPath[str], fleet_overview: NamedDependency[FleetOverview]
    ) -> GameProfileAnswer:
        return profile_answer(slug, await fleet_overview.game_profile(slug))

    @get("/hosts", operation_id="listHosts")
    async def hosts(self, fleet_overview: NamedDependency[FleetOverview]) -> HostsAnswer:
        return HostsAnswer(hosts=[host_view(overview) for overview in await fleet_overview.hosts()])
