"""Listening to the game for as long as somebody wants to hear it: one recorder at most, whoever comes and goes.

Its end is waited for before the next begins, since both would feed the same track. It decides nothing about who hears.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from streaming import log

RETRY_S = 1.0


class Capture(Protocol):
    """One recording, going on from its making; `pts` counts its samples on from the moment that it was given."""

    pts: int

    async def ended(self) -> None: ...
    async def stop(self) -> None: ...


class Listening:
    """`begin` and `end` may be called in any order and as often as one likes; each takes effect in its turn."""

    def __init__(self, open_capture: Callable[[int], Capture], sample_rate: int) -> None:
        """`open_capture` is given the moment at which it begins, in samples: a pause is left out and not made up for
        later, or the listener's buffer would take all that follows for late.
        """
        self._open_capture = open_capture
        self._sample_rate = sample_rate
        self._began_at = time.monotonic()
        self._pts = 0
        self._current: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone = asyncio.Lock()

    def begin(self) -> None:
        """Listens from now on, or goes on listening."""
        if self._current is None:
            self._current = asyncio.create_task(self._listen())
            self._tasks.add(self._current)
            self._current.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        if self._current is not None:
            self._current.cancel()  # once only: a second time would break off its tidying up
            self._current = None

    async def close(self) -> None:
        """As `end`; returns when nothing records any more."""
        self.end()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _listen(self) -> None:
        """Keeps the sound coming, also over a restart of the sound server."""
        async with self._alone:
            while True:
                try:
                    await self._record()
                    log.warning("sound.interrupted")
                except OSError:
                    log.exception("sound.not_recorded")
                await asyncio.sleep(RETRY_S)

    async def _record(self) -> None:
        capture = self._open_capture(max(self._pts, int((time.monotonic() - self._began_at) * self._sample_rate)))
        try:
            await capture.ended()
        finally:
            await capture.stop()
            self._pts = capture.pts
