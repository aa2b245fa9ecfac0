"""Tic-tac-toe's bots: anything, wins and blocks, perfect."""

from collections.abc import Sequence

import pytest

from matches.bots import tictactoe as bot
from matches.bots.levels import Level
from matches.rules import tictactoe
from matches.values import Game, Ply, Seat, turn_of
from tests.unit.matches.boards import line
from tests.unit.matches.chance import each_way


def choices(plies: Sequence[Ply], level: Level) -> set[int]:
    return {int(str(bot.choose(plies, level, draws)["position"])) for draws in each_way()}


def losses(plies: tuple[Ply, ...], hard: Seat, seen: set[str]) -> int:
    """In how many positions `hard` has lost, whatever the other plays and whichever way chance falls."""
    anything = {mark.position for mark in tictactoe.legal(plies)}
    cells = choices(plies, Level.HARD) if turn_of(plies) == hard else anything
    lost = 0
    for cell in cells:
        played = tictactoe.play(plies, {"position": cell})
        if played.after in seen:
            continue
        seen.add(played.after)
        if played.verdict:
            lost += played.verdict.winner not in {hard, None}
        else:
            lost += losses((*plies, Ply(played.move, played.after, 0)), hard, seen)
    return lost


@pytest.mark.parametrize("hard", [0, 1])
def test_hard_never_loses_against_any_play(hard: Seat) -> None:
    seen = set[str]()
    assert losses((), hard, seen) == 0
    assert len(seen) > 50


def test_hard_begins_where_most_answers_are_wrong() -> None:
    assert choices((), Level.HARD) == {0, 2, 6, 8}


def test_medium_wins_before_it_blocks_and_blocks_before_it_plays_anything() -> None:
    assert choices(line(Game.TICTACTOE, [0, 3, 1, 4]), Level.MEDIUM) == {2}
    assert choices(line(Game.TICTACTOE, [0, 3, 1]), Level.MEDIUM) == {2}
    assert choices(line(Game.TICTACTOE, [0, 4]), Level.MEDIUM) == {1, 2, 3, 5, 6, 7, 8}


def test_easy_plays_anything() -> None:
    assert choices(line(Game.TICTACTOE, [0, 3, 1]), Level.EASY) == {2, 4, 5, 6, 7, 8}
