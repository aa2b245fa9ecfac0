"""Wake-ups between the parts of one replica: hints, never truth.

Whoever waits subscribes first, then reads the database, then waits; a notice that comes in between is not lost. A lost
notice costs at most the waiter's own time-out.
"""

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

PLACER = "placing"  # somebody waits for a place, or a place may have become free


class Subscription:
    def __init__(self, *, is_released: bool = False) -> None:
        self._event = asyncio.Event()
        self._is_released = is_released
        if is_released:
            self._event.set()

    def notify(self) -> None:
        self._event.set()

    def release(self) -> None:
        """Ends the wait that is held, or else the next one, without news."""
        self._is_released = True
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """True as soon as there is news since the last call, False when `timeout_s` has passed without, or was cut
        short by the end of the replica.
        """
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        was_released, self._is_released = self._is_released, False  # once, so that a loop that waits does not spin
        return not was_released


class Notices:
    """Topics are strings such as `session:<id>` and `host:<id>`."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)
        self._is_closed = False

    def publish(self, topic: str) -> None:
        for subscription in self._subscriptions.get(topic, ()):
            subscription.notify()

    def close(self) -> None:
        """The replica is about to end: nobody is held any longer, neither who waits now nor who comes later."""
        self._is_closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.release()

    def publish_after_commit(self, session: AsyncSession, topic: str) -> None:
        """Publish once what this transaction wrote can be read; nothing happens when it rolls back."""

        def publish(_session: object) -> None:
            self.publish(topic)

        event.listen(session.sync_session, "after_commit", publish, once=True)

    @contextmanager
    def subscribe(self, topic: str) -> Generator[Subscription]:
        subscription = Subscription(is_released=self._is_closed)
        self._subscriptions[topic].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[topic].discard(subscription)
            if not self._subscriptions[topic]:
                del self._subscriptions[topic]
