"""How good a move is, and how a bot of some level falls short of the best one."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Generic, TypeVar

from matches.bots.levels import Draws, one_of

T = TypeVar("T")

WIN: Final = 1_000_000
"""About what a won game is worth: more than anything on a board."""

TURN: Final = 2_000
"""How much more it is worth to win a turn sooner: more than any habit's slack."""


@dataclass(frozen=True, slots=True)
class Habits:
    """`blunders` is how often, 0 to 1, any legal move will do. Otherwise a move is up to `slack` worse than the best
    that was found, seldom by all of it.
    """

    blunders: float
    slack: int


@dataclass(frozen=True, slots=True)
class Scored(Generic[T]):
    """A move and what it is worth to who makes it, in hundredths of a pawn or a man."""

    move: T
    score: int


def picked(found: Sequence[Scored[T]], habits: Habits, draws: Draws) -> T:
    """The move that a bot of these habits makes of those that were looked at. There is at least one."""
    if draws.random() < habits.blunders:
        return one_of(found, draws).move
    best = max(each.score for each in found)
    near = [each for each in found if each.score >= best - habits.slack]
    return max([(each.score + draws.random() * (habits.slack + 1), each) for each in near], key=itemgetter(0))[1].move
