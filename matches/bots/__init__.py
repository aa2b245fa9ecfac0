"""Bots: what a player of some level would play. Pure, and the same for the same chance that is drawn.

Whoever asks waits for as long as a search takes, up to about a second: ask from a process that has time.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from matches.bots import checkers, chess, connect4, tictactoe
from matches.bots.levels import Draws, Level
from matches.values import Game, Json, Ply


class Bot(Protocol):
    """One game's bots: a module of this package."""

    def choose(self, line: Sequence[Ply], level: Level, draws: Draws) -> dict[str, Json]:
        """The move as a client would send it, in a `game:move` payload. The line is not over."""
        ...


BOTS: Final[Mapping[Game, Bot]] = {
    Game.CHESS: chess,
    Game.CHECKERS: checkers,
    Game.CONNECT4: connect4,
    Game.TICTACTOE: tictactoe,
}
