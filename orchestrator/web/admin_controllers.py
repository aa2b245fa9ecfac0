"""The pages of those who run this Playhouse, under `/admin`. They are written out whole on the server, and a small
module keeps them fresh; what they change they change through `/api/admin`.
"""

from asyncio import to_thread
from collections.abc import Mapping

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Redirect, Template

from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.dependencies import provide_account, provide_signed_in
from orchestrator.accounts.standing import Standing
from orchestrator.audit.log import KEPT_FOR, AuditLog
from orchestrator.audit.log import Question as LogQuestion
from orchestrator.audit.recording import Action
from orchestrator.catalog.service import Catalog
from orchestrator.catalog.views import Wanted
from orchestrator.errors import Forbidden
from orchestrator.fleet.fleet_map import FleetMaps
from orchestrator.fleet.fleet_map import Question as FleetQuestion
from orchestrator.fleet.host_images import HostImages
from orchestrator.fleet.host_life import HostState
from orchestrator.fleet.host_lines import state_words
from orchestrator.fleet.overview import FleetOverview
from orchestrator.http import AnyRequest
from orchestrator.library.service import MOST_CODES_AT_ONCE, Library
from orchestrator.play.operations import MOST_COUNTED, SessionOperations, Stage
from orchestrator.play.operations import Question as SessionQuestion
from orchestrator.tenants.members import TenantMembers
from orchestrator.web import admin_views
from orchestrator.web.asked import Asked, pages_of
from orchestrator.web.visit import Visit, provide_visit, to_sign_in

LIMIT = 50
PROFILES = 20
GAMES = 10
HOST_STATES = tuple(state.value for state in HostState if state is not HostState.GONE)
USER_STATES = (AccountState.ACTIVE.value, AccountState.SUSPENDED.value, AccountState.CLOSED.value)


async def only_admins(request: AnyRequest) -> Redirect | None:
    """Whoever is not signed in goes to the door and comes back; anybody but an admin is refused."""
    found = await provide_signed_in(request)
    if found is None:
        return to_sign_in(request)
    if found.account.role is not Role.ADMIN:
        raise Forbidden("Only an admin may see this.")
    return None


