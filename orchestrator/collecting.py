"""Garbage of cycles, without standing still for all that lives.

Python's collector looks at every object, and nothing else runs meanwhile: a second with four thousand connections. So
what lives is set aside every few seconds, where it is not looked at, and looked at as a whole only when as much again
has come, or now and then.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ROUND_S: Final = 2.0
_COUNTED_EVERY_S: Final = 300.0
_WHOLE_EVERY_S: Final = 1800.0
_LEAST_ADDED: Final = 1_000_000


@dataclass
class Collecting:
    """What was set aside when everything was last looked at, and how much since: at most, as what is gone again is in
    it until it is counted. `clock_s` never runs back.
    """

    clock_s: Callable[[], float] = time.monotonic
    kept: int = 0
    added: int = 0
    looked_s: float = 0.0
    counted_s: float = 0.0

    def begin(self) -> None:
        """Look at everything once, and set it aside."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self.kept, self.added = gc.get_freeze_count(), 0
        self.looked_s = self.counted_s = self.clock_s()

    def round(self) -> None:
        """Set aside what lives now, or look at everything when it is time."""
        self.added += len(gc.get_objects())  # those that were set aside are not among them
        gc.freeze()
        now_s = self.clock_s()
        is_time = now_s - self.looked_s >= _WHOLE_EVERY_S
        if not is_time and is_much(self.added, self.kept) and now_s - self.counted_s >= _COUNTED_EVERY_S:
            self.added, self.counted_s = self._counted(), now_s
            is_time = is_much(self.added, self.kept)
        if is_time:
            self.begin()

    async def run(self) -> None:
        """Rounds until cancelled."""
        self.begin()
        while True:
            await asyncio.sleep(ROUND_S)
            self.round()

    def _counted(self) -> int:
        """Seldom: it is to walk through all of it, for a tenth of a second."""
        return gc.get_freeze_count() - self.kept


def is_much(added: int, kept: int) -> bool:
    """Whether as much has come as there was, so that everything has to be looked at again."""
    return added > max(_LEAST_ADDED, kept)
