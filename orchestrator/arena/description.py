"""The tenants' API in the words of OpenAPI. Its refusals have a form of their own, `{"error": text}`, and every path is
there under both prefixes; so it is written here, and `tests/api` holds it against what is answered.
"""

from collections.abc import Mapping
from typing import Any, Final

from matches.bots.levels import Level
from matches.matchmaking import Mode
from matches.values import Game
from orchestrator.arena.admission import GAMES, Difficulty, MatchType
from orchestrator.arena.bot_orders import (
    HEAVIEST,
    LEAST_STARS,
    LONGEST_ID,
    LONGEST_NAME,
    MOST_STARS,
    MOST_THRESHOLD,
    USUAL_THRESHOLD,
    USUAL_WEIGHT,
    BotType,
)

TENANT: Final = "tenantKey"
PREFIXES: Final = ("/v1", "/api/v1")
SCHEME: Final[Mapping[str, Any]] = {
    "type": "http",
    "scheme": "bearer",
    "description": "A tenant's key, `bg_live_…` or `bg_test_…`. A page's request needs an origin that the key lists."
    " With every answer come `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`.",
}

_Schema = dict[str, Any]

_SESSION_ID: Final = "0b4e8f2c-6a55-4a4e-9d1b-3f0a8f0f6a11"
_PLAYER: Final[_Schema] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "maxLength": 128, "description": "The tenant's own id of the player."},
        "displayName": {
            "type": "string",
            "maxLength": 100,
            "description": "What is shown, or else the id.",
        },
    },
}
_PLAYERS: Final[_Schema] = {"type": "array", "items": _PLAYER, "maxItems": 2}
_GAME: Final[_Schema] = {"type": "string", "enum": list(GAMES)}
_ORDER: Final[_Schema] = {
    "type": "object",
    "required": ["game"],
    "properties": {
        "game": _GAME,
        "mode": {
            "type": "string",
            "enum": [mode.value for mode in Mode],
            "description": "The key's, unless said.",
        },
        "matchType": {"type": "string", "enum": [kind.value for kind in MatchType], "default": "matchmaking"},
        "players": {
            **_PLAYERS,
            "description": "One, or two who play each other. Needed but for `training`.",
        },
        "playerCount": {"type": "integer", "minimum": 1, "maximum": 2, "default": 1, "description": "For `training`."},
        "botDifficulty": {"type": "string", "enum": [level.value for level in Difficulty], "default": "medium"},
        "afkTimeoutEnabled": {"type": "boolean", "default": True},
        "theme": {"type": "object", "description": "For this session, over the tenant's own. 4 KiB at most."},
    },
}
_JOIN: Final[_Schema] = {
    "type": "object",
    "required": ["roomCode", "game", "player"],
    "properties": {"roomCode": {"type": "string"}, "game": _GAME, "player": _PLAYER},
}
_TICKET: Final[_Schema] = {
    "type": "object",
    "required": [
        *("sessionId", "sessionToken", "expiresIn", "expiresAt", "game", "mode", "matchType", "roomCode", "players"),
        *("theme", "webhooksEnabled"),
    ],
    "properties": {
        "sessionId": {"type": "string"},
        "sessionToken": {"type": "string", "description": "A JWT for the player's client."},
        "expiresIn": {"type": "integer", "description": "Seconds left to join."},
        "expiresAt": {"type": "string", "format": "date-time", "description": "The token's end."},
        "game": _GAME,
        "mode": {"type": "string"},
        "matchType": {"type": "string"},
        "roomCode": {"type": ["string", "null"], "description": "For a friend; null unless one is awaited."},
        "players": _PLAYERS,
        "theme": {"type": "object"},
        "webhooksEnabled": {"type": "boolean"},
    },
}
_SESSION: Final[_Schema] = {
    "type": "object",
    "required": ["id", "game", "mode", "matchType", "status", "players", "result"],
    "properties": {
        "id": {"type": "string"},
        "sessionId": {"type": "string"},
        "game": _GAME,
        "mode": {"type": "string"},
        "matchType": {"type": "string"},
        "status": {"type": "string", "enum": ["pending", "active", "ended"]},
        "players": _PLAYERS,
        "result": {"type": ["object", "null"], "description": "Null before the end; else `winner`, `reason` and more."},
    },
}
_VALID: Final[_Schema] = {
    **_SESSION,
    "required": ["valid", *_SESSION["required"]],
    "properties": {"valid": {"type": "boolean"}, **_SESSION["properties"]},
}
_ROOMS: Final[_Schema] = {
    "type": "object",
    "required": ["rooms"],
    "properties": {
        "rooms": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["roomId", "players", "moveCount"],
                "properties": {
                    "roomId": {"type": "string"},
                    "players": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "username"],
                            "properties": {"id": {"type": "string"}, "username": {"type": "string"}},
                        },
                    },
                    "moveCount": {"type": "integer"},
                },
            },
        }
    },
}
_OF_ALGORITHMIC, _OF_LEARNED = "Of algorithmic bots, which need it.", "Of learned bots"
_STARS: Final[_Schema] = {"type": "number", "minimum": LEAST_STARS, "maximum": MOST_STARS}
_THRESHOLD: Final[_Schema] = {"type": "integer", "minimum": 1, "maximum": MOST_THRESHOLD}
_NAME: Final[_Schema] = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_BOT_CHANGE: Final[_Schema] = {
    "type": "object",
    "properties": {
        "name": {**_NAME, "description": "The tenant's own; players do not see it."},
        "displayName": {**_NAME, "description": "What opponents see."},
        "difficulty": {"type": "string", "enum": [level.value for level in Level], "description": _OF_ALGORITHMIC},
        "targetRating": {**_STARS, "description": f"{_OF_LEARNED}, which need it: how strong it shall be, in stars."},
        "matchmakingWeight": {
            "type": "number",
            "minimum": 0,
            "maximum": HEAVIEST,
            "default": USUAL_WEIGHT,
            "description": "How often this one comes, beside the tenant's others; 0 is never.",
        },
        "retrainThreshold": {
            **_THRESHOLD,
            "default": USUAL_THRESHOLD,
            "description": f"{_OF_LEARNED}: after so many more matches it is trained by itself.",
        },
    },
}
_BOT_ORDER: Final[_Schema] = {
    "type": "object",
    "required": ["game", "name", "playerId", "displayName", "botType"],
    "properties": {
        "game": {"type": "string", "enum": [game.value for game in Game]},
        "playerId": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_ID,
            "description": "The id of an account of the tenant's: no session is made for it any more.",
        },
        "botType": {"type": "string", "enum": [kind.value for kind in BotType]},
        **_BOT_CHANGE["properties"],
    },
}
_TRAINING: Final[_Schema] = {
    "type": ["object", "null"],
    "description": "Of learned bots: when it learned, from how many matches, and how many positions it knows.",
    "required": ["status", "error", "trainedAt", "matches", "positions"],
    "properties": {
        "status": {"type": "string", "enum": ["none", "waiting", "running", "done", "failed"]},
        "error": {"type": ["string", "null"]},
        "trainedAt": {"type": ["string", "null"], "format": "date-time"},
        "matches": {"type": "integer"},
        "positions": {"type": "integer"},
    },
}
_AGAINST: Final[_Schema] = {
    "type": "object",
    "required": ["games", "score"],
    "properties": {"games": {"type": "integer"}, "score": {"type": "number"}},
}
_STRENGTH: Final[_Schema] = {
    "type": ["object", "null"],
    "description": "Of learned bots: measured after training in `games` against the built-in levels.",
    "required": ["games", "against", "rating", "deviation", "stars"],
    "properties": {
        "games": {"type": "integer"},
        "against": {"type": "object", "properties": {level.value: _AGAINST for level in Level}},
        "rating": {"type": ["integer", "null"], "description": "Glicko-2, with `easy` at 1200 and `hard` at 1800."},
        "deviation": {"type": ["integer", "null"]},
        "stars": {"type": ["number", "null"], "description": "1 is `easy`, 3 `medium`, 5 `hard`."},
    },
}
_BOT: Final[_Schema] = {
    "type": "object",
    "required": [
        *("id", "game", "mode", "name", "playerId", "displayName", "botType", "difficulty", "targetRating"),
        *("matchmakingWeight", "retrainThreshold", "isReady", "training", "strength", "createdAt"),
    ],
    "properties": {
        **_BOT_ORDER["properties"],
        "id": {"type": "string"},
        "mode": {"type": "string", "enum": ["live", "test"], "description": "The key's."},
        "difficulty": {"type": ["string", "null"]},
        "targetRating": {"type": ["number", "null"]},
        "retrainThreshold": {"type": ["integer", "null"]},
        "isReady": {"type": "boolean", "description": "Whether it comes: a learned one once it was trained."},
        "training": _TRAINING,
        "strength": _STRENGTH,
        "createdAt": {"type": "string", "format": "date-time"},
    },
}
_BOTS: Final[_Schema] = {
    "type": "object",
    "required": ["bots"],
    "properties": {"bots": {"type": "array", "items": _BOT}},
}
_ERROR: Final[_Schema] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "A text, in the documented words where there are any."},
        "code": {"type": "string", "description": "Of webhooks: a code for programs."},
        "requestId": {"type": "string", "description": "With a 500: what to name when asking about it."},
    },
}
_REFUSALS: Final[Mapping[str, tuple[str, ...]]] = {
    "400": (
        "game is required",
        f"Invalid game. Valid: {', '.join(GAMES)}",
        "players[] required for live and test sessions",
        "subway-runner only supports matchType: bot",
        "botType is required",
        "The player user_123 is reserved for a bot",
    ),
    "401": ("Missing Authorization header", "Invalid or inactive API key"),
    "403": ("Origin not allowed for this API key", "Test API key cannot create live sessions"),
    "404": ("Session not found", "Room code is invalid or has expired", "Bot not found"),
    "409": (
        "Idempotency-Key was used for another request",
        "This session has both of its players",
        "This player has a bot of this game already",
        "A tenant has 20 bots at most",
    ),
    "413": ("Request Entity Too Large",),
    "429": ("Rate limit exceeded", "Monthly session quota exceeded"),
    "500": ("Something went wrong on our side",),
    "503": ("The database does not answer at the moment.",),
}
_ANN: Final = {"id": "user_123", "displayName": "Ann"}
_ABOUT: Final = {"game": "chess", "mode": "live", "matchType": "matchmaking"}
_TICKET_SHOWN: Final = {
    "sessionId": _SESSION_ID,
    "sessionToken": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…",
    "expiresIn": 300,
    "expiresAt": "2026-03-16T02:00:00.000Z",
    **_ABOUT,
    "roomCode": None,
    "players": [_ANN],
    "theme": {"primaryColor": "#ff6b00"},
    "webhooksEnabled": True,
}
_SESSION_SHOWN: Final = {
    "id": _SESSION_ID,
    "sessionId": _SESSION_ID,
    **_ABOUT,
    "status": "ended",
    "players": [_ANN],
    "result": {"winner": "user_123", "reason": "checkmate", "duration": 342, "moveCount": 38, "pgn": "1. e4 e5 …"},
}
_ROOM_SHOWN: Final = {
    "roomId": "room_abc123",
    "players": [{"id": "user_123", "username": "Ann"}, {"id": "user_456", "username": "Bob"}],
    "moveCount": 14,
}

