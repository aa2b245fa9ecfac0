"""What a seat did and when, for whoever traces its session: kept until it is asked for, and never sent from here. A
game runs as the seat's own uid, so nothing of a collector, its address or its password is ever in this process.
"""

import time
from collections import deque
from collections.abc import Mapping

from streaming import log

MOST = 32


class Moments:
    """The newest `MOST`; older ones are dropped, and the log says so: once when that begins, and how many they were as
    soon as somebody asks.
    """

    def __init__(self) -> None:
        self._kept: deque[Mapping[str, object]] = deque(maxlen=MOST)
        self._dropped = 0

    def note(self, what: str, began_ns: int) -> None:
        """It is over now. `began_ns` is of the wall clock."""
        if len(self._kept) == MOST:
            self._dropped += 1
            if self._dropped == 1:
                log.info("moments.dropped", most_kept=MOST)
        self._kept.append({"what": what, "began_ns": began_ns, "ended_ns": time.time_ns()})

    def taken(self) -> list[Mapping[str, object]]:
        """All that are kept, each once, in the order in which they ended."""
        taken = list(self._kept)
        self._kept.clear()
        if self._dropped:
            log.info("moments.taken", count=len(taken), dropped=self._dropped)
            self._dropped = 0
        return taken
