"""What all connections have in common, whatever is played by them: who may connect, who joins, how a refusal reads."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from orchestrator.arena.allowance import Allowance
from orchestrator.arena.engine import RefusedConnection
from orchestrator.arena.saying import Said, fields_of, text_of, token_of
from orchestrator.arena.session_tokens import Claims
from orchestrator.errors import ApiError, DatabaseUnavailable, NotFound

TOO_MANY: Final = ("rate_limited", "Too many messages. Please slow down.")

_ALLOWANCE: Final = "playhouse.allowance"

log = structlog.get_logger()


async def admitted(
    handshake: dict[str, Any],
    auth: object,
    claims_of: Callable[[object], Awaitable[tuple[Claims, str] | None]],
    proves: Callable[[str], bool],
) -> tuple[Allowance, Claims | None]:
    """What a connection may say, and what its token says, if it has one. `claims_of` a token says also whose it is, and
    `proves` whether that tenant may have one connection more. RefusedConnection.
    """
    # Whoever leaves a game and comes again, by the same connection, has no more to say than before.
    allowance: Allowance = handshake.setdefault(_ALLOWANCE, Allowance())
    if not allowance.takes(time.monotonic()):
        raise RefusedConnection(*TOO_MANY)
    token = token_of(handshake, auth)
    if not token:
        return allowance, None
    try:
        found = await claims_of(token)
    except DatabaseUnavailable as away:
        raise RefusedConnection("unavailable", away.message) from away
    if found is None:
        raise RefusedConnection("unauthorized", "This token is not one of ours, or too old.")
    claims, tenant_id = found
    if not proves(tenant_id):
        raise RefusedConnection("too_many_connections", "This tenant has too many connections.")
    return allowance, claims


async def heard(
    allowance: Allowance,
    event: str,
    data: object,
    *,
    does: Callable[[Mapping[str, object]], Awaitable[None]] | None,
    refuses: Callable[[str, str], Awaitable[None]],
    ends: Callable[[], Awaitable[None]],
) -> None:
    """One message of a connection, which `does` something unless there is no such event. Total over whatever a stranger
    may send: what cannot be done `refuses` by code and text, and a flood `ends` the connection.
    """
    if not allowance.takes(time.monotonic()):
        if allowance.is_flood:
            await ends()
        elif allowance.refused == 1:
            await refuses(*TOO_MANY)
        return
    try:
        await (does or _unknown)(fields_of(data))
    except Exception as error:
        await refuses(*refusal_of(error, event))


def who_joins(claims: Claims | None, fields: Mapping[str, object]) -> tuple[str, str | None]:
    """For which session and as which of its players: what the token says, then what the message names. Said."""
    session_id, player_id = _session_of(claims, fields), text_of(fields, "playerId")
    if claims is None or claims.player_id is None:
        return session_id, player_id
    if player_id not in {None, claims.player_id}:
        raise Said("unauthorized", "This token is another player's.")
    return session_id, claims.player_id


def refusal_of(error: Exception, event: str) -> tuple[str, str]:
    """Code and text of an `error` event. A mistake of ours is logged whole."""
    match error:
        case Said():
            return error.code, str(error)
        case NotFound():
            return "unknown_room", "There is no such room."
        case DatabaseUnavailable():
            return "unavailable", error.message
        case ApiError():
            return error.code, error.message
        case _:
            log.error("arena.mistake", arena_event=event, exc_info=error)
            return "internal_error", "Something went wrong on our side."


async def _unknown(_fields: Mapping[str, object]) -> None:
    raise Said("unknown_event", "There is no such event.")


def _session_of(claims: Claims | None, fields: Mapping[str, object]) -> str:
    named = text_of(fields, "sessionId")
    if claims is None:
        if named is None:
            raise Said("session_required", "Send the sessionId that your backend was given, or its token.")
        return named
    if named not in {None, claims.session_id}:
        raise Said("unauthorized", "This token is of another session.")
    return claims.session_id
