"""The rules of each game, as one port. What is legal and when a game is over, open_spiel decides."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from matches.rules import checkers, chess, connect4, tictactoe
from matches.values import Game, Json, Move, Played, Ply


class Rules(Protocol):
    """What a match needs to know of its game: a module of this package. The plies that were made give the position."""

    START: str
    """The position before the first ply, in the notation of `Ply.after`."""

    def legal(self, line: Sequence[Ply]) -> Sequence[Move]:
        """Every legal move, in a stable order. None when the game is over."""
        ...

    def play(self, line: Sequence[Ply], payload: object) -> Played:
        """What the move in a client's `game:move` payload does. `line` is not over.

        Total over whatever JSON can carry. Raises `MoveRefused`.
        """
        ...

    def board(self, after: str) -> Json:
        """The board as tenants read it: the FEN for chess, else the flat array of cells."""
        ...

    def move_from(self, row: object) -> Move:
        """The move that `Move.row` described. Raises `ValueError` for anything else."""
        ...


RULES: Final[Mapping[Game, Rules]] = {
    Game.CHESS: chess,
    Game.CHECKERS: checkers,
    Game.CONNECT4: connect4,
    Game.TICTACTOE: tictactoe,
}
