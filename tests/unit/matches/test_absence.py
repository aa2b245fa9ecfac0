"""Who is away has a minute to come back: what runs meanwhile, and why nobody can stall by it."""

from matches.deadlines import afk_status, next_deadline
from matches.events import AfkWarned, Disconnected, Ended, MoveSent, Outage, Reconnected
from matches.refusals import Refusal
from matches.state import End, clocks_at
from matches.terms import Terms, documented_afk
from matches.values import Game, Reason
from tests.unit.matches.table import START_MS, Table


def test_who_does_not_come_back_loses() -> None:
    table = Table(Game.CHECKERS)
    assert table.at(5).tell(Disconnected(1)) == (Disconnected(1),)
    assert next_deadline(table.match) == START_MS + 60_000  # the other's warning
    table.at(20).move({"from": 40, "to": 33})
    assert table.at(64.999).look() == ()
    assert table.at(70).look() == (Ended(End(0, Reason.DISCONNECT, START_MS + 65_000)),)


def test_who_comes_back_plays_on() -> None:
    table = Table(Game.CHECKERS)
    table.at(5).tell(Disconnected(0))
    assert table.at(64).tell(Reconnected(0)) == (Reconnected(0),)
    assert table.match.away_since_ms == (None, None)
    assert table.at(66).look() == ()


def test_a_second_report_of_the_same_absence_opens_no_second_window() -> None:
    table = Table(Game.CHECKERS)
    table.at(5).tell(Disconnected(0))
    assert table.at(30).tell(Disconnected(0)) == ()
    assert table.at(65).look() == (Ended(End(1, Reason.DISCONNECT, START_MS + 65_000)),)


def test_who_was_never_missed_gets_the_state_all_the_same() -> None:
    table = Table(Game.CHECKERS)
    before = table.match
    assert table.at(5).tell(Reconnected(0)) == (Reconnected(0),)
    assert table.match is before


def test_who_is_away_does_not_move() -> None:
    table = Table(Game.TICTACTOE)
    table.tell(Disconnected(0))
    assert table.refusal(MoveSent(0, {"position": 4})) == Refusal.DISCONNECTED


def test_idle_time_stands_still_for_who_is_away() -> None:
    table = Table(Game.TICTACTOE)
    table.at(45).look()
    table.at(50).tell(Disconnected(0))
    assert afk_status(table.match) is None
    assert next_deadline(table.match) == START_MS + 110_000
    assert table.at(100).look() == ()
    table.at(100).tell(Reconnected(0))
    assert afk_status(table.match) == (0, START_MS + 110_000)
    assert table.at(110).look() == (Ended(End(1, Reason.AFK_TIMEOUT, START_MS + 110_000)),)


def test_idle_time_of_a_turn_that_came_while_away_starts_with_the_return() -> None:
    table = Table(Game.TICTACTOE)
    table.at(2).tell(Disconnected(1))
    table.at(10).move(4)
    table.at(30).tell(Reconnected(1))
    assert next_deadline(table.match) == START_MS + 70_000
    assert table.at(70).look() == (AfkWarned(1, 20),)


def test_the_clock_of_who_is_away_runs_on() -> None:
    table = Table(Game.CHESS, Terms(Game.CHESS, None, clock_ms=30_000))
    table.at(5).tell(Disconnected(0))
    table.at(20).tell(Reconnected(0))
    assert clocks_at(table.match, table.now_ms) == (10_000, 30_000)
    table.at(25).tell(Disconnected(0))
    assert table.at(90).look() == (Ended(End(1, Reason.TIMEOUT, START_MS + 30_000)),)


def test_coming_and_going_in_one_turn_shares_one_window() -> None:
    table = Table(Game.TICTACTOE)
    table.at(0).tell(Disconnected(0))
    table.at(40).tell(Reconnected(0))
    table.at(50).tell(Disconnected(0))
    assert table.at(69.999).look() == ()
    assert table.at(70).look() == (Ended(End(1, Reason.DISCONNECT, START_MS + 70_000)),)


def test_the_next_turn_has_a_window_of_its_own() -> None:
    table = Table(Game.TICTACTOE)
    table.at(0).tell(Disconnected(0))
    table.at(40).tell(Reconnected(0))
    table.at(41).move(4)
    table.at(42).tell(Disconnected(0))
    table.at(43).move(0)
    assert next_deadline(table.match) == START_MS + 102_000


def test_an_absence_in_the_others_turn_takes_nothing_from_ones_window() -> None:
    table = Table(Game.TICTACTOE)
    table.at(1).tell(Disconnected(1))
    table.at(30).tell(Reconnected(1))
    table.at(31).move(4)
    table.at(31).tell(Disconnected(1))
    assert next_deadline(table.match) == START_MS + 91_000


def test_the_absences_of_who_is_on_the_move_take_nothing_from_the_others_window() -> None:
    table = Table(Game.TICTACTOE)
    table.at(0).tell(Disconnected(0))
    table.at(10).tell(Reconnected(0))
    table.at(10).tell(Disconnected(1))
    table.at(11).tell(Disconnected(0))
    table.at(12).tell(Reconnected(0))
    table.at(15).move(4)
    assert next_deadline(table.match) == START_MS + 70_000
    table = Table(Game.TICTACTOE, Terms(Game.TICTACTOE, None))
    table.at(0).tell(Disconnected(0))
    table.at(10).tell(Reconnected(0))
    table.at(10).tell(Disconnected(1))
    assert next_deadline(table.match) == START_MS + 70_000


def test_of_two_who_are_away_the_first_to_run_out_loses() -> None:
    table = Table(Game.TICTACTOE)
    table.at(1).tell(Disconnected(1))
    table.at(2).tell(Disconnected(0))
    assert table.at(100).look() == (Ended(End(0, Reason.DISCONNECT, START_MS + 61_000)),)


def test_of_two_who_left_together_who_was_on_the_move_loses() -> None:
    table = Table(Game.TICTACTOE).moves([4])
    table.at(1).tell(Disconnected(0))
    table.at(1).tell(Disconnected(1))
    assert table.at(100).look() == (Ended(End(0, Reason.DISCONNECT, START_MS + 61_000)),)


def test_a_bot_is_never_away() -> None:
    table = Table(Game.TICTACTOE, Terms(Game.TICTACTOE, documented_afk(Game.TICTACTOE), bot_seat=1))
    assert table.tell(Disconnected(1)) == ()


def test_an_outage_opens_the_window_anew() -> None:
    table = Table(Game.TICTACTOE)
    table.at(10).tell(Disconnected(0))
    table.at(100).tell(Outage(85_000))
    assert next_deadline(table.match) == START_MS + 155_000  # five of the sixty seconds had passed
    table.at(100).tell(Outage(999_000))
    assert next_deadline(table.match) == START_MS + 160_000
