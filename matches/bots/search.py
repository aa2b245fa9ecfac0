"""Alpha-beta over open_spiel's positions: how good each first move is, by looking so many turns ahead.

Looked at deeper and deeper, for as long as the budget of positions lasts: a count rather than a time, so that the same
question has the same answer on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from matches.bots.habits import TURN, WIN
from matches.rules.spiel import State

S = TypeVar("S", bound=State)
S_contra = TypeVar("S_contra", bound=State, contravariant=True)

_ALL: Final = 2 * WIN


class Outlook(Protocol[S_contra]):
    """What a search needs to know of a game."""

    loud_is_forced: ClassVar[bool]
    """Whether loud actions, where there are some, are the only legal ones."""

    def worth(self, state: S_contra, player: int) -> int:
        """What the position is worth to the player who is on the move, at a glance."""
        ...

    def ordered(self, state: S_contra) -> Sequence[int]:
        """Every legal action, those first that are likely to be good."""
        ...

    def loud(self, state: S_contra) -> Sequence[int]:
        """The actions that have to be looked at before a glance can be trusted, likely ones first."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """How far to look: so many turns, the first at least, and so many positions, roughly."""

    turns: int
    positions: int


class _Spent(Exception):
    """The budget is used up."""


def worths(after: Sequence[S], player: int, outlook: Outlook[S], look: Look, slack: int) -> list[int]:
    """What each of the positions after one move of the player's is worth to them, in the order given.

    Exact for those within `slack` of the best; for the others, no more than that they are worse than this.
    """
    search = _Search(outlook, look.positions)
    order = list(range(len(after)))
    found = [0] * len(after)
    for turns in range(1, look.turns + 1):
        try:
            found = search.round(after, player, order, turns, slack)
        except _Spent:
            break
        search.is_bounded = True
        order.sort(key=lambda index: -found[index])
    return found


class _Search(Generic[S]):
    def __init__(self, outlook: Outlook[S], positions: int) -> None:
        self.outlook = outlook
        self.left = positions
        self.is_bounded = False

    def round(self, after: Sequence[S], player: int, order: Sequence[int], turns: int, slack: int) -> list[int]:
        """Every first move, so many turns deep."""
        found = [0] * len(after)
        best = -_ALL
        for index in order:
            found[index] = self.worth(after[index], player, turns - 1, best - slack - 1, _ALL)
            best = max(best, found[index])
        return found

    def worth(self, state: S, player: int, turns: int, alpha: int, beta: int) -> int:
        """What the position is worth to the player when this many turns are left to look at (fail-soft)."""
        self.left -= 1
        if self.is_bounded and self.left < 0:
            raise _Spent
        mover = state.current_player()
        if mover == 1 - player:
            return -self._best(state, mover, turns, -beta, -alpha)
        if mover == player:
            return self._best(state, player, turns, alpha, beta)
        return int(state.returns()[player]) * (WIN + turns * TURN)

    def _best(self, state: S, mover: int, turns: int, alpha: int, beta: int) -> int:
        best, actions = -_ALL, self.outlook.loud(state) if turns <= 0 else self.outlook.ordered(state)
        if turns <= 0 and not (actions and self.outlook.loud_is_forced):
            best = self.outlook.worth(state, mover)
        for action in actions:
            if best >= beta:
                break
            then = state.clone()
            then.apply_action(action)
            turns_then = turns if then.current_player() == mover else turns - 1
            best = max(best, self.worth(then, mover, turns_then, max(alpha, best), beta))
        return best
