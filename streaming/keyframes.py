"""When a wish for a keyframe is met. A keyframe takes the bits of several frames from everybody, so wishes are rare:
the player's seldom, the watchers' more seldom, however many they are.
"""

import asyncio
from collections.abc import Callable

from streaming.audience import Role

INTERVAL_S = {Role.PLAYER: 0.3, Role.WATCHER: 2.0}


class KeyframeWishes:
    """Calls `ask` at most once an interval of whoever wishes, and never not at all: a wish within the interval is met
    at its end. One keyframe is for all who wished before it.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._asked_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def wish(self, role: Role) -> None:
        due_at = max(self._loop.time(), self._asked_at + INTERVAL_S[role])
        if self._timer is not None:
            if self._timer.when() <= due_at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due_at, self._meet)

    def met(self) -> None:
        """A keyframe comes anyway, or nobody is left who could want one."""
        self._asked_at = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _meet(self) -> None:
        self.met()
        self._ask()
