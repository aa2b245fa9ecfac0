"""Checkers: mandatory captures, turns of many jumps, kings."""

import pytest

from matches.refusals import MoveRefused, Refusal
from matches.rules import checkers
from matches.rules.checkers import CheckersMove
from matches.values import Game, Ply
from tests.unit.matches.boards import last, line, random_game

DOUBLE_JUMP = [(42, 35), (19, 28), (49, 42), (17, 24), (44, 37), (8, 17), (37, 19), (10, 28), (35, 26), (17, 49)]
TWO_WAYS = [
    *DOUBLE_JUMP,
    *[(56, 42), (23, 30), (42, 33), (24, 42), (51, 33), (28, 37), (46, 28), (21, 35), (33, 24), (35, 44), (53, 35)],
    *[(30, 37), (60, 51), (37, 46), (55, 37), (1, 8), (40, 33), (14, 23), (58, 49), (7, 14), (24, 17)],
]
"""Now the black man on 8 jumps three times to 58 and is crowned, over 35 and 51 or over 33 and 49."""


def moves(pairs: list[tuple[int, int]]) -> list[object]:
    return [{"from": start, "to": to} for start, to in pairs]


def refusal(plies: tuple[Ply, ...], move: object) -> Refusal:
    with pytest.raises(MoveRefused) as refused:
        checkers.play(plies, {"move": move})
    return refused.value.refusal


def test_the_board_is_as_documented() -> None:
    board = checkers.board(checkers.START)
    assert isinstance(board, list)
    for cell, piece in enumerate(board):
        row, column = divmod(cell, 8)
        if (row + column) % 2 == 0 or 3 <= row <= 4:
            assert piece is None
        else:
            assert piece == {"player": "black" if row < 3 else "red", "type": "man"}


def test_men_step_forward_only_red_first() -> None:
    assert [move.wire() for move in checkers.legal(())][:2] == [{"from": 40, "to": 33}, {"from": 42, "to": 33}]
    assert refusal((), {"from": 17, "to": 24}) == Refusal.ILLEGAL_MOVE
    assert refusal(line(Game.CHECKERS, moves([(42, 35), (17, 24)])), {"from": 35, "to": 42}) == Refusal.ILLEGAL_MOVE


def test_a_turn_of_two_jumps_is_one_move() -> None:
    played = last(Game.CHECKERS, moves(DOUBLE_JUMP))
    assert played.move == CheckersMove((17, 35, 49), (26, 42), becomes_king=False)
    assert [(fact.name, fact.data()) for fact in played.facts] == [
        ("capture", {"from": 17, "to": 49, "captures": [26, 42]})
    ]
    board = checkers.board(played.after)
    assert isinstance(board, list)
    assert [board[cell] for cell in (17, 26, 35, 42)] == [None] * 4
    assert board[49] == {"player": "black", "type": "man"}


def test_a_capture_is_mandatory_and_whole() -> None:
    plies = line(Game.CHECKERS, moves(DOUBLE_JUMP[:-1]))
    assert all(turn.captures for turn in checkers.legal(plies))
    assert refusal(plies, {"from": 1, "to": 8}) == Refusal.CAPTURE_REQUIRED
    assert refusal(plies, {"from": 17, "to": 35, "captures": [26]}) == Refusal.CAPTURE_REQUIRED
    assert refusal(plies, {"from": 17, "to": 49, "captures": [26]}) == Refusal.CAPTURE_REQUIRED


@pytest.mark.parametrize("captures", [None, [], [26, 42], [42, 26]])
def test_captures_need_not_be_told_where_the_cells_say_enough(captures: object) -> None:
    plies = line(Game.CHECKERS, moves(DOUBLE_JUMP[:-1]))
    played = checkers.play(plies, {"move": {"from": 17, "to": 49, "captures": captures}})
    assert played.move == CheckersMove((17, 35, 49), (26, 42), becomes_king=False)


def test_of_two_ways_the_captures_say_which() -> None:
    plies = line(Game.CHECKERS, moves(TWO_WAYS))
    assert refusal(plies, {"from": 8, "to": 58}) == Refusal.AMBIGUOUS_MOVE
    played = checkers.play(plies, {"move": {"from": 8, "to": 58, "captures": [17, 33, 49]}})
    assert played.move == CheckersMove((8, 26, 40, 58), (17, 33, 49), becomes_king=True)
    assert [(fact.name, fact.data()) for fact in played.facts] == [
        ("capture", {"from": 8, "to": 58, "captures": [17, 33, 49]}),
        ("king", {"square": 58}),
    ]
    board = checkers.board(played.after)
    assert isinstance(board, list)
    assert board[58] == {"player": "black", "type": "king"}


def test_what_valid_moves_says_is_accepted_unchanged() -> None:
    plies = line(Game.CHECKERS, moves(TWO_WAYS))
    for turn in checkers.legal(plies):
        assert checkers.play(plies, {"move": turn.wire()}).move == turn


def test_every_turn_of_whole_games_does_what_it_says() -> None:
    for seed in range(10):
        plies, _ = random_game(Game.CHECKERS, seed)
        before = checkers.START
        for ply in plies:
            turn = ply.move
            assert isinstance(turn, CheckersMove)
            expected = list(before)
            piece = before[turn.path[0]]
            for cell in (turn.path[0], *turn.captures):
                expected[cell] = "."
            expected[turn.path[-1]] = {"o": "8", "+": "*"}[piece] if turn.becomes_king else piece
            assert ply.after == "".join(expected)
            assert turn.becomes_king == (piece in "o+" and turn.path[-1] // 8 in {0, 7})
            assert all(before[cell] in ("+*" if piece in "o8" else "o8") for cell in turn.captures)
            before = ply.after


@pytest.mark.parametrize(
    "move",
    [
        None,
        "40-33",
        [],
        {},
        {"from": 40},
        {"from": 40, "to": 64},
        {"from": -1, "to": 33},
        {"from": True, "to": 33},
        {"from": 40.0, "to": 33},
        {"from": 40, "to": 33, "captures": "1"},
        {"from": 40, "to": 33, "captures": ["1"]},
        {"from": 40, "to": 33, "captures": [1] * 13},
    ],
)
def test_what_is_no_move_is_malformed(move: object) -> None:
    assert refusal((), move) == Refusal.MALFORMED_MOVE