class AdminPagesController(Controller):
    """HTML pages; never part of the API's description."""

    path = "/admin"
    include_in_schema = False
    before_request = only_admins
    dependencies = {"account": Provide(provide_account), "visit": Provide(provide_visit)}

    @get("/")
    async def front(self) -> Redirect:
        """The fleet is what is looked at first."""
        return Redirect("/admin/fleet", status_code=302)

    @get("/fleet")
    async def fleet(self, visit: NamedDependency[Visit], fleet_maps: NamedDependency[FleetMaps]) -> Response[bytes]:
        """Every host with what it does, and every session on its host."""
        asked = _asked(visit.request)
        state = asked.one_of("state", HOST_STATES)
        question = FleetQuestion(asked.text("search"), HostState(state) if state else None, asked.text("order"))
        fleet = await fleet_maps.draw(question)
        context = {
            "asked": asked,
            "fleet": fleet,
            "tiles": admin_views.tiles_of(fleet),
            "is_roomy": admin_views.is_roomy(fleet),
            "states": HOST_STATES,
            "orders": admin_views.ORDERS,
            "order": asked.one_of("order", admin_views.ORDERS) or "trouble",
            "state": state,
            "now": fleet.now,
        }
        page = visit.page("admin/fleet.html", **context)
        return await _written(page, visit.request)

    @get("/fleet/{host_id:str}")
    async def host(
        self,
        visit: NamedDependency[Visit],
        fleet_overview: NamedDependency[FleetOverview],
        host_images: NamedDependency[HostImages],
        session_operations: NamedDependency[SessionOperations],
        host_id: FromPath[str],
    ) -> Template:
        """One host with what plays there, what lies there and what is on its way."""
        detail = await fleet_overview.host(host_id)
        sessions = await session_operations.page(SessionQuestion(host=host_id, limit=LIMIT))
        context = {
            "overview": detail.overview,
            "host": detail.overview.host,
            "state_words": state_words(detail.overview),
            "sessions": sessions,
            "stage_words": admin_views.stage_words,
            "since_of": admin_views.since_of,
            "images": await host_images.of(host_id),
            "now": detail.overview.now,
        }
        return visit.page("admin/host.html", **context)

    @get("/sessions")
    async def sessions(
        self, visit: NamedDependency[Visit], session_operations: NamedDependency[SessionOperations]
    ) -> Template:
        """Who plays what where."""
        asked = _asked(visit.request)
        stage = Stage(asked.one_of("state", admin_views.STAGES) or Stage.ACTIVE)
        found = await session_operations.page(
            SessionQuestion(
                stage, asked.text("game"), asked.text("host"), asked.text("person"), page=asked.page, limit=LIMIT
            )
        )
        context = {
            "asked": asked,
            "stage": stage.value,
            "stages": admin_views.STAGES,
            "sessions": found,
            "most_counted": MOST_COUNTED,
            "stage_words": admin_views.stage_words,
            "since_of": admin_views.since_of,
            "pages": pages_of(found.total, LIMIT),
            "now": found.now,
        }
        return visit.page("admin/sessions.html", **context)

    @get("/profiles")
    async def profiles(self, visit: NamedDependency[Visit], fleet_overview: NamedDependency[FleetOverview]) -> Template:
        """What builds were seen to need, and what is reserved for the next session of each."""
        asked = _asked(visit.request)
        found = await fleet_overview.profiles(asked.text("search"), page=asked.page, limit=PROFILES)
        context = {
            "asked": asked,
            "builds": [(build, admin_views.profile_views(build)) for build in found.builds],
            "total": found.total,
            "pages": pages_of(found.total, PROFILES),
            "now": found.now,
        }
        return visit.page("admin/profiles.html", **context)

    @get("/codes")
    async def codes(
        self,
        visit: NamedDependency[Visit],
        account: NamedDependency[Account],
        library: NamedDependency[Library],
        catalog: NamedDependency[Catalog],
    ) -> Template:
        """Library codes: of one game with what can be done with it, or all batches and a search for a game."""
        asked = _asked(visit.request)
        slug, search = asked.text("game"), asked.text("search")
        wanted = Wanted(limit=GAMES, search=search, sort="relevance")
        found = (await catalog.list_games(account, wanted)).games if search else ()
        batches = await library.batch_page(slug or None, page=asked.page, limit=LIMIT)
        context = {
            "asked": asked,
            "game": await library.game(slug) if slug else None,
            "search": search,
            "games": [each.game for each in found],
            "batches": batches,
            "pages": pages_of(batches.total, LIMIT),
            "most_codes": MOST_CODES_AT_ONCE,
            "now": batches.now,
        }
        return visit.page("admin/codes.html", **context)

    @get("/codes/{batch_id:str}")
    async def batch(
        self,
        visit: NamedDependency[Visit],
        library: NamedDependency[Library],
        standing: NamedDependency[Standing],
        batch_id: FromPath[str],
    ) -> Template:
        """The codes of one batch by their ends, and who has redeemed them."""
        summary, now = await library.batch(batch_id)
        codes = await library.codes(batch_id)
        people = await standing.named([code.redeemed_by for code in codes if code.redeemed_by])
        context = {"summary": summary, "codes": codes, "people": people, "now": now}
        return visit.page("admin/batch.html", **context)

    @get("/users")
    async def users(self, visit: NamedDependency[Visit], standing: NamedDependency[Standing]) -> Template:
        """Who has an account here."""
        asked = _asked(visit.request)
        state = asked.one_of("state", USER_STATES)
        role = asked.one_of("role", [role.value for role in Role])
        found = await standing.people(
            asked.text("search"),
            page=asked.page,
            limit=LIMIT,
            state=AccountState(state) if state else None,
            role=Role(role) if role else None,
        )
        context = {
            "asked": asked,
            "state": state,
            "role": role,
            "states": USER_STATES,
            "people": await standing.figures(found.people),
            "total": found.total,
            "pages": pages_of(found.total, LIMIT),
            "now": found.now,
        }
        return visit.page("admin/users.html", **context)

    @get("/tenants")
    async def tenants(self, visit: NamedDependency[Visit], tenant_members: NamedDependency[TenantMembers]) -> Template:
        """Companies whose users play here, and who may open their consoles."""
        return visit.page("admin/tenants.html", tenants=await tenant_members.figures())

    @get("/log")
    async def log(self, visit: NamedDependency[Visit], audit_log: NamedDependency[AuditLog]) -> Template:
        """What operators did."""
        asked = _asked(visit.request)
        actions = tuple(action.value for action in Action)
        action = asked.one_of("action", actions)
        found = await audit_log.page(
            LogQuestion(asked.text("actor"), action, asked.text("subject"), page=asked.page, limit=LIMIT)
        )
        context = {
            "asked": asked,
            "action": action,
            "actions": actions,
            "lines": admin_views.lines_of(found.entries),
            "total": found.total,
            "pages": pages_of(found.total, LIMIT),
            "kept_days": KEPT_FOR.days,
            "now": found.now,
        }
        return visit.page("admin/log.html", **context)


def _asked(request: AnyRequest) -> Asked:
    query: Mapping[str, str] = {name: values[-1] for name, values in request.query_params.dict().items()}
    return Asked(request.url.path, query)


async def _written(page: Template, request: AnyRequest) -> Response[bytes]:
    """A page that may be long, written out beside the requests of players."""
    engine = request.app.template_engine
    assert engine is not None
    assert page.template_name is not None
    template = engine.get_template(page.template_name)
    text = await to_thread(template.render, **page.create_template_context(request))
    return Response(text.encode(), headers=page.headers, cookies=page.cookies, media_type="text/html; charset=utf-8")
