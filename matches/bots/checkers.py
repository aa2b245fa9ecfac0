"""Checkers by search: `easy` sees its own turn and often plays anything, `medium` sees three turns ahead and gives a
little away, `hard` looks as far as its budget lasts.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from matches.bots.habits import Habits, Scored, picked
from matches.bots.levels import Draws, Level
from matches.bots.search import Look, worths
from matches.rules import checkers, spiel
from matches.values import Json, Ply

_HABITS: Final[Mapping[Level, Habits]] = {
    Level.EASY: Habits(blunders=0.4, slack=50),
    Level.MEDIUM: Habits(blunders=0.05, slack=30),
    Level.HARD: Habits(blunders=0, slack=0),
}
_LOOKS: Final[Mapping[Level, Look]] = {
    Level.EASY: Look(turns=1, positions=1_000),
    Level.MEDIUM: Look(turns=3, positions=2_000),
    Level.HARD: Look(turns=20, positions=15_000),
}


def choose(line: Sequence[Ply], level: Level, draws: Draws) -> dict[str, Json]:
    """The `game:move` payload of a bot on the move. The line is not over."""
    turns, state = checkers.legal(line), checkers.state_after(line)
    after = [_after(state, turn) for turn in turns]
    found = worths(after, state.current_player(), OUTLOOK, _LOOKS[level], _HABITS[level].slack)
    scored = [Scored(turn, score) for turn, score in zip(turns, found, strict=True)]
    return {"move": picked(scored, _HABITS[level], draws).wire()}


def _after(state: spiel.State, turn: checkers.CheckersMove) -> spiel.State:
    then = state.clone()
    checkers.play_out(then, turn)
    return then


class Outlook:
    """Pieces, how far men have come, and who may trade; a turn that has to capture is played to its end."""

    loud_is_forced: ClassVar[bool] = True

    def worth(self, state: spiel.State, player: int) -> int:
        pieces = [(cell, piece) for cell, piece in enumerate(checkers.cells(state)) if piece != "."]
        red = sum(_WORTHS[cell][piece] for cell, piece in pieces)
        worth = red + red * _TRADING // len(pieces)
        return worth if player == 0 else -worth

    def ordered(self, state: spiel.State) -> Sequence[int]:
        return state.legal_actions()

    def loud(self, state: spiel.State) -> Sequence[int]:
        return [action for action in state.legal_actions() if checkers.is_jump(action)]


_TRADING: Final = 2
"""Who is ahead is the further ahead the fewer pieces there are: that is what makes them trade and win."""


def _worths_of(cell: int) -> dict[str, int]:
    """What each piece is worth to red on this cell."""
    row, column = divmod(cell, 8)
    king = 140 + 4 * (3 - max(abs(2 * row - 7), abs(2 * column - 7)) // 2)
    return {"o": _man(7 - row), "8": king, "+": -_man(row), "*": -king}


def _man(row: int) -> int:
    """A man's worth, `row` counted from its own side. Those at home keep the other side from kings."""
    return 100 + (8 if row == 0 else 2 * row)


_WORTHS: Final = tuple(_worths_of(cell) for cell in range(64))

OUTLOOK: Final = Outlook()
"""How the search looks at this game."""
