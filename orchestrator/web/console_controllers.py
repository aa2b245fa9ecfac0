"""The console of a tenant's members, under `/console`: written out whole on the server. What its pages change they
change through `/api/console`.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from litestar.response import Redirect, Template

from matches.values import Game
from orchestrator.accounts.account import Role
from orchestrator.accounts.dependencies import provide_account, provide_signed_in
from orchestrator.arena.admission import GAME_NAMES, GAMES
from orchestrator.arena.overview import MOST_COUNTED, ArenaOverview, SessionQuestion
from orchestrator.http import AnyRequest
from orchestrator.tenants.keys import GRACE, TenantKeys, grants_of
from orchestrator.tenants.members import TenantMembers
from orchestrator.tenants.models import Tenant
from orchestrator.tenants.plans import KeyMode
from orchestrator.tenants.theme import SCHEME
from orchestrator.web import console_views
from orchestrator.web.asked import Asked, pages_of
from orchestrator.web.visit import Visit, provide_visit, to_sign_in
from orchestrator.webhooks.envelope import EVENTS, TEST_EVENT
from orchestrator.webhooks.models import DeliveryState
from orchestrator.webhooks.schemas import endpoint_state
from orchestrator.webhooks.service import MOST_ENDPOINTS, Webhooks

LIMIT = 50
MODES = ("live", "training", "test")
STATUSES = ("pending", "active", "ended")


async def only_people(request: AnyRequest) -> Redirect | None:
    """Whoever is not signed in goes to the door and comes back."""
    return to_sign_in(request) if await provide_signed_in(request) is None else None


async def provide_tenant(request: AnyRequest, tenant_members: NamedDependency[TenantMembers]) -> Tenant:
    """Whose console is asked for. NotFound for whoever may not open it."""
    return await tenant_members.admitted(await provide_account(request), request.path_params["tenant_id"])


class ConsolePagesController(Controller):
    """HTML pages; never part of the API's description."""

    path = "/console"
    include_in_schema = False
    before_request = only_people
    dependencies = {"visit": Provide(provide_visit), "tenant": Provide(provide_tenant)}

    @get("/")
    async def front(
        self, visit: NamedDependency[Visit], tenant_members: NamedDependency[TenantMembers]
    ) -> Template | Redirect:
        """The console of whoever has one; a choice between several."""
        account = await provide_account(visit.request)
        tenants = await tenant_members.tenants_of(account)
        if len(tenants) == 1:
            return Redirect(f"/console/{tenants[0].id}", status_code=302)
        return visit.page("console/front.html", tenants=tenants, is_admin=account.role is Role.ADMIN)

    @get("/{tenant_id:str}")
    async def overview(
        self,
        visit: NamedDependency[Visit],
        tenant: NamedDependency[Tenant],
        arena_overview: NamedDependency[ArenaOverview],
        tenant_keys: NamedDependency[TenantKeys],
        webhooks: NamedDependency[Webhooks],
    ) -> Template:
        """How much is played, and what of it the plan grants."""
        usage = await arena_overview.usage(tenant.id)
        found = await arena_overview.sessions(tenant.id, SessionQuestion(limit=5))
        endpoints = await webhooks.endpoints(tenant.id)
        context = {
            "usage": usage,
            "plots": {
                "wide": console_views.days_plot(usage.days),
                "narrow": console_views.days_plot(usage.days[-console_views.PHONE_DAYS :], console_views.PHONE_WIDTH),
            },
            "plot_height": console_views.PLOT_HEIGHT,
            "grants": grants_of(tenant),
            "requests": await tenant_keys.requests_now(tenant),
            "sessions": found.sessions,
            "troubles": [row for row in endpoints if row.stopped_at is not None or row.failing_since is not None],
        }
        return _page(visit, tenant, "overview", context | {"now": usage.now})

    @get("/{tenant_id:str}/keys")
    async def keys(
        self,
        visit: NamedDependency[Visit],
        tenant: NamedDependency[Tenant],
        tenant_keys: NamedDependency[TenantKeys],
        webhooks: NamedDependency[Webhooks],
    ) -> Template:
        """The keys by how each begins, and the origins of their pages."""
        now = await webhooks.now()
        keys = [(key, console_views.key_state(key, now)) for key in await tenant_keys.keys_of(tenant.id)]
        context = {
            "environments": [
                (mode.value, [each for each in reversed(keys) if each[0].mode == mode.value]) for mode in KeyMode
            ],
            "grace_s": int(GRACE.total_seconds()),
            "origins": await tenant_keys.listed_origins(tenant.id),
            "now": now,
        }
        return _page(visit, tenant, "keys", context)

    @get("/{tenant_id:str}/sessions")
    async def sessions(
        self,
        visit: NamedDependency[Visit],
        tenant: NamedDependency[Tenant],
        arena_overview: NamedDependency[ArenaOverview],
    ) -> Template:
        """Who plays what."""
        asked = _asked(visit.request)
        game, mode = asked.one_of("game", GAMES), asked.one_of("mode", MODES)
        status = asked.one_of("status", STATUSES)
        question = SessionQuestion(game, mode, status, asked.text("search"), asked.page, LIMIT)
        found = await arena_overview.sessions(tenant.id, question)
        context = {
            "asked": asked,
            "chosen": {"game": game, "mode": mode, "status": status},
            "modes": MODES,
            "statuses": STATUSES,
            "sessions": found.sessions,
            "total": found.total,
            "most_counted": MOST_COUNTED,
            "pages": pages_of(found.total, LIMIT),
            "now": found.now,
        }
        return _page(visit, tenant, "sessions", context)

    @get("/{tenant_id:str}/sessions/{session_id:str}")
    async def session(
        self,
        visit: NamedDependency[Visit],
        tenant: NamedDependency[Tenant],
        arena_overview: NamedDependency[ArenaOverview],
        webhooks: NamedDependency[Webhooks],
        session_id: FromPath[str],
    ) -> Template:
        """One session with its players, its moves and what was told of it."""
        detail = await arena_overview.session(tenant.id, session_id)
        board = None
        if detail.line:
            board = console_views.board_of(Game(detail.session.game), detail.line[-1].after, detail.line[-1])
        context = {
            "detail": detail,
            "row": detail.session,
            "board": board,
            "moves": console_views.moves_of(detail),
            "result_words": console_views.result_words(detail),
            "deliveries": await webhooks.log(tenant.id, session_id=session_id, limit=LIMIT),
            "now": detail.now,
        }
        return _page(visit, tenant, "session", context)

    @get("/{tenant_id:str}/webhooks")
    async def webhooks(
        self, visit: NamedDependency[Visit], tenant: NamedDependency[Tenant], webhooks: NamedDependency[Webhooks]
    ) -> Template:
        """Where news goes."""
        now = await webhooks.now()
        endpoints = [(row, endpoint_state(row).value) for row in await webhooks.endpoints(tenant.id)]
        context = {"endpoints": endpoints, "events": EVENTS, "most": MOST_ENDPOINTS, "now": now}
        return _page(visit, tenant, "webhooks", context)

    @get("/{tenant_id:str}/webhooks/{endpoint_id:str}")
    async def webhook(
        self,
        visit: NamedDependency[Visit],
        tenant: NamedDependency[Tenant],
        webhooks: NamedDependency[Webhooks],
        endpoint_id: FromPath[str],
    ) -> Template:
        """One endpoint with its log."""
        endpoint = await webhooks.endpoint(tenant.id, endpoint_id)
        asked = _asked(visit.request)
        events = (*EVENTS, TEST_EVENT)
        states = tuple(state.value for state in DeliveryState)
        state, event = asked.one_of("state", states), asked.one_of("event", events)
        word = asked.text("before")
        before = int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None
        found = await webhooks.log(
            tenant.id,
            endpoint_id=endpoint_id,
            session_id=asked.text("session") or None,
            event=event or None,
            state=DeliveryState(state) if state else None,
            before=before,
            limit=LIMIT,
        )
        now = await webhooks.now()
        is_changing = endpoint.is_changing_secret(now)
        context = {
            "asked": asked,
            "endpoint": endpoint,
            "state": endpoint_state(endpoint).value,
            "is_changing": is_changing,
            "chosen": {"state": state, "event": event},
            "states": states,
            "events": EVENTS,
            "known_events": events,
            "log": found,
            "next_before": found[-1].number if len(found) == LIMIT else None,
            "attempt_words": console_views.attempt_words,
            "now": now,
        }
        return _page(visit, tenant, "webhook", context)

    @get("/{tenant_id:str}/theme")
    async def theme(
        self, visit: NamedDependency[Visit], tenant: NamedDependency[Tenant], webhooks: NamedDependency[Webhooks]
    ) -> Template:
        """The colours of its games, seen at once."""
        tokens = console_views.tokens_of(tenant.theme)
        context = {
            "tokens": tokens,
            "scheme": tenant.theme.get(SCHEME, ""),
            "samples": console_views.samples(),
            "now": await webhooks.now(),
        }
        return _page(visit, tenant, "theme", context)


def _page(visit: Visit, tenant: Tenant, name: str, context: Mapping[str, Any]) -> Template:
    return visit.page(
        f"console/{name}.html",
        tenant=tenant,
        here=f"/console/{tenant.id}",
        game_names=GAME_NAMES,
        players_of=console_views.players_of,
        **context,
    )


def _asked(request: AnyRequest) -> Asked:
    query = {name: values[-1] for name, values in request.query_params.dict().items()}
    return Asked(request.url.path, query)
