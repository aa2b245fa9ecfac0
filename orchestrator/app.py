"""The composition root: settings in, application out. Nothing else wires.

Handlers get what they name: `settings`, `database`, `installation`, `notices` and the services (`accounts`, `catalog`).
A body may have 1 MiB unless its handler says otherwise (`request_max_body_size`).
"""

import asyncio
import os
import random
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, TypeVar

from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.plugins.pydantic import PydanticPlugin
from litestar.types import ControllerRouterHandler

from metering import Meter
from orchestrator.accounts import tokens
from orchestrator.accounts.account_controllers import AccountController
from orchestrator.accounts.admin_controllers import UserAdminController
from orchestrator.accounts.controllers import AuthController
from orchestrator.accounts.dependencies import known_account
from orchestrator.accounts.openid_controllers import OpenIdController
from orchestrator.accounts.recovery_controllers import ConfirmationController, RecoveryController
from orchestrator.api_description import WholeDescription
from orchestrator.arena.arena import Arena
from orchestrator.arena.arena import running as open_arena
from orchestrator.arena.bot_controllers import PrefixedTenantBotController, TenantBotController
from orchestrator.arena.bots.service import Bots
from orchestrator.arena.bots.service import running as thinking
from orchestrator.arena.controllers import ArenaController, socket_io
from orchestrator.arena.dependencies import TenantHeaders
from orchestrator.arena.run_sockets import RunSockets
from orchestrator.arena.sockets import Sockets
from orchestrator.arena.training import Training
from orchestrator.arena.webhook_controllers import PrefixedTenantWebhookController, TenantWebhookController
from orchestrator.audit.admin_controllers import AuditController
from orchestrator.background import Loop, running
from orchestrator.catalog.controllers import GamesController
from orchestrator.errors import ApiError
from orchestrator.fleet.admin_controllers import FleetAdminController
from orchestrator.fleet.controllers import AgentController
from orchestrator.fleet.image_controllers import HostImagesController
from orchestrator.health import HealthController
from orchestrator.http import (
    AnyRequest,
    BoundedRequest,
    RequestIds,
    answer_api_error,
    answer_bug,
    answer_http_error,
    request_id_of,
)
from orchestrator.leaving import Leaving
from orchestrator.library.controllers import LibraryAdminController, LibraryController
from orchestrator.observing.controllers import MetricsController
from orchestrator.observing.requests import Requests, routes_of
from orchestrator.observing.stalls import Stalls
from orchestrator.observing.table import ROUTE, TABLE
from orchestrator.pictures.controllers import game_picture
from orchestrator.play.admin_controllers import SessionAdminController
from orchestrator.play.controllers import SessionController
from orchestrator.play.invite_controllers import InviteController, WatchController
from orchestrator.play.proxy import SeatProxyController
from orchestrator.publishers.admin_controllers import OwnKeysController, PublisherAdminController
from orchestrator.publishers.controllers import PublishedGamesController
from orchestrator.publishers.upload_controllers import ArchiveController, ResumableUploadController
from orchestrator.replica import sole_replica
from orchestrator.resolving import resolve_one_by_one
from orchestrator.same_origin import SameOriginChanges
from orchestrator.saves.agent_controllers import AgentSaveController
from orchestrator.saves.controllers import SaveController
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from orchestrator.tenants.admin_controllers import TenantAdminController
from orchestrator.tenants.console_controllers import ConsoleController, ConsoleWebhookController
from orchestrator.web.admin_controllers import AdminPagesController
from orchestrator.web.console_controllers import ConsolePagesController
from orchestrator.web.controllers import PagesController, favicon, static_file
from orchestrator.web.embed_controllers import EmbedController, arena_module
from orchestrator.web.failures import failure_page, find_reader, wants_page
from orchestrator.web.redeeming import RedeemPageController
from orchestrator.web.rendering import template_config
from orchestrator.web.security import guarding
from orchestrator.web.visit import Visit
from tracing import Tracer, opened

FailureType = TypeVar("FailureType", bound=Exception)
Answer = Callable[[AnyRequest, FailureType], Response[Any]]

_MAX_BODY_BYTES = 1024**2
_ARENA = "arena"
_LEAVING = "leaving"

_ROUTE_HANDLERS: Sequence[ControllerRouterHandler] = (
    HealthController,
    MetricsController,
    AuthController,
    AccountController,
    OpenIdController,
    RecoveryController,
    ConfirmationController,
    UserAdminController,
    AuditController,
    GamesController,
    LibraryController,
    LibraryAdminController,
    SessionController,
    SessionAdminController,
    InviteController,
    WatchController,
    SeatProxyController,
    SaveController,
    AgentController,
    AgentSaveController,
    FleetAdminController,
    HostImagesController,
    PublishedGamesController,
    ArchiveController,
    ResumableUploadController,
    OwnKeysController,
    PublisherAdminController,
    PagesController,
    AdminPagesController,
    RedeemPageController,
    EmbedController,
    arena_module,
    ArenaController,
    TenantBotController,
    PrefixedTenantBotController,
    TenantWebhookController,
    PrefixedTenantWebhookController,
    TenantAdminController,
    ConsoleController,
    ConsoleWebhookController,
    ConsolePagesController,
    socket_io,
    favicon,
    static_file,
    game_picture,
)


