"""Chance for bots, in the tests' hands."""

from collections.abc import Iterable


class Drawn:
    """Draws these numbers, over and over."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers
        self.count = 0

    def random(self) -> float:
        self.count += 1
        return self.numbers[(self.count - 1) % len(self.numbers)]


def each_way(choices: int = 9) -> Iterable[Drawn]:
    """Chances that between them take each of up to so many choices."""
    return (Drawn(number / choices) for number in range(choices))
