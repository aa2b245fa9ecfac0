"""Which orders of bots are taken, and what may be changed of one."""

from typing import Any

import pytest

from matches.bots.levels import Level
from matches.values import Game
from orchestrator.arena.bot_orders import BotType, changed, ordered
from orchestrator.errors import InvalidRequest

BASE: dict[str, Any] = {"game": "chess", "name": "Evenings", "playerId": "robin", "displayName": "Robin"}
BUILT_IN: dict[str, Any] = {**BASE, "botType": "algorithmic", "difficulty": "easy"}
LEARNED: dict[str, Any] = {**BASE, "botType": "learned", "targetRating": 4}


def test_an_algorithmic_bot_has_a_level() -> None:
    order = ordered(BUILT_IN)
    assert (order.game, order.name, order.player_id, order.display_name) == (Game.CHESS, "Evenings", "robin", "Robin")
    assert (order.bot_type, order.difficulty, order.matchmaking_weight) == (BotType.ALGORITHMIC, Level.EASY, 100)
    assert (order.target_rating, order.retrain_threshold) == (None, None)


def test_a_learned_bot_has_stars_and_a_threshold() -> None:
    order = ordered(LEARNED)
    assert (order.bot_type, order.difficulty) == (BotType.LEARNED, None)
    assert (order.target_rating, order.retrain_threshold) == (4, 50)
    said = ordered({**LEARNED, "targetRating": 4.5, "matchmakingWeight": 0, "retrainThreshold": 7})
    assert (said.target_rating, said.matchmaking_weight, said.retrain_threshold) == (4.5, 0, 7)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({**BUILT_IN, "game": None}, "game is required"),
        ({**BUILT_IN, "game": ""}, "game is required"),
        ({**BUILT_IN, "game": "subway-runner"}, "Invalid game. Valid: chess, checkers, connect4, tictactoe"),
        ({**BUILT_IN, "game": ["chess"]}, "Invalid game. Valid: chess, checkers, connect4, tictactoe"),
        ({**BUILT_IN, "name": " "}, "name is required"),
        ({**BUILT_IN, "name": 7}, "name must be text of at most 100 characters"),
        ({**BUILT_IN, "playerId": None}, "playerId is required"),
        ({**BUILT_IN, "playerId": "x" * 129}, "playerId must be text of at most 128 characters"),
        ({**BUILT_IN, "displayName": "x" * 101}, "displayName must be text of at most 100 characters"),
        ({**BUILT_IN, "botType": None}, "botType is required"),
        ({**BUILT_IN, "botType": "magic"}, "Invalid botType. Valid: algorithmic, learned"),
        ({**BUILT_IN, "difficulty": None}, "difficulty is required for algorithmic bots"),
        ({**BUILT_IN, "difficulty": "godlike"}, "Invalid difficulty. Valid: easy, medium, hard"),
        ({**BUILT_IN, "targetRating": 4}, "targetRating is for learned bots"),
        ({**BUILT_IN, "retrainThreshold": 4}, "retrainThreshold is for learned bots"),
        ({**BUILT_IN, "matchmakingWeight": -1}, "matchmakingWeight must be a number from 0 to 1,000"),
        ({**BUILT_IN, "matchmakingWeight": 1e9}, "matchmakingWeight must be a number from 0 to 1,000"),
        ({**BUILT_IN, "matchmakingWeight": float("nan")}, "matchmakingWeight must be a number from 0 to 1,000"),
        ({**BUILT_IN, "matchmakingWeight": True}, "matchmakingWeight must be a number from 0 to 1,000"),
        ({**LEARNED, "difficulty": "easy"}, "difficulty is for algorithmic bots"),
        ({**LEARNED, "targetRating": None}, "targetRating is required for learned bots"),
        ({**LEARNED, "targetRating": 2.9}, "targetRating must be a number from 3 to 5"),
        ({**LEARNED, "targetRating": "4"}, "targetRating must be a number from 3 to 5"),
        ({**LEARNED, "retrainThreshold": 5_001}, "retrainThreshold must be a whole number from 1 to 5,000"),
        ({**LEARNED, "retrainThreshold": 1.5}, "retrainThreshold must be a whole number from 1 to 5,000"),
    ],
)
def test_what_is_refused_says_why(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ordered(fields)
    assert refused.value.message == message


@pytest.mark.parametrize("fields", [BUILT_IN, LEARNED])
def test_an_order_is_the_same_when_it_is_ordered_again(fields: dict[str, Any]) -> None:
    order = ordered(fields)
    assert ordered(order.fields()) == order
    assert changed(order, {}) == order
    assert changed(order, {"game": "chess", "playerId": "robin", "botType": fields["botType"]}) == order


def test_a_change_keeps_what_it_does_not_name() -> None:
    order = changed(ordered({**LEARNED, "matchmakingWeight": 5}), {"name": "Nights", "targetRating": 3})
    assert (order.name, order.target_rating, order.matchmaking_weight) == ("Nights", 3, 5)
    assert changed(order, {"matchmakingWeight": None}).matchmaking_weight == 100


@pytest.mark.parametrize("name", ["game", "playerId", "botType"])
def test_what_a_bot_is_stays(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} cannot be changed"):
        changed(ordered(BUILT_IN), {name: "learned"})


def test_a_change_is_read_like_an_order() -> None:
    with pytest.raises(InvalidRequest, match="targetRating is for learned bots"):
        changed(ordered(BUILT_IN), {"targetRating": 4})
