"""What a seat did and when, for whoever traces its session: kept until it is asked for, and never sent from here. A
game runs as the seat's own uid, so nothing of a collector, its address or its password is ever in this process.
"""

import time
from collections import deque
from collections.abc import Mapping

MOST = 32


class Moments:
    """The newest `MOST`; older ones are dropped."""

    def __init__(self) -> None:
        self._kept: deque[Mapping[str, object]] = deque(maxlen=MOST)

    def note(self, what: str, began_ns: int) -> None:
        """It is over now. `began_ns` is of the wall clock."""
        self._kept.append({"what": what, "began_ns": began_ns, "ended_ns": time.time_ns()})

    def taken(self) -> list[Mapping[str, object]]:
        """All that are kept, each once, in the order in which they ended."""
        taken = list(self._kept)
        self._kept.clear()
        return taken
