"""Bots that learn from a tenant's matches, and what they may claim."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matches.bots import learned
from matches.bots.learned import LEAST_MATCHES, LEVEL_RATINGS, Lessons, Record, Tried
from matches.bots.levels import Draws, Level
from matches.ratings import Rating
from matches.rules import RULES
from matches.values import Game, Json, Ply, Reason, Seat
from tests.unit.matches.boards import line, random_game
from tests.unit.matches.chance import Drawn

ITALIAN, PETROV = ["e4", "e5", "Nf3", "Nc6"], ["e4", "e5", "Nf3", "Nf6"]


def records(*games: tuple[list[str], int | None]) -> list[Record]:
    seats: dict[int | None, Seat | None] = {0: 0, 1: 1, None: None}
    return [Record(line(Game.CHESS, moves), seats[winner]) for moves, winner in games]


def remembered(lessons: Lessons, plies: Sequence[Ply], draws: Draws) -> dict[str, Json] | None:
    here = learned.place(lessons.game, plies)
    return None if here is None else learned.chosen(lessons.moves.get(here, {}), draws)


def san(lessons: Lessons, moves: list[str], draw: float = 0) -> object:
    payload = remembered(lessons, line(Game.CHESS, moves), Drawn(draw))
    return None if payload is None else RULES[Game.CHESS].play(line(Game.CHESS, moves), payload).move.wire()["san"]


def test_what_went_best_is_played() -> None:
    lessons = learned.learned(Game.CHESS, records((ITALIAN, 1), (ITALIAN, 1), (PETROV, 0), (PETROV, 0), (PETROV, 1)))
    assert lessons.matches == 5
    assert san(lessons, ITALIAN[:3]) == "Nc6"
    worse = learned.learned(Game.CHESS, records((ITALIAN, 0), (ITALIAN, 0), (PETROV, None), (PETROV, None)))
    assert san(worse, ITALIAN[:3]) == "Nf6"


def test_what_went_badly_is_left_to_search() -> None:
    lessons = learned.learned(Game.CHESS, records(*[(ITALIAN, 0)] * 3))
    assert san(lessons, ITALIAN[:3]) is None
    assert san(lessons, []) == "e4"


def test_of_what_went_as_well_chance_takes_one() -> None:
    lessons = learned.learned(Game.CHESS, records(*[(ITALIAN, 1), (PETROV, 1)] * 2))
    assert {san(lessons, ITALIAN[:3], draw) for draw in (0, 0.5)} == {"Nc6", "Nf6"}


def test_what_was_seen_rarely_is_not_known() -> None:
    assert san(learned.learned(Game.CHESS, records(*[(ITALIAN, 1)] * (LEAST_MATCHES - 1))), ITALIAN[:3]) is None
    once = learned.learned(Game.CHESS, records((ITALIAN, 1), (PETROV, 0), (["e4", "e5", "Nf3", "d6"], 0)))
    assert san(once, ITALIAN[:3]) is None


def test_a_bot_does_not_go_round_in_what_it_knows() -> None:
    round_ = ["Nf3", "Nf6", "Ng1", "Ng8"]
    lessons = learned.learned(Game.CHESS, records(*[(round_, 0)] * 3))
    assert san(lessons, []) == "Nf3"
    assert san(lessons, round_) is None


def test_no_more_is_kept_than_is_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MOST_POSITIONS", 2)
    lessons = learned.learned(Game.CHESS, records((ITALIAN, 1), (ITALIAN, 1), (PETROV, 1), (["e4", "c5"], 1)))
    assert [sum(tried.times for tried in moves.values()) for moves in lessons.moves.values()] == [4, 4]


@pytest.mark.parametrize("game", Game)
def test_what_is_remembered_is_legal(game: Game) -> None:
    games = [random_game(game, seed) for seed in range(3)]
    taught = [Record(plies, played.verdict.winner if played.verdict else None) for plies, played in games]
    lessons = learned.learned(game, taught * LEAST_MATCHES)
    count = 0
    for plies, _ in games:
        for ply in range(min(len(plies), 20)):
            payload = remembered(lessons, plies[:ply], Random(ply))
            if payload is not None:
                RULES[game].play(plies[:ply], payload)
                count += 1
    assert count > 5


def test_what_is_known_of_a_position_travels_as_a_row() -> None:
    lessons = learned.learned(Game.CHESS, records(*[(ITALIAN, 1)] * 3))
    for tried in lessons.moves.values():
        assert learned.tried_from(learned.tried_row(tried)) == tried


@pytest.mark.parametrize("row", [None, [], {"": [1]}, {"": [1, -1]}, {"": [1, "1"]}])
def test_rows_of_anything_else_are_refused(row: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        learned.tried_from(row)


def test_stars_say_at_which_level_the_rest_is_played() -> None:
    assert [learned.fallback(count, Drawn(0)) for count in (3, 4, 5)] == [Level.MEDIUM, Level.HARD, Level.HARD]
    assert [learned.fallback(count, Drawn(0.5)) for count in (3, 4, 5)] == [Level.MEDIUM, Level.MEDIUM, Level.HARD]


def test_strength_is_what_matches_against_the_levels_show() -> None:
    even = learned.strength([(Level.MEDIUM, score) for score in (1, 0, 0.5, 1, 0) * 8])
    assert abs(even.rating - LEVEL_RATINGS[Level.MEDIUM].rating) < 30
    assert even.deviation < 80
    assert learned.stars(even) == pytest.approx(3, abs=0.3)
    assert learned.stars(learned.strength([(level, 0) for level in Level] * 10)) == 1
    assert learned.stars(learned.strength([(level, 1) for level in Level] * 20)) == 5
    assert learned.strength([]).deviation == Rating().deviation


@given(st.integers(0, 1_000), st.integers(0, 2_000))
def test_a_moves_worth_is_a_share_and_never_certain(times: int, half_points: int) -> None:
    assert 0 < Tried(times, min(half_points, 2 * times)).worth < 1


def test_who_went_away_teaches_nothing() -> None:
    untaught = {reason for reason in Reason if not learned.teaches(reason)}
    assert untaught == {Reason.DISCONNECT, Reason.AFK_TIMEOUT}


def test_the_usual_level_is_the_nearer_one() -> None:
    assert [learned.usual(count) for count in (3, 3.9, 4, 5)] == [Level.MEDIUM, Level.MEDIUM, Level.HARD, Level.HARD]


def test_a_bot_is_measured_against_each_level_as_often_in_either_seat() -> None:
    games = [learned.measured(number) for number in range(learned.MEASURED_GAMES)]
    assert {(level, seat): games.count((level, seat)) for level in Level for seat in (0, 1)} == {
        (level, seat): learned.MEASURED_GAMES // 6 for level in Level for seat in (0, 1)
    }
