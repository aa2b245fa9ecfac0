"""Draw offers: they stand for one turn of the other, and are no way to pester."""

import pytest

from matches.events import Disconnected, DrawAccepted, DrawDeclined, DrawOffered, Ended, MoveMade
from matches.refusals import Refusal
from matches.values import Game, Reason
from tests.unit.matches.table import Table


def test_an_offer_stands_over_ones_own_move() -> None:
    table = Table(Game.CHESS)
    assert table.tell(DrawOffered(0)) == (DrawOffered(0),)
    (made,) = table.move("e4")
    assert isinstance(made, MoveMade)
    assert table.match.draw_offer == 0
    table.tell(DrawAccepted(1))
    assert table.match.end
    assert table.match.end.reason == Reason.AGREEMENT


def test_a_move_declines_the_others_offer() -> None:
    table = Table(Game.CHESS).moves(["e4"])
    table.tell(DrawOffered(0))
    declined, made = table.move("e5")
    assert declined == DrawDeclined(1)
    assert isinstance(made, MoveMade)
    assert table.refusal(DrawAccepted(1)) == Refusal.NO_DRAW_OFFER


def test_an_offer_can_be_declined() -> None:
    table = Table(Game.CHESS)
    table.tell(DrawOffered(0))
    assert table.tell(DrawDeclined(1)) == (DrawDeclined(1),)
    assert table.match.draw_offer is None


def test_who_offers_back_accepts() -> None:
    table = Table(Game.CHESS)
    table.tell(DrawOffered(0))
    (over,) = table.tell(DrawOffered(1))
    assert isinstance(over, Ended)
    assert over.end.reason == Reason.AGREEMENT


def test_one_may_ask_again_after_a_move_of_each() -> None:
    table = Table(Game.CHESS)
    table.tell(DrawOffered(0))
    assert table.refusal(DrawOffered(0)) == Refusal.DRAW_OFFERED_ALREADY
    table.tell(DrawDeclined(1))
    assert table.refusal(DrawOffered(0)) == Refusal.DRAW_OFFERED_ALREADY
    table.move("e4")
    assert table.refusal(DrawOffered(0)) == Refusal.DRAW_OFFERED_ALREADY
    table.move("e5")
    assert table.tell(DrawOffered(0)) == (DrawOffered(0),)


def test_nobody_accepts_or_declines_what_was_not_offered_to_them() -> None:
    table = Table(Game.CHESS)
    assert table.refusal(DrawAccepted(0)) == Refusal.NO_DRAW_OFFER
    assert table.refusal(DrawDeclined(0)) == Refusal.NO_DRAW_OFFER
    table.tell(DrawOffered(0))
    assert table.refusal(DrawAccepted(0)) == Refusal.NO_DRAW_OFFER
    assert table.refusal(DrawDeclined(0)) == Refusal.NO_DRAW_OFFER


@pytest.mark.parametrize("game", [Game.CHECKERS, Game.CONNECT4, Game.TICTACTOE])
def test_only_chess_has_offers(game: Game) -> None:
    for event in (DrawOffered(0), DrawAccepted(0), DrawDeclined(0)):
        assert Table(game).refusal(event) == Refusal.NO_DRAW_OFFERS


def test_who_is_away_offers_nothing() -> None:
    table = Table(Game.CHESS)
    table.tell(Disconnected(0))
    assert table.refusal(DrawOffered(0)) == Refusal.DISCONNECTED
