"""How levels fall short of the best, and how long they seem to think."""

from collections import Counter
from random import Random

import pytest

from matches.bots.habits import Habits, Scored, picked
from matches.bots.levels import Level, one_of, thinking_ms
from matches.values import Game
from tests.unit.matches.chance import Drawn

FOUND = [Scored("bad", -300), Scored("good", 20), Scored("best", 50), Scored("as good", 50)]

SPANS_MS = {
    Game.CHESS: ((500, 1_500), (1_000, 3_000), (2_000, 5_000)),
    Game.CHECKERS: ((300, 800), (500, 1_200), (800, 1_500)),
    Game.CONNECT4: ((300, 800), (500, 1_200), (800, 1_500)),
    Game.TICTACTOE: ((300, 800), (500, 1_200), (800, 1_500)),
}


@pytest.mark.parametrize("game", Game)
def test_a_bot_thinks_for_as_long_as_the_pages_say(game: Game) -> None:
    for level, (least, most) in zip(Level, SPANS_MS[game], strict=True):
        assert [thinking_ms(game, level, Drawn(number)) for number in (0, 1 - 2**-53)] == [least, most]


def test_one_of_takes_each_as_often() -> None:
    assert [one_of("abc", Drawn(number)) for number in (0, 0.33, 0.34, 0.66, 0.67, 1 - 2**-53)] == list("aabbcc")


def test_without_habits_only_the_best_are_played_and_each_of_them() -> None:
    draws = Random(1)
    played = Counter(picked(FOUND, Habits(blunders=0, slack=0), draws) for _ in range(200))
    assert set(played) == {"best", "as good"}
    assert min(played.values()) > 70


def test_slack_lets_worse_moves_through_up_to_its_size() -> None:
    draws = Random(2)
    played = Counter(picked(FOUND, Habits(blunders=0, slack=40), draws) for _ in range(1_000))
    assert set(played) == {"best", "as good", "good"}
    assert 0 < played["good"] < 100
    assert picked(FOUND, Habits(blunders=0, slack=29), Drawn(0, 1 - 2**-53)) != "good"


def test_a_blunder_is_any_move() -> None:
    draws = Random(3)
    played = Counter(picked(FOUND, Habits(blunders=0.4, slack=0), draws) for _ in range(1_000))
    assert 60 < played["bad"] < 140
    assert picked(FOUND, Habits(blunders=0.4, slack=0), Drawn(0.39, 0)) == "bad"
    assert picked(FOUND, Habits(blunders=0.4, slack=0), Drawn(0.4)) == "best"
