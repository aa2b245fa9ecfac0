"""How many waiting seats there should be, and which of those that wait are too many. Pure.

A seat costs a second of CPU to start. So none is started while a session that has just taken one boots, and one that is
too many stays for a moment: the order that asks for fewer may have come with the session that takes it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

AFTER_TAKE_S = 5.0
"""How long a session that took a seat has the machine's CPU for its boot before the next seat is started."""

SURPLUS_FOR_S = 3.0
MOST = 8
"""More are never kept, whatever is asked."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """The picture that a display shows, in pixels."""

    width: int
    height: int


Wanted = Mapping[Size, int]


def size_of(width: int, height: int) -> Size:
    """The display's size for a picture: even, as 4:2:0 video needs."""
    return Size(width // 2 * 2, height // 2 * 2)


def wanted_of(orders: Iterable[tuple[Size, int]]) -> dict[Size, int]:
    """What is ordered, with `MOST` in all; who is named first goes before."""
    wanted: dict[Size, int] = {}
    room = MOST
    for size, count in orders:
        taken = min(max(0, count), room)
        wanted[size] = wanted.get(size, 0) + taken
        room -= taken
    return {size: count for size, count in wanted.items() if count}


def missing(here: Iterable[Size], wanted: Wanted) -> Size | None:
    """The size of the seat to start next; None when there are enough."""
    counts = Counter(here)
    return next((size for size, count in wanted.items() if counts[size] < count), None)


def surplus(here: Sequence[Size], wanted: Wanted) -> tuple[int, ...]:
    """The places in `here` of those that are too many, the youngest of each size."""
    left = dict(wanted)
    found: list[int] = []
    for place, size in enumerate(here):
        if left.get(size, 0) > 0:
            left[size] -= 1
        else:
            found.append(place)
    return tuple(found)
