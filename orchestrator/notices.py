"""Wake-ups between the parts of the house: hints, never truth.

Whoever waits subscribes first, then reads the database, then waits; a notice that comes in between is not lost. A lost
notice costs at most `REREAD_S`. A notice is published by a transaction and heard after its commit: within this
replica at once, in others through PostgreSQL's NOTIFY, which `Hearing` listens to. SQLite has one replica.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orchestrator.database import Database
from orchestrator.database.failures import named
from orchestrator.errors import DatabaseUnavailable

PLACER = "placing"  # somebody waits for a place, or a place may have become free
FLEET = "fleet"  # a host has come, or an operator has changed one
REREAD_S = 2.0

_CHANNEL = "playhouse"
_EVERYTHING = "*"
_MOST_TOPICS = 100  # of one transaction; more are one notice to everybody
_TOPICS = "notices"
_NOTIFY = text("SELECT pg_notify(:channel, notice) FROM unnest(CAST(:notices AS text[])) AS notice")
_ALIVE_EVERY_S = 5.0
_RECONNECT_AFTER_S = 1.0

_log = structlog.get_logger()


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

    def heard(self) -> bool:
        """Whether there is news since the last call; waits for none."""
        has_news = self._event.is_set()
        self._event.clear()
        return has_news

    async def look_again(self, until_s: float) -> bool:
        """Wait for news until `until_s` by the loop's clock, but no longer than a lost notice may go unnoticed. False
        when the time is over, or the replica is about to end: then there is nothing to look for.
        """
        clock_s = asyncio.get_running_loop().time
        left_s = until_s - clock_s()
        if left_s <= 0:
            return False
        wait_until_s = clock_s() + min(left_s, REREAD_S)
        return await self.wait(min(left_s, REREAD_S)) or clock_s() >= wait_until_s


class Notices:
    """Topics are short strings such as `session:<id>` and `host:<id>`."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)
        self._is_closed = False
        self._replica = secrets.token_hex(4)

    def publish_after_commit(self, session: AsyncSession, topic: str) -> None:
        """Tell every replica once what this transaction wrote can be read; nothing happens when it rolls back."""
        within = session.sync_session
        if _TOPICS not in within.info:
            within.info[_TOPICS] = set[str]()
            event.listen(within, "before_commit", self._notify_replicas)
            event.listen(within, "after_commit", self._hear_own)
        within.info[_TOPICS].add(topic)

    async def tell_others(self, session: AsyncSession, *topics: str) -> None:
        """Tell the other replicas alone, when this transaction commits: this one is told by whoever writes."""
        if session.get_bind().dialect.name != "sqlite":
            notices = [f"{self._replica} {topic}" for topic in topics]
            await session.execute(_NOTIFY, {"channel": _CHANNEL, "notices": notices})

    def add(self, topic: str, subscription: Subscription) -> None:
        """Wake this one as well, until `remove`."""
        self._subscriptions[topic].add(subscription)

    def remove(self, topic: str, subscription: Subscription) -> None:
        self._subscriptions[topic].discard(subscription)
        if not self._subscriptions[topic]:
            del self._subscriptions[topic]

    def hear(self, topic: str) -> None:
        """Wake who waits for it in this replica."""
        for subscription in self._subscriptions.get(topic, ()):
            subscription.notify()

    def hear_everything(self) -> None:
        """Something may have been missed: everybody looks again."""
        for topic in self._subscriptions:
            self.hear(topic)

    def hear_notice(self, notice: str) -> None:
        """What some replica said by NOTIFY; this one heard its own at its commit."""
        replica, _, topic = notice.partition(" ")
        if replica == self._replica:
            return
        if topic == _EVERYTHING:
            self.hear_everything()
        else:
            self.hear(topic)

    def close(self) -> None:
        """The replica is about to end: nobody is held any longer, neither who waits now nor who comes later."""
        self._is_closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.release()

    def subscription(self, topic: str) -> Subscription:
        """One that lasts as long as the replica."""
        subscription = Subscription()
        self._subscriptions[topic].add(subscription)
        return subscription

    @contextmanager
    def subscribe(self, topic: str) -> Generator[Subscription]:
        subscription = Subscription(is_released=self._is_closed)
        self.add(topic, subscription)
        try:
            yield subscription
        finally:
            self.remove(topic, subscription)

    def _notify_replicas(self, within: Session) -> None:
        topics: set[str] = within.info[_TOPICS]
        if within.in_nested_transaction() or not topics or within.get_bind().dialect.name == "sqlite":
            return
        named_topics = sorted(topics) if len(topics) <= _MOST_TOPICS else [_EVERYTHING]
        notices = [f"{self._replica} {topic}" for topic in named_topics]
        within.execute(_NOTIFY, {"channel": _CHANNEL, "notices": notices})

    def _hear_own(self, within: Session) -> None:
        if within.in_nested_transaction():
            return
        topics: set[str] = within.info[_TOPICS]
        for topic in topics:
            self.hear(topic)
        topics.clear()


class Hearing:
    """Listens to PostgreSQL for what other replicas publish."""

    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices
        self._is_down = False

    async def run(self) -> None:
        """Until cancelled. A connection that ends is made anew; what was said meanwhile is made up for."""
        while True:
            try:
                await self._listen()
            except DatabaseUnavailable as error:
                if not self._is_down:
                    _log.warning("notices.lost", error=repr(error.__cause__))
                self._is_down = True
            await asyncio.sleep(_RECONNECT_AFTER_S)

    async def _listen(self) -> None:
        """Until the connection ends: `DatabaseUnavailable`."""
        has_ended = asyncio.Event()

        def end(_: object) -> None:
            has_ended.set()

        with named():
            async with self._database.engine.connect() as connection:
                listening: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    listening.add_termination_listener(end)
                    await listening.add_listener(_CHANNEL, self._heard)
                    self._has_begun()
                    while not has_ended.is_set():
                        with suppress(TimeoutError):
                            await asyncio.wait_for(has_ended.wait(), _ALIVE_EVERY_S)
                        await listening.execute("SELECT 1")  # fails when the connection has silently gone
                finally:
                    await connection.invalidate()  # nobody else may get a connection that listens

    def _has_begun(self) -> None:
        if self._is_down:
            _log.info("notices.recovered")
        self._is_down = False
        self._notices.hear_everything()

    def _heard(self, _connection: object, _pid: int, _channel: str, notice: str) -> None:
        self._notices.hear_notice(notice)
