"""Chess: what is accepted as a move, what a move tells, how a game ends."""

from random import Random

import pyspiel
import pytest

from matches.refusals import MoveRefused, Refusal
from matches.rules import chess
from matches.values import Game, Ply, Reason, Verdict
from tests.unit.matches.boards import at, last, line

LONE_KINGS_AND_PAWN = "8/P7/8/8/8/8/k6K/8 w - - 0 60"


def refusal(fen: str, move: object) -> Refusal:
    with pytest.raises(MoveRefused) as refused:
        chess.play(at(fen), {"move": move})
    return refused.value.refusal


@pytest.mark.parametrize(
    "move",
    [
        {"from": "g1", "to": "f3"},
        {"from": "g1", "to": "f3", "promotion": None},
        {"from": "g1", "to": "f3", "promotion": "q", "flags": "n"},
        "Nf3",
        "g1f3",
        "Ng1f3",
        "Ngf3!?",
        "N1f3",
    ],
)
def test_a_move_is_known_in_every_usual_form(move: object) -> None:
    played = chess.play((), {"move": move, "roomId": "r", "playerId": "p"})
    assert played.move.wire() == {"from": "g1", "to": "f3", "san": "Nf3"}
    assert played.after == "rnbqkbnr/pppppppp/8/8/8/5N2/PPPPPPPP/RNBQKB1R b KQkq - 1 1"


@pytest.mark.parametrize("move", ["a8=Q+", "a8Q", "a7a8q", "a8=Q!!", {"from": "a7", "to": "a8", "promotion": "q"}])
def test_a_pawn_becomes_what_was_said(move: object) -> None:
    played = chess.play(at(LONE_KINGS_AND_PAWN), {"move": move})
    assert played.move.wire() == {"from": "a7", "to": "a8", "promotion": "q", "san": "a8=Q+"}
    assert [(fact.name, fact.data()) for fact in played.facts] == [
        ("promotion", {"from": "a7", "to": "a8", "promotedTo": "q"}),
        ("check", {"move": "a7a8q+"}),
    ]


@pytest.mark.parametrize("move", ["a8", "a7a8", {"from": "a7", "to": "a8"}])
def test_a_pawn_on_the_last_rank_has_to_say_what_it_becomes(move: object) -> None:
    assert refusal(LONE_KINGS_AND_PAWN, move) == Refusal.PROMOTION_REQUIRED


@pytest.mark.parametrize(
    ("fen", "move", "san", "side"),
    [
        ("4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1", "O-O", "O-O", "kingside"),
        ("4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1", "0-0-0", "O-O-O", "queenside"),
        ("r3k2r/8/8/8/8/8/8/4K3 b kq - 0 1", {"from": "e8", "to": "g8"}, "O-O", "kingside"),
        ("3k4/8/8/8/8/8/8/R3K3 w Q - 0 1", "O-O-O", "O-O-O+", "queenside"),
    ],
)
def test_castling_tells_its_side(fen: str, move: object, san: str, side: str) -> None:
    played = chess.play(at(fen), {"move": move})
    assert played.move.wire()["san"] == san
    assert (played.facts[0].name, played.facts[0].data()) == ("castle", {"side": side})
    assert [fact.data() for fact in played.facts[1:]] == ([{"move": "e1c1+"}] if "+" in san else [])


def test_mate_is_a_check_as_well() -> None:
    mate = last(Game.CHESS, ["f3", "e5", "g4", "Qh4"])
    assert mate.verdict == Verdict(1, Reason.CHECKMATE)
    assert [(fact.name, fact.data()) for fact in mate.facts] == [("check", {"move": "d8h4#"})]


@pytest.mark.parametrize(
    ("fen", "move"),
    [
        ("8/8/8/8/8/1k6/8/Kn5B b - - 0 60", "Nc3"),  # a knight and a bishop are enough
        ("8/8/8/8/8/1k6/8/K5BB w - - 0 60", "Bd4"),  # and bishops on both colours
    ],
)
def test_enough_to_mate_with_goes_on(fen: str, move: str) -> None:
    assert chess.play(at(fen), {"move": move}).verdict is None


