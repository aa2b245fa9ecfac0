"""`/v1` and `/api/v1`: sessions and rooms for tenants' backends and their pages. HTTP only."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from litestar import Controller, Response, asgi, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import PathParameter
from litestar.types import Receive, Scope, Send

from orchestrator.arena.arena import Arena
from orchestrator.arena.dependencies import (
    answer_tenant_bug,
    answer_tenant_error,
    answer_tenant_http_error,
    provide_proven,
    with_tenant_key,
)
from orchestrator.arena.description import PREFIXES
from orchestrator.arena.engine import PATHS
from orchestrator.arena.models import ArenaSession
from orchestrator.arena.sessions import Sessions, Ticket
from orchestrator.errors import ApiError, Unauthorized
from orchestrator.http import AnyRequest, read_fields, utc_milliseconds
from orchestrator.tenants.keys import Proven, TenantKeys

Answer = Mapping[str, Any]
SessionId = Annotated[str, PathParameter(max_length=64)]

_LONGEST_ORIGIN = 255


def _both(path: str) -> list[str]:
    return [prefix + path for prefix in PREFIXES]


class ArenaController(Controller):
    tags = ("Arena",)
    include_in_schema = False  # `description` has it
    dependencies = {"proven": Provide(provide_proven)}
    exception_handlers = {
        ApiError: answer_tenant_error,
        HTTPException: answer_tenant_http_error,
        Exception: answer_tenant_bug,
    }

    @post(_both("/sessions"), guards=(with_tenant_key,), status_code=201)
    async def create_session(
        self, request: AnyRequest, arena_sessions: NamedDependency[Sessions], proven: NamedDependency[Proven]
    ) -> Answer:
        """A new session with the token for its player."""
        key = request.headers.get("idempotency-key")
        return _ticket(await arena_sessions.create(proven, await read_fields(request), key))

    @post(_both("/sessions/join"), guards=(with_tenant_key,), status_code=200)
    async def join_session(
        self, request: AnyRequest, arena_sessions: NamedDependency[Sessions], proven: NamedDependency[Proven]
    ) -> Answer:
        """A friend comes in by a room code."""
        return _ticket(await arena_sessions.join(proven, await read_fields(request)))

    @get(_both("/sessions/validate"))
    async def validate(self, request: AnyRequest, arena_sessions: NamedDependency[Sessions]) -> Answer:
        """What became of a token's session. The token is the proof."""
        opened = await arena_sessions.opened(request.query_params.get("token"))
        return {"valid": True, **_session(opened.session)}

    @get(_both("/sessions/{session_id:str}"), guards=(with_tenant_key,))
    async def get_session(
        self,
        session_id: SessionId,
        request: AnyRequest,
        arena_sessions: NamedDependency[Sessions],
        proven: NamedDependency[Proven],
    ) -> Answer:
        """One session of this tenant."""
        return _session(await arena_sessions.get(proven, session_id, request.query_params.get("game")))

    @get(_both("/rooms"))
    async def rooms(
        self,
        request: AnyRequest,
        arena_sessions: NamedDependency[Sessions],
        tenant_keys: NamedDependency[TenantKeys],
    ) -> Response[Answer]:
        """The tenant's matches that may be watched. Who asks is known by key, by session token or by the page's
        origin.
        """
        tenant_id, modes = await _who_asks(request, arena_sessions, tenant_keys)
        listed = await arena_sessions.rooms(tenant_id, modes, request.query_params.get("game"))
        rooms = [
            {
                "roomId": room.id,
                "players": [{"id": player_id, "username": name} for player_id, name in room.players],
                "moveCount": room.move_count,
            }
            for room in listed
        ]
        return Response({"rooms": rooms}, headers={"Cache-Control": "no-store"})


@asgi(list(PATHS), is_mount=True, copy_scope=True, opt={"csrf_token": True})
async def socket_io(scope: Scope, receive: Receive, send: Send) -> None:
    """Socket.IO. It knows no cookie of ours: what another site's page sends changes nothing of a person's."""
    arena: Arena = scope["litestar_app"].state["arena"]
    await arena.sockets.engine(scope, receive, send)


async def _who_asks(request: AnyRequest, sessions: Sessions, keys: TenantKeys) -> tuple[str, list[str]]:
    header, origin = request.headers.get("authorization"), request.headers.get("origin")
    if header:
        with suppress(Unauthorized):  # then it is no token, and may be a key
            opened = await sessions.opened(header.partition(" ")[2].strip())
            return opened.session.tenant_id, [opened.session.mode]
        await with_tenant_key(request, request.route_handler)
        proven = await provide_proven(request)
        return proven.tenant.id, [proven.mode.value]
    found = None if origin is None or len(origin) > _LONGEST_ORIGIN else await keys.of_origin(origin)
    if found is None:
        raise Unauthorized("Missing Authorization header")
    return found[0], sorted(mode.value for mode in found[1])


def _ticket(ticket: Ticket) -> Answer:
    row = ticket.session
    return {
        "sessionId": row.id,
        "sessionToken": ticket.token,
        "expiresIn": ticket.expires_in_s,
        "expiresAt": utc_milliseconds(ticket.expires_at),
        "game": row.game,
        "mode": row.mode,
        "matchType": row.match_type,
        "roomCode": row.room_code,
        "players": [{"id": player.id, "displayName": player.display_name} for player in ticket.players],
        "theme": row.theme,
        "webhooksEnabled": ticket.has_webhooks,
    }


def _session(row: ArenaSession) -> Answer:
    return {
        "id": row.id,
        "sessionId": row.id,
        "game": row.game,
        "mode": row.mode,
        "matchType": row.match_type,
        "status": row.status,
        "players": row.players,
        "result": row.result,
    }
