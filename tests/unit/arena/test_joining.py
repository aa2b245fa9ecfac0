"""What a client may ask for when it joins, and how much it may say."""

from typing import Any

import pytest

from matches.terms import Afk, documented_afk
from matches.values import Game
from orchestrator.arena.afk import wished
from orchestrator.arena.allowance import A_SECOND, BURST, PATIENCE, Allowance


@pytest.mark.parametrize("game", list(Game))
def test_the_clients_word_comes_before_the_sessions(game: Game) -> None:
    assert wished(game, True, {}) == documented_afk(game)
    assert wished(game, False, {}) is None
    assert wished(game, True, {"afkTimeoutEnabled": False}) is None
    assert wished(game, False, {"afkTimeoutEnabled": True}) == documented_afk(game)


def test_two_games_take_other_seconds() -> None:
    assert wished(Game.CONNECT4, True, {"afkTimeoutSeconds": 30, "afkWarnSeconds": 10}) == Afk(30_000, 10_000)
    assert wished(Game.TICTACTOE, True, {"afkTimeoutSeconds": 10}) == Afk(10_000, 9_000)
    assert wished(Game.CHESS, True, {"afkTimeoutSeconds": 30}) == Afk(90_000, 30_000)


@pytest.mark.parametrize(
    "fields",
    [
        {"afkTimeoutSeconds": 4},
        {"afkTimeoutSeconds": 1e9},
        {"afkTimeoutSeconds": 30, "afkWarnSeconds": 30},
        {"afkWarnSeconds": "soon"},
        {"afkTimeoutEnabled": 1},
    ],
)
def test_impossible_times_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not"):
        wished(Game.CONNECT4, True, fields)


def test_an_allowance_is_used_up_and_comes_back() -> None:
    allowance = Allowance()
    assert all(allowance.takes(100.0) for _ in range(int(BURST)))
    assert not allowance.takes(100.0)
    assert allowance.refused == 1
    assert allowance.takes(100.0 + 1.5 / A_SECOND)
    assert not allowance.is_flood


def test_who_was_quiet_for_long_enough_is_forgiven() -> None:
    allowance = Allowance()
    for _ in range(int(BURST) + PATIENCE - 1):
        allowance.takes(100.0)
    assert allowance.takes(100.0 + BURST / A_SECOND)
    assert allowance.refused == 0


def test_too_many_too_many_are_a_flood() -> None:
    allowance = Allowance()
    for _ in range(int(BURST) + PATIENCE):
        allowance.takes(100.0)
    assert allowance.is_flood
