"""Contact with the orchestrator: it hears what is here, and says what is wanted and what time it is.

    sync       on every change and at the interval
    news       held by the orchestrator: brings a launch order at once

What is done about it is not decided here.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from agent_protocol import (
    SPOKEN,
    BuildSpec,
    DesiredSession,
    HostImage,
    HostPull,
    News,
    NoCommonVersion,
    ObservedSession,
    Spoken,
    SyncRequest,
    SyncResponse,
    WarmSeats,
    WarmTitles,
    common_version,
)
from gameserver_agent.backoff import delay_s
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.errors import ControlPlaneError, ControlPlaneRefusedError, HostRemovedError, OtherProtocolError
from gameserver_agent.host_usage import HostFigures
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.observing import OK, REFUSED, SYNC_SECONDS, SYNCS, UNREACHABLE
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.seats.warm_plan import Size
from gameserver_agent.tasks import all_or_first_error
from metering import UNMETERED, Meter

log = structlog.get_logger()
_COALESCE_S = 0.03
_MOST_TAIL_BYTES = 256 * 1024  # an earlier orchestrator takes a report of 1 MiB


@dataclass(frozen=True)
class Report:
    """What the orchestrator is told of this host."""

    sessions: tuple[ObservedSession, ...]
    images: tuple[HostImage, ...]
    figures: HostFigures
    pull_bytes_per_s: float | None
    waiting: tuple[WarmSeats, ...] = ()
    pulls: tuple[HostPull, ...] = ()


class House(Protocol):
    """Whoever holds the sessions."""

    def report(self) -> Report: ...

    async def answered(self, report: Report) -> None:
        """This report has arrived, and `Contact.desired` is the answer to it."""
        ...

    async def ordered(self) -> None:
        """`Contact.desired` is another, and answers no report."""
        ...

    def look_at_engine(self) -> None:
        """There is news that is of no session: an image may have come."""
        ...


class Contact:
    """`desired` is None until the orchestrator has answered once."""

    def __init__(
        self,
        house: House,
        *,
        data: DataFolder,
        membership: Membership,
        client: OrchestratorClient,
        clock: OrchestratorClock,
        public_url: str,
        meter: Meter = UNMETERED,
        spoken: Spoken = SPOKEN,
    ) -> None:
        self._meter = meter
        self._answered_at_s = time.monotonic()
        self.membership = membership
        self.desired: tuple[DesiredSession, ...] | None = None
        self.warm_seats: tuple[WarmSeats, ...] = ()
        self.warm_titles: tuple[WarmTitles, ...] = ()
        self.prepulls: tuple[BuildSpec, ...] = ()
        self.spare_images = frozenset[str]()
        self._house = house
        self._data = data
        self._client = client
        self._clock = clock
        self._public_url = public_url
        self.incarnation = data.next_incarnation()
        self._seq = 0
        self._spoken = spoken
        self._protocol = spoken.oldest
        self._revision = 0
        self._next_sync_s = 2.0
        self._changed = asyncio.Event()
        self._has_orders = False
        self._synced = asyncio.Event()
        self._answered = asyncio.Event()

    @property
    def has_synced(self) -> bool:
        return self._synced.is_set()

    @property
    def silent_s(self) -> float:
        """Since when no report was answered; at first since this agent's start."""
        return time.monotonic() - self._answered_at_s

    def changed(self) -> None:
        """There is news for the orchestrator."""
        self._changed.set()

    async def keep(self) -> None:
        """For ever. Raises `HostRemovedError`."""
        await all_or_first_error(self._keep_syncing(), self._keep_waiting_for_news())

    async def sync(self) -> None:
        """Once, now. Raises `ControlPlaneError`."""
        began_s = time.monotonic()
        try:
            await self._sync()
        except ControlPlaneError as error:
            is_refusal = isinstance(error, ControlPlaneRefusedError)
            self._meter.count(SYNCS, outcome=REFUSED if is_refusal else UNREACHABLE)
            raise
        self._answered_at_s = time.monotonic()
        self._meter.count(SYNCS, outcome=OK)
        self._meter.observe(SYNC_SECONDS, self._answered_at_s - began_s)

    async def _sync(self) -> None:
        self._seq += 1
        report = self._house.report()
        sent, known = self._clock.reading(), self._revision
        response = await self._told(
            SyncRequest(
                protocol=self._protocol,
                speaks=self._spoken,
                incarnation=self.incarnation,
                seq=self._seq,
                public_url=self._public_url,
                sessions=report.sessions,
                images=report.images,
                capacity=report.figures.capacity,
                usage=report.figures.usage,
                pull_bytes_per_s=report.pull_bytes_per_s,
                warm_seats=report.waiting,
                pulls=report.pulls,
            )
        )
        # Together, so that no deadline is ever judged by a time that is not its own.
        if not known <= response.revision < self._revision:  # else news of what came after it was here before it
            self._revision, self.desired = response.revision, response.sessions
        self.warm_seats, self.warm_titles = response.warm_seats, response.warm_titles
        self.prepulls = response.prepulls
        if response.spare_images is not None:
            self.spare_images = frozenset(response.spare_images)
        if response.now is not None:
            self._clock.heard(sent, response.now)
        self._answered.set()
        self._next_sync_s = response.next_sync_ms / 1000
        await self._remember_keys(response)
        if not self.has_synced:
            log.info("agent.synced", revision=response.revision, sessions=len(response.sessions))
            self._synced.set()
        await self._house.answered(report)

    async def _told(self, request: SyncRequest) -> SyncResponse:
        """The answer to a report; what both speak decides in which version the next is. Raises `ControlPlaneError`."""
        try:
            response = await self._client.sync(request)
        except OtherProtocolError as error:
            self._agree(error.speaks)
            response = await self._client.sync(request.model_copy(update={"protocol": self._protocol}))
        if response.speaks is not None:
            self._agree(response.speaks)
        return response

    def _agree(self, speaks: Spoken) -> None:
        try:
            self._protocol = common_version(self._spoken, speaks)
        except NoCommonVersion as error:
            raise ControlPlaneRefusedError(412, "unsupported_version", str(error)) from error

    async def _keep_syncing(self) -> None:
        failures = 0
        while True:
            self._changed.clear()
            self._has_orders = False
            try:
                await self.sync()
                failures = 0
                pause_s = self._next_sync_s
            except HostRemovedError:
                raise
            except ControlPlaneRefusedError as error:
                failures += 1
                if error.code == "stale_sync" and failures > 2:
                    self.incarnation, self._seq = self._data.next_incarnation(), 0
                log.warning("sync.refused", status=error.status, code=error.code, message=error.message)
                pause_s = delay_s(failures, random.random)
            except ControlPlaneError:
                failures += 1
                pause_s = delay_s(failures, random.random)
            try:
                async with asyncio.timeout(pause_s):
                    if failures:
                        await asyncio.sleep(pause_s)
                    await self._changed.wait()
            except TimeoutError:
                continue
            if not self._has_orders:  # what changes here comes in swarms; a person waits for an order
                await asyncio.sleep(_COALESCE_S)

    async def _keep_waiting_for_news(self) -> None:
        await self._synced.wait()
        failures = 0
        while True:
            known = self._revision
            try:
                news = await self._client.wait(known)
                if news.sessions is None or news.revision < known:
                    await self._ask_for_orders(news, known)
                elif news.revision > self._revision:  # else a sync has brought it meanwhile
                    is_of_sessions = news.sessions != self.desired
                    self._revision, self.desired = news.revision, news.sessions
                    await self._house.ordered()
                    self._changed.set()  # sessions are not all that there may be news of
                    if not is_of_sessions:
                        self._house.look_at_engine()
                failures = 0
            except (ControlPlaneError, TimeoutError):
                failures += 1
                await asyncio.sleep(delay_s(failures, random.random))

    async def _ask_for_orders(self, news: News, known: int) -> None:
        """By a sync: of an orchestrator that says no more than that there are some, or has an older database now."""
        if news.revision != known:
            self._answered.clear()
            self._has_orders = True
            self._changed.set()
            async with asyncio.timeout(5):
                await self._answered.wait()

    async def _remember_keys(self, response: SyncResponse) -> None:
        if response.keys and response.keys != self.membership.keys:
            self.membership = Membership(self.membership.host_id, self.membership.installation, response.keys)
            try:
                await asyncio.to_thread(self._data.remember, self.membership)
            except OSError as error:  # they are known until this agent ends, and told again to the next
                log.warning("keys.not_written", reason=str(error))


def counted(waiting: tuple[Size, ...]) -> tuple[WarmSeats, ...]:
    """Waiting seats as the orchestrator is told of them."""
    counts = Counter(waiting)
    return tuple(WarmSeats(width=size.width, height=size.height, count=count) for size, count in counts.items())


def fitting(sessions: Iterable[ObservedSession], most_bytes: int = _MOST_TAIL_BYTES) -> tuple[ObservedSession, ...]:
    """The same sessions, with their games' last lines as long as all of those have at most `most_bytes`; the others go
    without. However many end while nobody is told, what is told of them arrives. Pure.
    """
    told: list[ObservedSession] = []
    for session in sessions:
        end = session.end
        tail_bytes = 0 if end is None else sum(len(line.encode()) for line in end.log_tail)
        if end is not None and tail_bytes > most_bytes:
            told.append(session.model_copy(update={"end": end.model_copy(update={"log_tail": ()})}))
        else:
            told.append(session)
            most_bytes -= tail_bytes
    return tuple(told)