def create_app(settings: Settings | None = None) -> Litestar:
    """One replica. It opens its database at start-up and holds the data folder's lock until it has shut down. But for
    `public_url` its settings are read when it starts, from its state.
    """
    chosen = settings or Settings()
    state = State({"settings": chosen, _LEAVING: Leaving()})
    resolve_one_by_one()
    return Litestar(
        route_handlers=_ROUTE_HANDLERS,
        lifespan=[_lifespan],
        state=state,
        dependencies={
            name: _from_state(state, name) for name in (_ARENA, _LEAVING, *(field.name for field in fields(Services)))
        },
        after_exception=[find_reader],
        before_send=[guarding(is_secure=chosen.is_secure)],
        middleware=[Requests(), RequestIds(), SameOriginChanges(chosen.public_url, tokens.COOKIE), TenantHeaders()],
        exception_handlers={
            ApiError: _for_its_reader(answer_api_error),
            HTTPException: _for_its_reader(answer_http_error),
            Exception: _for_its_reader(answer_bug),
        },
        template_config=template_config(),
        plugins=[PydanticPlugin(prefer_alias=True)],
        openapi_config=OpenAPIConfig(
            title="Playhouse",
            version="1",
            path="/schema",
            use_handler_docstrings=True,
            render_plugins=[WholeDescription(path=["/", "/openapi.json"])],
        ),
        logging_config=None,
        request_class=BoundedRequest,
        request_max_body_size=_MAX_BODY_BYTES,
    )


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncGenerator[None, None]:
    settings: Settings = app.state["settings"]
    with sole_replica(settings):
        meter = Meter(TABLE, {ROUTE: tuple(routes_of(app))})
        async with (
            _tracer() as tracer,
            open_services(settings, meter, tracer) as services,
            thinking(random.SystemRandom()) as bots,
        ):
            for field in fields(services):
                app.state[field.name] = getattr(services, field.name)
            arena = _arena(services, bots)
            app.state[_ARENA] = arena
            async with open_arena(arena, services.arena_presence), running(_loops(services, arena), _upkeep(services)):
                yield


@asynccontextmanager
async def _tracer() -> AsyncGenerator[Tracer, None]:
    tracer = opened("playhouse-orchestrator", f"{socket.gethostname()}:{os.getpid()}")
    try:
        yield tracer
    finally:
        await asyncio.to_thread(tracer.close)


def _arena(services: Services, bots: Bots) -> Arena:
    """The arena with its sockets."""
    arena = Arena(
        services.database,
        services.notices,
        services.arena_presence,
        services.match_ledger,
        services.pairing,
        services.arena_sessions,
        services.tenant_keys,
        bots,
    )
    sockets = Sockets(arena)
    streams = services.play, services.stream_access, services.relays
    arena.with_sockets(sockets, RunSockets(sockets.engine, arena, services.arena_runs, *streams))
    return arena


def _loops(services: Services, arena: Arena) -> Sequence[Loop]:
    """What runs beside the requests."""
    loops = (
        services.reconciler.run,
        services.prepulling.run,
        services.agent_sync.watch,
        services.signing_keys.run,
        services.postman.run,
        services.publishing.run,
        services.enforcer.run,
        services.pictures.run,
        services.webhook_dispatcher.run,
        arena.run,
        arena.telling.run,
        arena.hear_starts,
        Training(services.database, services.notices).run,
        Stalls(services.meter).run,
    )
    return loops if services.database.is_sqlite else (*loops, services.hearing.run)


def _upkeep(services: Services) -> Sequence[Loop]:
    """What nobody waits for."""
    return (
        services.catalog_upkeep.run,
        services.save_disposal.run,
        services.uploads.run,
        services.webhook_upkeep.run,
        services.tenant_upkeep.run,
        services.postman.keep_tidy,
    )


def _for_its_reader(answer: Answer[FailureType]) -> Answer[FailureType]:
    """`answer` for programs; for a person in a browser, a page that says the same."""

    def answer_its_reader(request: AnyRequest, failure: FailureType) -> Response[Any]:
        response = answer(request, failure)
        if not wants_page(request):
            return response
        state = request.app.state
        visit = Visit(request, known_account(request), state.accounts, state.settings)
        return failure_page(visit, response.status_code or 500, request_id_of(request.scope))

    return answer_its_reader


def _from_state(state: State, name: str) -> Provide:
    def provide() -> Any:  # without a parameter there is nothing to look up and to validate
        return state[name]

    return Provide(provide, sync_to_thread=False)
