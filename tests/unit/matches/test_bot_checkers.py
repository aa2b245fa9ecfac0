"""Checkers' bots: a mistake now and then, a few turns ahead, many turns ahead."""

from random import Random

import pytest

from matches.bots import checkers as bot
from matches.bots.levels import Level
from matches.rules import checkers, spiel
from matches.values import Game
from tests.unit.matches.boards import random_game
from tests.unit.matches.chance import Drawn


@pytest.mark.parametrize("level", [Level.EASY, Level.MEDIUM])
def test_what_a_bot_plays_is_legal(level: Level) -> None:
    for seed in range(4):
        plies, _ = random_game(Game.CHECKERS, seed)
        for ply in range(0, len(plies), 7):
            checkers.play(plies[:ply], bot.choose(plies[:ply], level, Random(seed)))


def test_the_same_chance_gives_the_same_move() -> None:
    for level in Level:
        assert bot.choose((), level, Random(5)) == bot.choose((), level, Random(5))


def test_a_blunder_of_easy_is_any_turn() -> None:
    turns = checkers.legal(())
    played = [bot.choose((), Level.EASY, Drawn(0, number / len(turns)))["move"] for number in range(len(turns))]
    assert played == [turn.wire() for turn in turns]


def test_more_than_one_capture_is_named_whole() -> None:
    """A red king takes three: the payload says all of them, and is played."""
    plies = next(
        plies[:ply]
        for plies, _ in (random_game(Game.CHECKERS, seed) for seed in range(200))
        for ply in range(len(plies))
        if all(len(turn.captures) > 1 for turn in checkers.legal(plies[:ply]))
    )
    played = checkers.play(plies, bot.choose(plies, Level.MEDIUM, Random(1)))
    assert isinstance(played.move, checkers.CheckersMove)
    assert len(played.move.captures) > 1


def test_pieces_count_for_their_side() -> None:
    """After a man of each was taken nobody is ahead; after one alone, whoever took it."""
    state = spiel.checkers(())
    assert bot.OUTLOOK.worth(state, 0) == bot.OUTLOOK.worth(state, 1) == 0
    plies, _ = random_game(Game.CHECKERS, 1)
    ply = next(ply for ply in range(len(plies)) if plies[ply].after.count("+") == 11)
    state = checkers.state_after(plies[: ply + 1])
    assert bot.OUTLOOK.worth(state, 0) == -bot.OUTLOOK.worth(state, 1)
    assert (bot.OUTLOOK.worth(state, 0) > 80) == (plies[ply].after.count("o") == 12)