_BOT_ORDERED: Final = {
    "game": "connect4",
    "name": "Evening bot",
    "playerId": "user_777",
    "displayName": "Robin",
    "botType": "learned",
    "targetRating": 4,
    "matchmakingWeight": 100,
    "retrainThreshold": 50,
}
_BOT_SHOWN: Final = {
    "id": "bot3k8v0q1m5x7c9z2b4n6",
    "mode": "live",
    **_BOT_ORDERED,
    "difficulty": None,
    "isReady": True,
    "training": {
        "status": "done",
        "error": None,
        "trainedAt": "2026-03-16T02:00:00.000Z",
        "matches": 412,
        "positions": 305,
    },
    "strength": {
        "games": 30,
        "against": {
            "easy": {"games": 10, "score": 9},
            "medium": {"games": 10, "score": 7.5},
            "hard": {"games": 10, "score": 3},
        },
        "rating": 1620,
        "deviation": 76,
        "stars": 3.8,
    },
    "createdAt": "2026-03-15T12:00:00.000Z",
}


def paths() -> dict[str, Any]:
    """Every path of the tenants' API but for webhooks, which describe themselves, under both prefixes."""
    found: dict[str, Any] = {}
    for prefix in PREFIXES:
        ending = "" if prefix == "/v1" else "Too"
        for path, method, operation in _operations():
            named = {**operation, "operationId": operation["operationId"] + ending}
            found.setdefault(prefix + path, {})[method] = named
    return found


