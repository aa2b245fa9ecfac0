"""Garbage of cycles, without standing still for all that lives.

Python's collector looks at every object, and nothing else runs meanwhile: half a second with four thousand connections.
So what lives is set aside every few seconds, where it is not looked at, and looked at as a whole only when much has
been added since, or now and then.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ROUND_S: Final = 2.0
_COUNTED_EVERY_S: Final = 30.0  # to count what is set aside is to walk through it
_WHOLE_EVERY_S: Final = 600.0
_LEAST_ADDED: Final = 500_000


@dataclass
class Collecting:
    """What was set aside when everything was last looked at, and when that was. `clock_s` never runs back."""

    clock_s: Callable[[], float] = time.monotonic
    kept: int = 0
    looked_s: float = 0.0
    counted_s: float = 0.0

    def begin(self) -> None:
        """Look at everything once, and set it aside."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self.kept, self.looked_s = gc.get_freeze_count(), self.clock_s()
        self.counted_s = self.looked_s

    def round(self) -> None:
        """Set aside what lives now, or look at everything when it is time."""
        gc.freeze()
        now_s = self.clock_s()
        if now_s - self.counted_s < _COUNTED_EVERY_S:
            return
        self.counted_s = now_s
        if is_time(gc.get_freeze_count() - self.kept, self.kept, now_s - self.looked_s):
            self.begin()

    async def run(self) -> None:
        """Rounds until cancelled."""
        self.begin()
        while True:
            await asyncio.sleep(ROUND_S)
            self.round()


def is_time(added: int, kept: int, since_s: float) -> bool:
    """Whether everything has to be looked at again: half as much has come, or ten minutes have passed."""
    return added > max(_LEAST_ADDED, kept // 2) or since_s >= _WHOLE_EVERY_S
