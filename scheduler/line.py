"""Who is before whom among the sessions that wait for a place. Pure.

They are served in the order in which they came, each with the first place that fits it. So whoever came earlier is
before a later one only where both could take the same place: a game that needs a rare host delays nobody else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from scheduler.fleet import Truths


def rivals(build: str, could: Mapping[str, Truths]) -> frozenset[str]:
    """The builds that could take a place that `build` could take too. `could` tells which places could ever take each
    build; a build is always its own rival.
    """
    mine = could[build]
    return frozenset(other for other, theirs in could.items() if other == build or bool((mine & theirs).any()))


def positions(line: Sequence[str], could: Mapping[str, Truths]) -> list[int]:
    """From 1, the position of each in line, the first of `line` first. `line` names the build that each waits with."""
    before = {build: rivals(build, could) for build in set(line)}
    came: Counter[str] = Counter()
    found: list[int] = []
    for build in line:
        found.append(1 + sum(came[other] for other in before[build]))
        came[build] += 1
    return found
