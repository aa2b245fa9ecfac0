"""Glicko-2 against its paper, and what anybody would expect of a rating."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matches.ratings import Rating, Result, after_match, rated

ratings = st.builds(
    Rating,
    st.floats(min_value=100, max_value=3_000),
    st.floats(min_value=30, max_value=350),
    st.floats(min_value=0.03, max_value=0.1),
)


def test_the_papers_example() -> None:
    results = [Result(Rating(1400, 30), 1), Result(Rating(1550, 100), 0), Result(Rating(1700, 300), 0)]
    after = rated(Rating(1500, 200, 0.06), results)
    assert after.rating == pytest.approx(1464.06, abs=0.01)
    assert after.deviation == pytest.approx(151.52, abs=0.01)
    assert after.volatility == pytest.approx(0.05999, abs=0.00001)


def test_a_player_who_rests_is_less_sure_and_never_less_than_a_newcomer() -> None:
    rested = rated(Rating(1700, 50, 0.06), [])
    assert (rested.rating, rested.volatility) == (1700, 0.06)
    assert rested.deviation == pytest.approx(51.07, abs=0.01)
    assert rated(Rating(1700, 350, 0.06), []).deviation == 350


def test_a_result_that_nobody_expected_makes_the_strength_look_less_steady() -> None:
    assert rated(Rating(1500, 30), [Result(Rating(2600, 30), 1)] * 5).volatility > 0.06


@given(ratings, ratings)
def test_who_wins_rises_and_who_loses_falls(first: Rating, second: Rating) -> None:
    winner, loser = after_match(first, second, 1)
    assert winner.rating > first.rating
    assert loser.rating < second.rating
    assert after_match(second, first, 0) == (loser, winner)


@given(ratings, ratings, st.sampled_from([0, 0.5, 1]))
def test_a_rating_stays_one(first: Rating, second: Rating, score: float) -> None:
    after, _ = after_match(first, second, score)
    assert 0 < after.deviation <= 350
    assert 0 < after.volatility < 1
    assert abs(after.rating - first.rating) < 706  # 350² / 173.7178, and all of it goes to whoever wins for certain


def test_the_strongest_may_meet_the_weakest() -> None:
    winner, loser = after_match(Rating(20_000), Rating(-20_000), 1)
    assert winner.rating == pytest.approx(20_000)
    assert loser.rating == pytest.approx(-20_000)


@given(ratings)
def test_a_draw_of_equals_moves_nobody(player: Rating) -> None:
    assert after_match(player, player, 0.5)[0].rating == pytest.approx(player.rating)
