"""What a tenant may order as a session: `POST /v1/sessions` read field by field. Pure.

The texts of refusals are part of the documented API.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from matches.matchmaking import Mode
from matches.reading import flag, items, mapping, text, whole
from matches.values import Game
from orchestrator.errors import Forbidden, InvalidRequest
from orchestrator.tenants.plans import KeyMode
from orchestrator.tenants.theme import SCHEME, theme_of

SUBWAY_RUNNER: Final = "subway-runner"
GAMES: Final = (*(game.value for game in Game), SUBWAY_RUNNER)
GAME_NAMES: Final = {
    "chess": "Chess",
    "checkers": "Checkers",
    "connect4": "Connect four",
    "tictactoe": "Tic-tac-toe",
    SUBWAY_RUNNER: "Subway Runner",
}
"""As people read them."""

T = TypeVar("T")

_LONGEST_ID: Final = 128
_LONGEST_NAME: Final = 100
_LONGEST_THEME: Final = 4_096


class MatchType(StrEnum):
    MATCHMAKING = "matchmaking"
    PRIVATE = "private"
    BOT = "bot"


class Difficulty(StrEnum):
    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Player:
    """`id` is the tenant's own; `display_name` is only shown."""

    id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Order:
    """A session as it was asked for. `players` is empty for training: they are made up, `player_count` of them."""

    game: str
    mode: Mode
    match_type: MatchType
    players: tuple[Player, ...]
    player_count: int
    difficulty: Difficulty
    is_afk_enforced: bool
    theme: Mapping[str, object]

    @property
    def has_room_code(self) -> bool:
        """Whether a friend is still to come."""
        return self.match_type == MatchType.PRIVATE and self.player_count == 1


def game_of(word: object) -> str:
    """One of `GAMES`. InvalidRequest."""
    if word is None or word == "":
        raise InvalidRequest("game is required")
    if word not in GAMES:
        raise InvalidRequest(f"Invalid game. Valid: {', '.join(GAMES)}")
    return str(word)


def player_of(value: object, field: str = "player") -> Player:
    """`{id, displayName}`; who has no name is shown by the id. InvalidRequest."""
    try:
        fields = mapping(value)
        player_id = text(fields.get("id"), _LONGEST_ID)
        name = text(fields.get("displayName") or player_id[:_LONGEST_NAME], _LONGEST_NAME)
    except ValueError as error:
        raise InvalidRequest(f"{field} must be an object {{ id, displayName }}: {error}") from error
    if not player_id.strip():
        raise InvalidRequest(f"{field}.id is required")
    return Player(player_id, name)


def ordered(fields: Mapping[str, object], key: KeyMode) -> Order:
    """What these fields order with a key of this mode. InvalidRequest, Forbidden."""
    game = game_of(fields.get("game"))
    mode = _mode(fields.get("mode"), key)
    match_type = _match_type(fields.get("matchType"), game)
    if mode == Mode.TRAINING:
        if match_type == MatchType.PRIVATE:
            raise InvalidRequest("training sessions cannot be private")
        players, player_count = (), _field(fields, "playerCount", 1, lambda value: whole(value, 1, 2))
    else:
        players = _players(fields.get("players"))
        player_count = len(players)
    if match_type == MatchType.BOT and player_count != 1:
        raise InvalidRequest("bot sessions have one player")
    return Order(
        game,
        mode,
        match_type,
        players,
        player_count,
        _field(fields, "botDifficulty", Difficulty.MEDIUM, Difficulty),
        _field(fields, "afkTimeoutEnabled", True, flag),
        _field(fields, "theme", dict[str, object](), _theme),
    )


def _mode(word: object, key: KeyMode) -> Mode:
    if word is None:
        return Mode(key.value)
    try:
        mode = Mode(text(word, 16))
    except ValueError as error:
        raise InvalidRequest("Invalid mode. Valid: live, test, training") from error
    if key == KeyMode.TEST and mode != Mode.TEST:
        raise Forbidden(f"Test API key cannot create {mode.value} sessions")
    if key == KeyMode.LIVE and mode == Mode.TEST:
        raise Forbidden("Live API key cannot create test sessions")
    return mode


def _match_type(word: object, game: str) -> MatchType:
    if word is None:
        return MatchType.BOT if game == SUBWAY_RUNNER else MatchType.MATCHMAKING
    try:
        match_type = MatchType(text(word, 16))
    except ValueError as error:
        raise InvalidRequest("Invalid matchType. Valid: matchmaking, private, bot") from error
    if game == SUBWAY_RUNNER and match_type != MatchType.BOT:
        raise InvalidRequest("subway-runner only supports matchType: bot")
    return match_type


def _players(value: object) -> tuple[Player, ...]:
    try:
        found = items(value or (), 2)
    except ValueError as error:
        raise InvalidRequest("players[] must be a list of one or two players") from error
    if not found:
        raise InvalidRequest("players[] required for live and test sessions")
    players = tuple(player_of(player, f"players[{index}]") for index, player in enumerate(found))
    if len({player.id for player in players}) != len(players):
        raise InvalidRequest("players[] must be different players")
    return players


def _theme(value: object) -> dict[str, object]:
    theme = dict(mapping(value))
    if len(json.dumps(theme)) > _LONGEST_THEME:
        raise ValueError("larger than 4 KiB")
    theme_of({SCHEME: theme.get(SCHEME)})
    return theme


def _field(fields: Mapping[str, object], name: str, default: T, read: Callable[[Any], T]) -> T:
    value = fields.get(name)
    if value is None:
        return default
    try:
        return read(value)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{name}: {error}") from error