def refusals() -> dict[str, Any]:
    """Each status with which an operation may refuse, and how that reads."""
    return {refusal: _refused(texts) for refusal, texts in _REFUSALS.items()}


def _operations() -> list[tuple[str, str, _Schema]]:
    key = _header("Idempotency-Key", "With the same key and body the answer is the same session.", 255)
    session_id = {"name": "session_id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 64}}
    game = _query("game", _GAME)
    return [
        (
            "/sessions",
            "post",
            _operation(
                "createTenantSession",
                "A new session with the token for its player.",
                ("201", _TICKET, _TICKET_SHOWN),
                parameters=[key],
                body=(_ORDER, {"game": "chess", "players": [_ANN]}),
            ),
        ),
        (
            "/sessions/join",
            "post",
            _operation(
                "joinTenantSession",
                "The host's friend comes in by a room code, and gets a token of their own; again the same one.",
                ("200", _TICKET, _TICKET_SHOWN),
                body=(_JOIN, {"roomCode": "A3F9C1", "game": "chess", "player": _ANN}),
            ),
        ),
        (
            "/sessions/validate",
            "get",
            _operation(
                "validateTenantSession",
                "What became of a token's session; after its end for ever. The token is the proof.",
                ("200", _VALID, {"valid": True, **_SESSION_SHOWN}),
                parameters=[_query("token", {"type": "string"}, is_required=True)],
                is_open=True,
            ),
        ),
        (
            "/sessions/{session_id}",
            "get",
            _operation(
                "getTenantSession",
                "One session of this tenant. Another game than its own is not found.",
                ("200", _SESSION, _SESSION_SHOWN),
                parameters=[session_id, game],
            ),
        ),
        (
            "/rooms",
            "get",
            _operation(
                "listTenantRooms",
                "The tenant's matches that may be watched. A session's token, or the origin of a page that the tenant"
                " alone lists, does in place of the key.",
                ("200", _ROOMS, {"rooms": [_ROOM_SHOWN]}),
                parameters=[_query("game", _GAME, is_required=True)],
            ),
        ),
        *_of_bots(),
    ]


def _of_bots() -> list[tuple[str, str, _Schema]]:
    bot_id = {"name": "bot_id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 64}}
    one = [bot_id]
    return [
        (
            "/bots",
            "get",
            _operation("listTenantBots", "The bots of the key's environment.", ("200", _BOTS, {"bots": [_BOT_SHOWN]})),
        ),
        (
            "/bots",
            "post",
            _operation(
                "createTenantBot",
                "A bot that meets in matchmaking whom nobody else met for 15 seconds or would meet within a minute.",
                ("201", _BOT, _BOT_SHOWN),
                body=(_BOT_ORDER, _BOT_ORDERED),
            ),
        ),
        (
            "/bots/{bot_id}",
            "get",
            _operation("getTenantBot", "One bot.", ("200", _BOT, _BOT_SHOWN), parameters=one),
        ),
        (
            "/bots/{bot_id}",
            "patch",
            _operation(
                "changeTenantBot",
                "Other fields of a bot; `game`, `playerId` and `botType` stay.",
                ("200", _BOT, _BOT_SHOWN),
                parameters=one,
                body=(_BOT_CHANGE, {"matchmakingWeight": 20}),
            ),
        ),
        (
            "/bots/{bot_id}",
            "delete",
            _operation(
                "deleteTenantBot",
                "It meets nobody any more. Its matches that go on are played to their end.",
                ("204", None, None),
                parameters=one,
            ),
        ),
        (
            "/bots/{bot_id}/train",
            "post",
            _operation(
                "trainTenantBot",
                "A learned bot learns from what was played, once in ten minutes; `training` tells how far that is.",
                ("202", _BOT, _BOT_SHOWN),
                parameters=one,
            ),
        ),
    ]


def _operation(
    name: str,
    description: str,
    answer: tuple[str, _Schema | None, object],
    *,
    parameters: list[_Schema] | None = None,
    body: tuple[_Schema, object] | None = None,
    is_open: bool = False,
) -> _Schema:
    status, schema, shown = answer
    content = {} if schema is None else {"content": _json(schema, shown)}
    operation: _Schema = {
        "tags": ["Arena"],
        "operationId": name,
        "description": description,
        "parameters": parameters or [],
        "responses": {
            status: {"description": "As asked for.", **content},
            **refusals(),
        },
        "security": [] if is_open else [{TENANT: []}],
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(*body)}
    return operation


def _refused(texts: tuple[str, ...]) -> _Schema:
    told = "\n".join(f"- `{text}`" for text in texts)
    return {"description": told, "content": _json(_ERROR, {"error": texts[0]})}


def _json(schema: _Schema, shown: object) -> _Schema:
    return {"application/json": {"schema": schema, "example": shown}}


def _query(name: str, schema: _Schema, *, is_required: bool = False) -> _Schema:
    return {"name": name, "in": "query", "required": is_required, "schema": schema}


def _header(name: str, description: str, longest: int) -> _Schema:
    schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[\x21-\x7e]+$"}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}
