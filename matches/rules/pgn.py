"""A game of chess as PGN movetext."""

from collections.abc import Mapping, Sequence
from typing import Final

from matches.rules.chess import ChessMove
from matches.values import Move, Ply, Seat

_RESULTS: Final[Mapping[Seat | None, str]] = {0: "1-0", 1: "0-1", None: "1/2-1/2"}


def pgn(line: Sequence[Ply], is_over: bool, winner: Seat | None) -> str:
    """The moves in SAN with their numbers, and the result: `1. f3 e5 2. g4 Qh4# 0-1`. One line, no tags.

    The result is `*` while the game goes on, `1/2-1/2` when it is over and nobody won.
    """
    sans = [_san(ply.move) for ply in line]
    turns = [f"{index // 2 + 1}. {' '.join(sans[index : index + 2])}" for index in range(0, len(sans), 2)]
    return " ".join([*turns, _RESULTS[winner] if is_over else "*"])


def _san(move: Move) -> str:
    assert isinstance(move, ChessMove), "a line is of one game"
    return move.san
