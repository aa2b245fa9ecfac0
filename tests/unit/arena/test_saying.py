"""Strangers' messages are read, or refused by name."""

from typing import Any

import pytest

from matches.values import Game
from orchestrator.arena.saying import Said, fields_of, square_of, text_of, token_of, walk_in_order


def test_an_event_carries_one_object_or_nothing() -> None:
    assert fields_of({"a": 1}) == {"a": 1}
    assert fields_of(None) == {}
    for wrong in ([], "text", 7, b"bytes"):
        with pytest.raises(Said) as refused:
            fields_of(wrong)
        assert refused.value.code == "malformed"


def test_texts_are_short() -> None:
    assert text_of({"roomId": "x"}, "roomId") == "x"
    assert text_of({}, "roomId") is None
    for wrong in (7, True, "x" * 129, {}):
        with pytest.raises(Said, match="roomId must be text"):
            text_of({"roomId": wrong}, "roomId")


@pytest.mark.parametrize(
    ("handshake", "auth", "token"),
    [
        ({"QUERY_STRING": "token=q"}, {"token": "a"}, "a"),
        ({"QUERY_STRING": "EIO=4&token=q", "HTTP_AUTHORIZATION": "Bearer h"}, {"token": ""}, "q"),
        ({"HTTP_AUTHORIZATION": "bearer  h"}, "text", "h"),
        ({"HTTP_AUTHORIZATION": "Basic h"}, None, None),
        ({}, None, None),
    ],
)
def test_a_token_comes_in_three_ways(handshake: dict[str, Any], auth: object, token: str | None) -> None:
    assert token_of(handshake, auth) == token


@pytest.mark.parametrize(
    ("game", "position"), [(Game.CHECKERS, 0), (Game.CHECKERS, 63), (Game.CHESS, "e2"), (Game.CHESS, None)]
)
def test_a_square_is_named_as_its_game_does_or_left_out(game: Game, position: object) -> None:
    assert square_of(game, {"position": position}) == position


@pytest.mark.parametrize(
    ("game", "position"),
    [(Game.CHECKERS, 64), (Game.CHECKERS, "e2"), (Game.CHESS, "i2"), (Game.CHESS, "e22"), (Game.CHESS, 12)],
)
def test_no_other_square_is_one(game: Game, position: object) -> None:
    with pytest.raises(Said) as refused:
        square_of(game, {"position": position})
    assert refused.value.code == "malformed"


def test_who_brings_no_session_orders_one() -> None:
    player: list[object] = [{"id": "p1", "displayName": "Ann"}]
    assert walk_in_order(Game.CHESS, "p1", {"username": "Ann", "botDifficulty": "hard"}) == {
        "game": "chess",
        "matchType": "matchmaking",
        "players": player,
    }
    assert walk_in_order(Game.CHESS, "p1", {"username": "Ann", "wantsBot": True, "botDifficulty": "hard"}) == {
        "game": "chess",
        "matchType": "bot",
        "players": player,
        "botDifficulty": "hard",
    }


@pytest.mark.parametrize(
    ("fields", "why"),
    [({}, "username"), ({"username": " "}, "username"), ({"username": "Ann", "wantsBot": "yes"}, "wantsBot")],
)
def test_an_order_needs_a_name_and_a_clear_word(fields: dict[str, object], why: str) -> None:
    with pytest.raises(Said, match=why):
        walk_in_order(Game.CHESS, "p1", fields)
