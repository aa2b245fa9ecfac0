"""`/embed`: the page of one session that tenants show in a frame of theirs, and `/arena.js`, which makes that frame.

No cookie counts here: the session token in the address says whose page it is, and the origins that the tenant listed
say who may frame it.
"""

from collections.abc import Collection
from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import QueryParameter
from litestar.response import Template

from matches.matchmaking import Mode
from orchestrator.arena.admission import GAME_NAMES
from orchestrator.arena.sessions import Opened, Sessions
from orchestrator.errors import ApiError, Unauthorized
from orchestrator.http import AnyRequest
from orchestrator.tenants.keys import ANY_ORIGIN, TenantKeys
from orchestrator.tenants.plans import KeyMode
from orchestrator.web.rendering import STATIC
from orchestrator.web.security import embed_headers
from orchestrator.web.static_files import is_known

MODULE = "js/arena/arena.js"

_WITHOUT = "This page needs the token of a session: /embed?token=…"
_TOO_OLD = "This link is not one of ours, or it is more than an hour old. Start the game again."
_NO_SUCH_PLAYER = "The player that this page is for is not one of this session."
_WHICH_PLAYER = "Two players share this token: the address of this page needs &player= with the id of one of them."
_UNAVAILABLE = "The games are away for a moment. Please try again soon."

Token = Annotated[str, QueryParameter(name="token", max_length=16_384)]
Name = Annotated[str | None, QueryParameter(max_length=128)]


class EmbedController(Controller):
    """A page for frames; its failures are pages as well, of which everybody may frame what says nothing of anybody."""

    include_in_schema = False

    @get("/embed")
    async def embed(
        self,
        arena_sessions: NamedDependency[Sessions],
        tenant_keys: NamedDependency[TenantKeys],
        token: Token = "",
        player: Name = None,
        room: Name = None,
    ) -> Template:
        """The board of a session, for the player whose the token is. Where two share it, `player` says which of them;
        with `room` the page watches a match of the same tenant instead.
        """
        if not token:
            return _failure(400, _WITHOUT)
        try:
            opened = await arena_sessions.opened(token)
        except Unauthorized:
            return _failure(401, _TOO_OLD)
        except ApiError as error:
            return _failure(error.status, _UNAVAILABLE)
        me = _player(opened, player)
        if me is None and room is None:
            return _failure(400, _WHICH_PLAYER if player is None else _NO_SUCH_PLAYER)
        session = opened.session
        environment = KeyMode.TEST if session.mode == Mode.TEST.value else KeyMode.LIVE
        origins = await tenant_keys.origins_of(session.tenant_id, environment)
        view: dict[str, Any] = {
            "sessionId": session.id,
            "game": session.game,
            "matchType": session.match_type,
            "status": session.status,
            "players": session.players,
            "result": session.result,
            "roomCode": session.room_code if session.status == "pending" else None,
            "theme": session.theme,
            "me": me,
            "room": room,
            "origins": sorted(origins),
        }
        return _page("embed.html", 200, origins, title=GAME_NAMES[session.game], view=view)


@get("/arena.js", include_in_schema=False)
async def arena_module(request: AnyRequest) -> Response[bytes]:
    """The module for tenants' pages, at an address that stays."""
    found = STATIC.find(MODULE)
    assert found is not None, "it is one of our files"
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "no-cache",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": found.etag,
        "X-Content-Type-Options": "nosniff",
    }
    is_there = is_known(found.etag, request.headers.get("if-none-match"))
    content, status = (b"", 304) if is_there else (found.content, 200)
    return Response(content, status_code=status, headers=headers, media_type=found.media_type)


def _player(opened: Opened, asked: str | None) -> dict[str, Any] | None:
    """Whoever the token is for, else who is asked for, else the only one: two must not both sit down as the first."""
    wanted, players = opened.claims.player_id or asked, opened.session.players
    if wanted is None:
        return players[0] if len(players) == 1 else None
    return next((player for player in players if player["id"] == wanted), None)


def _failure(status: int, text: str) -> Template:
    return _page("embed_failure.html", status, {ANY_ORIGIN}, text=text)


def _page(name: str, status: int, origins: Collection[str], **context: object) -> Template:
    return Template(
        name, context=context, status_code=status, headers=embed_headers(origins), media_type=MediaType.HTML
    )
