"""Reading what clients say: total over whatever a stranger may send. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from matches.reading import flag, mapping, text, whole
from matches.values import Game

_LONGEST_ID: Final = 128
_SQUARE: Final = re.compile(r"[a-h][1-8]")


class Said(Exception):
    """What a client said cannot be done: it is told why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fields_of(data: object) -> Mapping[str, object]:
    try:
        return mapping({} if data is None else data)
    except ValueError as error:
        raise Said("malformed", "An event carries one object.") from error


def text_of(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    try:
        return text(value, _LONGEST_ID)
    except ValueError as error:
        raise Said("malformed", f"{name} must be text of at most {_LONGEST_ID} characters.") from error


def square_of(game: Game, fields: Mapping[str, object]) -> int | str | None:
    """`position`: a square of chess by its name, a cell of any other board by its number. None where it is left out."""
    value = fields.get("position")
    if value is None:
        return None
    try:
        return _square(value) if game == Game.CHESS else whole(value, 0, 63)
    except ValueError as error:
        raise Said("malformed", "position is a number from 0 to 63, in chess a square such as e2.") from error


def walk_in_order(game: Game, player_id: str, fields: Mapping[str, object]) -> dict[str, object]:
    """What a `matchmaking:join` without a session orders, in the fields of `POST /v1/sessions`. Raises `Said`."""
    name = fields.get("username")
    if not isinstance(name, str) or not name.strip():
        raise Said("malformed", "username is required.")
    try:
        wants_bot = flag(fields.get("wantsBot") or False)
    except ValueError as error:
        raise Said("malformed", "wantsBot must be true or false.") from error
    order: dict[str, object] = {
        "game": game.value,
        "matchType": "bot" if wants_bot else "matchmaking",
        "players": [{"id": player_id, "displayName": name}],
    }
    return order | {"botDifficulty": fields.get("botDifficulty")} if wants_bot else order


def token_of(handshake: Mapping[str, Any], auth: object) -> object:
    """From `auth.token`, from the query, or from the header: in this order."""
    if isinstance(auth, dict) and auth.get("token"):
        return auth["token"]
    queried = parse_qs(str(handshake.get("QUERY_STRING", ""))).get("token")
    if queried:
        return queried[0]
    scheme, _, secret = str(handshake.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _square(value: object) -> str:
    square = text(value, 2)
    if not _SQUARE.fullmatch(square):
        raise ValueError("not a square")
    return square