@pytest.mark.parametrize(
    ("fen", "move"),
    [
        ("8/8/8/8/2k5/8/1q6/K7 w - - 0 60", "Kxb2"),
        ("8/8/8/8/2k5/8/1q6/K4N2 w - - 0 60", "Kxb2"),
        ("8/8/8/8/2k5/8/1q6/K4B2 w - - 0 60", "Kxb2+"),
    ],
)
def test_too_little_to_mate_with_is_a_draw(fen: str, move: str) -> None:
    assert chess.play(at(fen), {"move": move}).verdict == Verdict(None, Reason.DRAW)


def test_the_fiftieth_quiet_move_is_a_draw_and_mate_comes_before_it() -> None:
    assert chess.play(at("7k/8/6K1/8/8/8/8/R7 w - - 99 80"), {"move": "Ra2"}).verdict == Verdict(None, Reason.DRAW)
    assert chess.play(at("7k/8/6K1/8/8/8/8/R7 w - - 98 80"), {"move": "Ra2"}).verdict is None
    assert chess.play(at("7k/8/6K1/8/8/8/8/R7 w - - 99 80"), {"move": "Ra8"}).verdict == Verdict(0, Reason.CHECKMATE)


def test_the_third_time_counts_whatever_the_order_of_moves() -> None:
    dance = ["Nf3", "Nf6", "Nc3", "Nc6", "Ng1", "Ng8", "Nb1", "Nb8"]
    assert last(Game.CHESS, dance).verdict is None
    assert last(Game.CHESS, ["Nc3", "Nc6", "Nf3", "Nf6", "Nb1", "Nb8", "Ng1", "Ng8", *dance]).verdict == Verdict(
        None, Reason.DRAW
    )


@pytest.mark.parametrize("seed", range(12))
def test_repetitions_are_counted_as_by_the_library_that_sees_the_whole_game(seed: int) -> None:
    draws, plies, whole_game = Random(seed), list[Ply](), pyspiel.load_game("chess").new_initial_state()
    is_over = False
    while not is_over:
        quiet = [move for move in chess.legal(plies) if move.san[0] in "NR" and "x" not in move.san]
        move = draws.choice((quiet or list(chess.legal(plies)))[:3])
        played = chess.play(plies, {"move": move.wire()})
        plies.append(Ply(played.move, played.after, 0))
        whole_game.apply_action(whole_game.string_to_action(move.san))
        is_over = whole_game.is_terminal()
        assert (played.verdict is not None) == is_over
        assert played.after == str(whole_game)


def test_a_king_that_has_moved_makes_another_position() -> None:
    kings = ["e4", "e5", "Ke2", "Ke7", "Ke1", "Ke8"]
    again = ["Ke2", "Ke7", "Ke1", "Ke8"]
    assert last(Game.CHESS, [*kings, *again]).verdict is None  # before the first move they might still castle
    assert last(Game.CHESS, [*kings, *again, "Ke2", "Ke7"]).verdict == Verdict(None, Reason.DRAW)


@pytest.mark.parametrize(
    "move",
    [None, 5, "", "e", "z9", "e2e9", "Ze4", "e4" * 9, {}, {"from": "e2"}, {"from": "e2", "to": "e4", "promotion": "k"}],
)
def test_what_is_no_move_is_malformed(move: object) -> None:
    assert refusal(chess.START, move) == Refusal.MALFORMED_MOVE


@pytest.mark.parametrize("move", ["e5", "e2e5", "O-O", "Ke2", "e7e5", {"from": "a1", "to": "a1"}, "Nd2"])
def test_what_the_rules_do_not_allow_is_illegal(move: object) -> None:
    assert refusal(chess.START, move) == Refusal.ILLEGAL_MOVE


def test_two_knights_for_one_square_are_ambiguous() -> None:
    two_knights = "4k3/8/8/8/8/5N2/8/1N2K3 w - - 0 1"
    assert refusal(two_knights, "Nd2") == Refusal.AMBIGUOUS_MOVE
    assert chess.play(at(two_knights), {"move": "Nbd2"}).move.wire()["from"] == "b1"


def test_a_game_that_is_over_has_no_moves() -> None:
    assert chess.legal(line(Game.CHESS, ["f3", "e5", "g4", "Qh4"])) == ()


def test_the_board_is_the_fen() -> None:
    assert chess.board(chess.START) == chess.START
