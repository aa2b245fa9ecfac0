"""Clocks, flags and idleness."""

import pytest

from matches.deadlines import afk_status, next_deadline
from matches.events import AfkCleared, AfkWarned, Ended, MoveMade, MoveSent, Outage, Refused
from matches.refusals import Refusal
from matches.state import End, clocks_at
from matches.terms import Afk, Terms, agreed, documented_afk
from matches.values import Game, Reason
from tests.unit.matches.table import START_MS, Table

TIMED = Terms(Game.CHESS, None, clock_ms=60_000)


def test_a_clock_runs_on_ones_own_turn_only() -> None:
    table = Table(Game.CHESS, TIMED)
    table.at(10).move("e4")
    table.at(13).move("e5")
    assert clocks_at(table.match, START_MS + 20_000) == (43_000, 57_000)


def test_a_flag_falls_at_its_moment_however_late_somebody_looks() -> None:
    table = Table(Game.CHESS, TIMED)
    table.at(10).move("e4")
    assert next_deadline(table.match) == START_MS + 70_000
    assert table.at(69.999).look() == ()
    assert table.at(500).look() == (Ended(End(0, Reason.TIMEOUT, START_MS + 70_000)),)
    assert clocks_at(table.match, table.now_ms) == (50_000, 0)
    assert next_deadline(table.match) is None


def test_a_clock_that_nobody_looked_at_in_time_shows_nothing_rather_than_less() -> None:
    assert clocks_at(Table(Game.CHESS, TIMED).match, START_MS + 999_000) == (0, 60_000)


def test_a_move_behind_the_flag_changes_no_board() -> None:
    table = Table(Game.CHESS, TIMED)
    over, refused = table.at(60).move("e4")
    assert over == Ended(End(1, Reason.TIMEOUT, START_MS + 60_000))
    assert refused == Refused(0, Refusal.MATCH_OVER)
    assert table.match.plies == ()


def test_time_never_runs_back() -> None:
    table = Table(Game.CHESS, TIMED)
    table.at(10).move("e4")
    table.at(5).move("e5")
    assert table.match.clocks_ms == (50_000, 60_000)
    assert table.match.plies[-1].at_ms == START_MS + 10_000
    assert clocks_at(table.match, START_MS) == (50_000, 60_000)


@pytest.mark.parametrize(
    ("game", "warned_s", "forfeit_s"), [(Game.TICTACTOE, 40, 60), *((each, 60, 90) for each in list(Game)[:3])]
)
def test_who_idles_is_warned_once_and_then_loses(game: Game, warned_s: int, forfeit_s: int) -> None:
    table = Table(game)
    assert next_deadline(table.match) == START_MS + warned_s * 1000
    assert afk_status(table.match) is None
    assert table.at(warned_s - 0.001).look() == ()
    assert table.at(warned_s).look() == (AfkWarned(0, forfeit_s - warned_s),)
    assert table.at(warned_s + 1).look() == ()
    assert afk_status(table.match) == (0, START_MS + forfeit_s * 1000)
    assert next_deadline(table.match) == START_MS + forfeit_s * 1000
    assert table.at(forfeit_s).look() == (Ended(End(1, Reason.AFK_TIMEOUT, START_MS + forfeit_s * 1000)),)
    assert afk_status(table.match) is None


def test_a_late_warning_says_what_is_left() -> None:
    table = Table(Game.CHECKERS)
    assert table.at(60.4).look() == (AfkWarned(0, 30),)
    assert Table(Game.CHECKERS).at(85.1).look() == (AfkWarned(0, 5),)


def test_a_move_clears_the_warning_and_starts_the_others_time() -> None:
    table = Table(Game.CONNECT4)
    table.at(60).look()
    cleared, made = table.at(61).move(3)
    assert cleared == AfkCleared(0)
    assert isinstance(made, MoveMade)
    assert afk_status(table.match) is None
    assert next_deadline(table.match) == START_MS + 121_000


def test_a_move_just_after_the_moment_of_a_warning_is_still_a_move() -> None:
    warned, cleared, made = Table(Game.CONNECT4).at(60).move(3)
    assert (warned, cleared) == (AfkWarned(0, 30), AfkCleared(0))
    assert isinstance(made, MoveMade)


def test_a_refused_move_is_no_sign_of_life() -> None:
    table = Table(Game.TICTACTOE)
    table.at(59).tell(MoveSent(0, {"position": 99}))
    assert table.at(60).look() == (Ended(End(1, Reason.AFK_TIMEOUT, START_MS + 60_000)),)


def test_a_bot_is_never_idle() -> None:
    table = Table(Game.TICTACTOE, Terms(Game.TICTACTOE, documented_afk(Game.TICTACTOE), bot_seat=1))
    table.move(4)
    assert next_deadline(table.match) is None
    assert table.at(5_000).look() == ()


def test_without_a_limit_nobody_is_idle() -> None:
    table = Table(Game.CHECKERS, Terms(Game.CHECKERS, None))
    assert next_deadline(table.match) is None
    assert table.at(100_000).look() == ()


def test_the_clock_comes_before_idleness_in_the_same_moment() -> None:
    table = Table(Game.CHESS, Terms(Game.CHESS, Afk(60_000, 0), clock_ms=60_000))
    assert table.at(60).look() == (Ended(End(1, Reason.TIMEOUT, START_MS + 60_000)),)


def test_an_outage_of_ours_counts_against_nobody() -> None:
    table = Table(Game.CHESS)
    table.at(10).move("e4")
    assert table.at(300).tell(Outage(280_000)) == ()
    assert clocks_at(table.match, table.now_ms) == (590_000, 590_000)
    assert next_deadline(table.match) == START_MS + 350_000  # ten of the sixty seconds had passed
    table.at(301).tell(Outage(10_000_000))
    assert clocks_at(table.match, table.now_ms) == (590_000, 600_000)
    assert next_deadline(table.match) == START_MS + 361_000  # the turn begins now, not later


def test_an_outage_after_the_end_changes_nothing() -> None:
    table = Table(Game.CHESS, TIMED)
    table.at(60).look()
    before = table.match
    assert table.at(90).tell(Outage(50_000)) == ()
    assert table.match is before


def test_what_was_due_before_an_outage_is_still_due() -> None:
    table = Table(Game.CHESS, TIMED)
    assert table.at(100).tell(Outage(30_000)) == (Ended(End(1, Reason.TIMEOUT, START_MS + 90_000)),)


def test_two_who_differ_about_idling_get_what_both_can_live_with() -> None:
    short, long = Afk(30_000, 10_000), Afk(90_000, 30_000)
    assert agreed(None, None) is None
    assert agreed(None, short) == agreed(short, None) == short
    assert agreed(short, long) == agreed(long, short) == long


@pytest.mark.parametrize(("timeout_ms", "warn_ms"), [(0, 0), (10, 10), (10, -1), (-5, -5)])
def test_a_warning_that_cannot_be_is_no_terms(timeout_ms: int, warn_ms: int) -> None:
    with pytest.raises(ValueError, match="before its timeout"):
        Afk(timeout_ms, warn_ms)
