"""The levels at which a bot plays, and how long it pretends to think."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from matches.values import Game

T = TypeVar("T")


class Level(StrEnum):
    """A bot's strength, by the names that tenants use."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Draws(Protocol):
    """Where a bot's chance comes from: a `random.Random` of the caller's."""

    def random(self) -> float:
        """The next number from 0 up to, but not, 1."""
        ...


def one_of(choices: Sequence[T], draws: Draws) -> T:
    """One of them, each as likely as the other. There is at least one."""
    return choices[int(draws.random() * len(choices))]


def thinking_ms(game: Game, level: Level, draws: Draws) -> int:
    """How long after its opponent's move the bot moves, whatever the search took. Spread evenly over the documented
    span; tic-tac-toe and checkers, whose pages say nothing, have connect four's.
    """
    least, most = (_CHESS_MS if game == Game.CHESS else _THINKING_MS)[level]
    return least + int(draws.random() * (most - least + 1))


_CHESS_MS: Final[Mapping[Level, tuple[int, int]]] = {
    Level.EASY: (500, 1_500),
    Level.MEDIUM: (1_000, 3_000),
    Level.HARD: (2_000, 5_000),
}
_THINKING_MS: Final[Mapping[Level, tuple[int, int]]] = {
    Level.EASY: (300, 800),
    Level.MEDIUM: (500, 1_200),
    Level.HARD: (800, 1_500),
}
