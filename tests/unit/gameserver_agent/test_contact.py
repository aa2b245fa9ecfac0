"""How orders reach a host: with the news, without waiting for a sync; and by a sync where the news says no more."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent_protocol import (
    Capacity,
    DesiredSession,
    EndReport,
    News,
    ObservedSession,
    ObservedState,
    SyncRequest,
    SyncResponse,
    Usage,
)
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.contact import Contact, Report, fitting
from gameserver_agent.errors import ControlPlaneRefusedError, HostRemovedError
from gameserver_agent.host_usage import HostFigures
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.sessions.services import utc_now
from gameserver_agent.tasks import cancelled
from tests.crash.skipping_time import SkippingLoop
from tests.unit.gameserver_agent.orders import order

CAPACITY = Capacity(cpu_cores=4, memory_bytes=1, seats=4, disk_free_bytes=1)
FIGURES = HostFigures(0, 0, 0, Usage(cpu_cores=0, memory_bytes=0), CAPACITY)


class ControlPlane(OrchestratorClient):
    """Answers a sync only while `may_sync` is set, with what it `knows`; and each wait with the next of `news`."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", time.time)
        self.may_sync, self.syncs = asyncio.Event(), 0
        self.asked = asyncio.Semaphore(0)
        self.news: asyncio.Queue[News] = asyncio.Queue()
        self.knows = News(revision=7, sessions=())
        self.spare_images: tuple[str, ...] | None = None
        self.refusal: ControlPlaneRefusedError | None = None
        self.may_sync.set()

    async def sync(self, request: SyncRequest) -> SyncResponse:
        self.syncs += 1
        self.asked.release()
        if self.refusal is not None:
            raise self.refusal
        await self.may_sync.wait()
        return SyncResponse(
            revision=self.knows.revision,
            sessions=self.knows.sessions or (),
            next_sync_ms=3_600_000,
            lease_until=utc_now(),
            keys={},
            spare_images=self.spare_images,
        )

    async def wait(self, revision: int) -> News:
        return await self.news.get()


class House:
    """Remembers what it was told to run, by an answer to a report or without one."""

    def __init__(self) -> None:
        self.contact: Contact | None = None
        self.looks = 0
        self.orders: asyncio.Queue[tuple[str, tuple[str, ...]]] = asyncio.Queue()

    def report(self) -> Report:
        return Report((), (), FIGURES, None)

    async def answered(self, report: Report) -> None:
        self._learn("sync")

    async def ordered(self) -> None:
        self._learn("news")

    def look_at_engine(self) -> None:
        self.looks += 1

    def _learn(self, by: str) -> None:
        assert self.contact is not None
        self.orders.put_nowait((by, tuple(session.session_id for session in self.contact.desired or ())))

    async def next_order(self) -> tuple[str, tuple[str, ...]]:
        async with asyncio.timeout(60):
            return await self.orders.get()


@asynccontextmanager
async def contact_of(house: House, plane: ControlPlane, folder: Path) -> AsyncGenerator[Contact]:
    data = DataFolder(folder / "agent")
    house.contact = Contact(
        house,
        data=data,
        membership=Membership("hst1", "ins1", {}),
        client=plane,
        clock=OrchestratorClock(folder / "clock.json"),
        public_url="http://127.0.0.1:9100",
    )
    keeping = asyncio.create_task(house.contact.keep())
    try:
        yield house.contact
    finally:
        await cancelled(keeping)
        data.close()


async def test_an_order_is_followed_while_a_sync_gets_no_answer(tmp_path: Path) -> None:
    house, plane = House(), ControlPlane()
    async with contact_of(house, plane, tmp_path) as contact:
        assert await house.next_order() == ("sync", ())
        plane.may_sync.clear()
        contact.changed()
        plane.news.put_nowait(News(revision=8, sessions=(order("ses1"),)))
        assert await house.next_order() == ("news", ("ses1",))


async def test_news_is_told_of_by_a_sync_as_well(tmp_path: Path) -> None:
    """It may have been of something else than sessions."""
    house, plane = House(), ControlPlane()
    async with contact_of(house, plane, tmp_path):
        assert await house.next_order() == ("sync", ())
        plane.knows = News(revision=8, sessions=(order("ses1"),))
        plane.news.put_nowait(plane.knows)
        assert await house.next_order() == ("news", ("ses1",))
        assert await house.next_order() == ("sync", ("ses1",))


