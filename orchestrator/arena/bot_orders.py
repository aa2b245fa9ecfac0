"""What a tenant may order as a bot: `POST /v1/bots` read field by field, and what may be changed of it later. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from matches.bots.levels import Level
from matches.reading import text, whole
from matches.values import Game
from orchestrator.errors import InvalidRequest

LONGEST_NAME: Final = 100
LONGEST_ID: Final = 128
HEAVIEST: Final = 1_000
USUAL_WEIGHT: Final = 100
LEAST_STARS: Final = 3
MOST_STARS: Final = 5
USUAL_THRESHOLD: Final = 50
MOST_THRESHOLD: Final = 5_000
FIXED: Final = ("game", "playerId", "botType")
"""What stays as it was ordered."""


class BotType(StrEnum):
    ALGORITHMIC = "algorithmic"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class BotOrder:
    """A bot as it was asked for. An algorithmic one has a `difficulty`, a learned one `target_rating` and
    `retrain_threshold`.
    """

    game: Game
    name: str
    player_id: str
    display_name: str
    bot_type: BotType
    difficulty: Level | None
    target_rating: float | None
    matchmaking_weight: float
    retrain_threshold: int | None

    def fields(self) -> dict[str, object]:
        """What would order the same."""
        return {
            "game": self.game.value,
            "name": self.name,
            "playerId": self.player_id,
            "displayName": self.display_name,
            "botType": self.bot_type.value,
            "difficulty": None if self.difficulty is None else self.difficulty.value,
            "targetRating": self.target_rating,
            "matchmakingWeight": self.matchmaking_weight,
            "retrainThreshold": self.retrain_threshold,
        }


def ordered(fields: Mapping[str, object]) -> BotOrder:
    """What these fields order. InvalidRequest."""
    game = _game(fields.get("game"))
    name, player_id = _text(fields, "name", LONGEST_NAME), _text(fields, "playerId", LONGEST_ID)
    display_name = _text(fields, "displayName", LONGEST_NAME)
    bot_type = _bot_type(fields.get("botType"))
    is_learned = bot_type is BotType.LEARNED
    _only(fields, () if is_learned else ("targetRating", "retrainThreshold"), BotType.LEARNED)
    _only(fields, ("difficulty",) if is_learned else (), BotType.ALGORITHMIC)
    return BotOrder(
        game,
        name,
        player_id,
        display_name,
        bot_type,
        None if is_learned else _difficulty(fields.get("difficulty")),
        _number(fields, "targetRating", LEAST_STARS, MOST_STARS, None) if is_learned else None,
        _number(fields, "matchmakingWeight", 0, HEAVIEST, USUAL_WEIGHT),
        _threshold(fields.get("retrainThreshold")) if is_learned else None,
    )


def changed(order: BotOrder, fields: Mapping[str, object]) -> BotOrder:
    """The order with these fields in place of its own; null is what an order has that does not name it. InvalidRequest,
    also for what is `FIXED`.
    """
    known = order.fields()
    for name in FIXED:
        if name in fields and fields[name] != known[name]:
            raise InvalidRequest(f"{name} cannot be changed")
    return ordered({**known, **fields})


def _game(word: object) -> Game:
    if word is None or word == "":
        raise InvalidRequest("game is required")
    try:
        return Game(text(word, 16))
    except ValueError as error:
        raise InvalidRequest(f"Invalid game. Valid: {', '.join(Game)}") from error


def _text(fields: Mapping[str, object], name: str, at_most: int) -> str:
    value = fields.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InvalidRequest(f"{name} is required")
    try:
        return text(value, at_most)
    except ValueError as error:
        raise InvalidRequest(f"{name} must be text of at most {at_most} characters") from error


def _bot_type(word: object) -> BotType:
    if word is None:
        raise InvalidRequest("botType is required")
    try:
        return BotType(text(word, 16))
    except ValueError as error:
        raise InvalidRequest(f"Invalid botType. Valid: {', '.join(BotType)}") from error


def _difficulty(word: object) -> Level:
    if word is None:
        raise InvalidRequest("difficulty is required for algorithmic bots")
    try:
        return Level(text(word, 16))
    except ValueError as error:
        raise InvalidRequest(f"Invalid difficulty. Valid: {', '.join(Level)}") from error


def _number(fields: Mapping[str, object], name: str, least: float, most: float, default: float | None) -> float:
    value = default if fields.get(name) is None else fields[name]
    if value is None:
        raise InvalidRequest(f"{name} is required for learned bots")
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(f"{name} must be a number from {least:,} to {most:,}")
    return value


def _threshold(value: object) -> int:
    try:
        return whole(USUAL_THRESHOLD if value is None else value, 1, MOST_THRESHOLD)
    except ValueError as error:
        raise InvalidRequest(f"retrainThreshold must be a whole number from 1 to {MOST_THRESHOLD:,}") from error


def _only(fields: Mapping[str, object], names: tuple[str, ...], bot_type: BotType) -> None:
    for name in names:
        if fields.get(name) is not None:
            raise InvalidRequest(f"{name} is for {bot_type} bots")
