"""A test as a line of the table in docs/threat-model.md."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import ModuleType

from tests.api.stolen.scene import Scene

Check = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Line:
    """What is stolen, whether the thief `can` or `cannot`, and what: in the words of the document."""

    words: tuple[str, str, str]
    check: Check

    def __str__(self) -> str:
        stolen, verdict, words = self.words
        return f"{stolen}: {verdict} {words}"[:90]


def line(stolen: str, verdict: str, words: str) -> Callable[[Check], Line]:
    """This test holds that line of the document."""
    return lambda check: Line((stolen, verdict, words), check)


def lines_of(*modules: ModuleType) -> Iterable[Line]:
    for module in modules:
        yield from (each for each in vars(module).values() if isinstance(each, Line))