async def test_news_of_no_session_has_the_engine_looked_at(tmp_path: Path) -> None:
    house, plane = House(), ControlPlane()
    async with contact_of(house, plane, tmp_path):
        assert await house.next_order() == ("sync", ())
        for revision, looks in ((8, 0), (9, 1)):
            plane.knows = News(revision=revision, sessions=(order("ses1"),))
            plane.news.put_nowait(plane.knows)
            assert await house.next_order() == ("news", ("ses1",))
            assert await house.next_order() == ("sync", ("ses1",))
            assert house.looks == looks


@pytest.mark.parametrize("revision", [8, 3])
async def test_who_says_only_that_there_is_news_or_has_an_older_database_is_asked_by_a_sync(
    tmp_path: Path, revision: int
) -> None:
    house, plane = House(), ControlPlane()
    sessions: tuple[DesiredSession, ...] | None = None if revision > 7 else (order("ses0"),)
    async with contact_of(house, plane, tmp_path):
        assert await house.next_order() == ("sync", ())
        plane.knows = News(revision=revision, sessions=(order("ses1"),))
        plane.news.put_nowait(News(revision=revision, sessions=sessions))
        assert await house.next_order() == ("sync", ("ses1",))


async def test_a_wait_that_ends_without_news_changes_nothing(tmp_path: Path) -> None:
    house, plane = House(), ControlPlane()
    async with contact_of(house, plane, tmp_path):
        assert await house.next_order() == ("sync", ())
        plane.news.put_nowait(News(revision=7))
        plane.news.put_nowait(News(revision=8, sessions=(order("ses1"),)))
        assert await house.next_order() == ("news", ("ses1",))
        assert plane.syncs == 1


async def test_an_answer_that_news_has_overtaken_takes_nothing_back(tmp_path: Path) -> None:
    house, plane = House(), ControlPlane()
    async with contact_of(house, plane, tmp_path) as contact:
        assert await house.next_order() == ("sync", ())
        plane.may_sync.clear()
        contact.changed()
        for _ in range(2):
            await plane.asked.acquire()
        plane.news.put_nowait(News(revision=8, sessions=(order("ses1"),)))
        assert await house.next_order() == ("news", ("ses1",))
        plane.may_sync.set()
        assert await house.next_order() == ("sync", ("ses1",))


async def test_what_is_spare_is_told_by_each_answer_that_says_something_of_it(tmp_path: Path) -> None:
    """A replica of an older version never does, and one that has just been started does not yet."""
    house, plane = House(), ControlPlane()
    async with contact_of(house, plane, tmp_path) as contact:
        found = list[frozenset[str]]()
        for said in (None, ("a", "b"), None, ("b",), ()):
            plane.spare_images = said
            contact.changed()
            await house.next_order()
            await contact.sync()
            found.append(contact.spare_images)
        assert found == [frozenset(), {"a", "b"}, {"a", "b"}, {"b"}, frozenset()]


def test_an_orchestrator_that_does_not_know_the_host_is_asked_again_and_one_that_removed_it_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks a replica on a wrong database is told 401 as well."""

    def two_seconds(_failures: int, _jitter: Callable[[], float]) -> float:
        return 2.0

    monkeypatch.setattr("gameserver_agent.contact.delay_s", two_seconds)

    async def kept() -> tuple[float, int]:
        plane, house = ControlPlane(), House()
        plane.refusal = ControlPlaneRefusedError(401, "unauthorized", "this host is not known here")
        async with contact_of(house, plane, tmp_path) as contact:
            for _ in range(20):
                await plane.asked.acquire()
            plane.refusal = HostRemovedError(401, "host_removed", "this host was removed")
            with pytest.raises(HostRemovedError):
                await contact.keep()
        return asyncio.get_running_loop().time(), plane.syncs

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        asked_for_s, syncs = runner.run(kept())
    assert asked_for_s > 30
    assert syncs >= 20


def test_however_many_games_end_with_many_words_the_report_stays_small_and_whole() -> None:
    tail = ("é" * 500,) * 30
    ended = [
        ObservedSession(
            session_id=f"ses{number}",
            generation=1,
            state=ObservedState.ENDED,
            end=EndReport(code="crashed", message="The game crashed.", log_tail=tail if number % 2 else ()),
        )
        for number in range(300)
    ]
    running = ObservedSession(session_id="ses", generation=1, state=ObservedState.RUNNING)
    told = fitting([*ended, running])
    assert sum(len(session.model_dump_json().encode()) for session in told) < 1024**2
    assert [(one.session_id, one.state, one.end and one.end.code) for one in told] == [
        (one.session_id, one.state, one.end and one.end.code) for one in [*ended, running]
    ]
    assert [len(one.end.log_tail) for one in told if one.end is not None][:8] == [0, 30] * 4
    assert fitting(ended[:8]) == tuple(ended[:8])
