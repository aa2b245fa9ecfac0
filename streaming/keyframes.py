"""When a wish for a keyframe is met. A keyframe takes the bits of several frames from everybody, so wishes are rare:
the player's seldom, the watchers' more seldom, and ever more seldom while watchers go on wishing: a network that is too
slow for the picture is helped by no keyframe.
"""

import asyncio
from collections.abc import Callable

from streaming.audience import Role

PLAYER_INTERVAL_S = 0.3
WATCHER_INTERVAL_S, LONGEST_WATCHER_INTERVAL_S = 2.0, 32.0


class KeyframeWishes:
    """Calls `ask` at most once an interval of whoever wishes, and never not at all: a wish within the interval is met
    at its end. One keyframe is for all who wished before it.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._asked_at = float("-inf")
        self._watchers_asked_at = float("-inf")
        self._watcher_interval_s = WATCHER_INTERVAL_S
        self._timer: asyncio.TimerHandle | None = None

    def wish(self, role: Role) -> None:
        """Somebody who was sent pictures cannot show them any more."""
        if role is Role.PLAYER:
            self._ask_at(self._asked_at + PLAYER_INTERVAL_S)
            return
        now = self._loop.time()
        if now - self._watchers_asked_at > 2 * self._watcher_interval_s:
            self._watcher_interval_s = WATCHER_INTERVAL_S
        due_at = self._asked_at + self._watcher_interval_s
        if self._timer is None and due_at > now:
            self._watcher_interval_s = min(2 * self._watcher_interval_s, LONGEST_WATCHER_INTERVAL_S)
        self._watchers_asked_at = now
        self._ask_at(due_at)

    def wish_of_newcomer(self) -> None:
        """Somebody waits for a first picture."""
        self._ask_at(self._asked_at + PLAYER_INTERVAL_S)

    def met(self) -> None:
        """A keyframe comes anyway, or nobody is left who could want one."""
        self._asked_at = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask_at(self, due_at: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= due_at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(max(self._loop.time(), due_at), self._meet)

    def _meet(self) -> None:
        self.met()
        self._ask()
