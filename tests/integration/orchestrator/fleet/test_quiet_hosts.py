"""What a host costs that has nothing to tell, and that nothing is lost by sparing it."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import (
    Capacity,
    HostImage,
    HostPull,
    ObservedSession,
    ObservedState,
    SyncRequest,
    SyncResponse,
    Usage,
    WarmSeats,
)
from bench.fleet.town import GIB, IMAGE_ID, SEATS, add_game, add_hosts, add_sessions
from orchestrator.errors import Conflict, Unauthorized
from orchestrator.fleet.ledger import Claim
from orchestrator.fleet.models import Host
from orchestrator.fleet.operations import HostChange
from orchestrator.fleet.spare_images import SpareImages
from orchestrator.fleet.sync import AgentSync
from orchestrator.fleet.warm import NOTHING_WAITS, WarmOrder, WarmOrders
from orchestrator.play.ledger import Ledger
from orchestrator.play.models import Session
from orchestrator.play.moves import Moves
from orchestrator.play.reservation import reserve
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from scheduler.values import Resources

QUIET_SYNC = 2
QUIET_SYNC_WITH_SESSIONS = 5
WAIT = 1
LOOK = "SELECT hosts.id, hosts.revision"
WANTED = Claim(Resources(0.5, GIB // 2, 1), IMAGE_ID)


@pytest.fixture
async def services(settings: Settings) -> AsyncGenerator[Services]:
    """Without loops: every statement is the test's."""
    async with open_services(settings) as opened:
        await add_game(opened)
        yield opened


@dataclass
class QuietHost:
    """It says the same again and again."""

    agent_sync: AgentSync
    host_id: str
    seq: int = 0

    async def sync(self, **changes: Any) -> SyncResponse:
        self.seq += 1
        request = SyncRequest(
            incarnation=1,
            seq=self.seq,
            public_url="http://127.0.0.1:9100",
            images=(HostImage(image_id=IMAGE_ID, size_bytes=GIB),),
            capacity=Capacity(
                cpu_cores=4.0 * SEATS, memory_bytes=4 * GIB * SEATS, seats=SEATS, disk_free_bytes=100 * GIB
            ),
            usage=Usage(cpu_cores=0.5 + self.seq, memory_bytes=GIB),
        )
        return await self.agent_sync.sync(self.host_id, request.model_copy(update=changes))


@pytest.fixture
async def host(services: Services) -> QuietHost:
    """One that has reported before."""
    [joined] = await add_hosts(services.database, 1)
    host = QuietHost(services.agent_sync, joined.host_id)
    await host.sync()
    return host


@contextmanager
def counted(services: Services) -> Generator[list[str]]:
    """The statements that are sent meanwhile, without BEGIN and COMMIT."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):  # only SQLite's is seen here
            sent.append(statement)

    engine = services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def row(services: Services, host: QuietHost) -> Host:
    async with services.database.read() as session:
        return await session.get_one(Host, host.host_id)


async def test_a_host_with_nothing_to_tell_costs_two_statements(services: Services, host: QuietHost) -> None:
    with counted(services) as sent:
        answer = await host.sync()
    assert len(sent) == QUIET_SYNC, sent
    after = await row(services, host)
    assert (after.seq, after.lease_until, after.last_sync_at) == (host.seq, answer.lease_until, answer.now)
    assert after.usage["cpu_cores"] == 0.5 + host.seq


async def test_what_it_can_spare_is_told_within_the_two(services: Services, host: QuietHost) -> None:
    assert (await host.sync()).spare_images is None
    await services.prepulling.round()
    with counted(services) as sent:
        assert (await host.sync()).spare_images == ()
    assert len(sent) == QUIET_SYNC, sent


async def test_however_many_play_on_without_news_the_statements_stay_the_same(
    services: Services, host: QuietHost
) -> None:
    await add_sessions(services.database, [host.host_id] * 5, 0)
    first = await host.sync()
    assert len(first.sessions) == 5
    seen = tuple(
        ObservedSession(session_id=order.session_id, generation=order.generation, state=ObservedState.RUNNING, peers=1)
        for order in first.sessions
    )
    await host.sync(sessions=seen)
    with counted(services) as sent:
        answer = await host.sync(sessions=seen)
    assert len(sent) == QUIET_SYNC_WITH_SESSIONS, sent
    assert {order.session_id for order in answer.sessions} == {item.session_id for item in seen}
    paused = tuple(item.model_copy(update={"paused": True}) for item in seen)
    await host.sync(sessions=paused)
    async with services.database.read() as session:
        assert set(await session.scalars(select(Session.is_paused))) == {True}


async def test_a_wait_costs_one_statement(services: Services, host: QuietHost) -> None:
    known = (await host.sync()).revision
    services.notices.close()  # or the wait would be held for a while
    with counted(services) as sent:
        assert (await services.agent_sync.wait(host.host_id, known)).revision == known
    assert len(sent) == WAIT, sent


async def test_what_is_new_is_taken_in_after_quiet_reports(services: Services, host: QuietHost) -> None:
    await host.sync()
    other = "sha256:" + "b" * 64
    pull = HostPull(image_id=other, done=1, total=10)
    await host.sync(images=(), pulls=(pull,), warm_seats=(WarmSeats(width=1280, height=720, count=2),))
    after = await row(services, host)
    assert (after.images, after.pulling, after.warm_seats[0]["count"]) == ([], {other: 9}, 2)
    await host.sync(pulls=())
    assert (await row(services, host)).pulling == {}


async def test_an_older_report_is_refused_and_a_removed_host_is_not_known(services: Services, host: QuietHost) -> None:
    await host.sync()
    host.seq -= 1
    with pytest.raises(Conflict):
        await host.sync()
    await services.fleet_operations.remove(host.host_id)
    with pytest.raises(Unauthorized):
        await host.sync()
    with pytest.raises(Unauthorized):
        await services.agent_sync.wait(host.host_id, 0)


async def test_a_quiet_host_that_was_drained_says_so_in_its_life(services: Services, host: QuietHost) -> None:
    await services.fleet_operations.change(host.host_id, HostChange(is_draining=True))
    await host.sync()
    assert (await row(services, host)).noted_state == "draining"
    async with services.database.write() as session:
        now = await services.database.now(session)
        await session.execute(update(Host).values(lease_until=now))
    await services.fleet_operations.note_changes(now)
    await host.sync()
    after = await row(services, host)
    assert [change["state"] for change in after.changes][-3:] == ["draining", "suspect", "draining"]


class Interrupted(WarmOrders):
    """Lets somebody take a place on the host just when its sync has looked and has not renewed yet."""

    def __init__(self, services: Services, waiting: list[str]) -> None:
        self._services = services
        self._waiting = waiting

    async def orders(
        self, session: AsyncSession, request: SyncRequest, hosts: int, reserved: Resources, now: datetime
    ) -> WarmOrder:
        if self._waiting and not self._services.database.is_sqlite:  # SQLite has one writer
            session_id = self._waiting.pop()
            host_id = await session.scalar(select(Host.id))
            assert host_id is not None
            async with self._services.database.write() as placing:
                assert await reserve(placing, session_id, host_id, WANTED, now)
        return NOTHING_WAITS


async def test_an_order_between_look_and_renewal_is_in_the_answer(services: Services, host: QuietHost) -> None:
    [session_id] = waiting = await add_sessions(services.database, [], 1)
    warm = Interrupted(services, [*waiting])
    ledger = Ledger(Moves(services.notices), services.saves, services.clock)
    host.agent_sync = AgentSync(services.database, services.notices, ledger, warm, SpareImages(), dict, lambda: 0.5)
    answer = await host.sync()
    if services.database.is_sqlite:
        assert answer.sessions == ()
    else:
        assert [order.session_id for order in answer.sessions] == [session_id]
        assert answer.revision == (await row(services, host)).revision


async def test_a_notice_that_was_lost_is_made_up_for(services: Services, host: QuietHost) -> None:
    known = (await host.sync()).revision
    waiting = asyncio.create_task(services.agent_sync.wait(host.host_id, known))
    async with asyncio.timeout(60):
        with counted(services) as sent:
            while not sent:  # noqa: ASYNC110 - nothing tells that it waits
                await asyncio.sleep(0.01)
        floor = asyncio.create_task(services.agent_sync.watch())
        with counted(services) as sent:
            while not any(statement.startswith(LOOK) for statement in sent):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        assert not waiting.done()
        async with services.database.write() as session:  # and publishes nothing
            await session.execute(update(Host).values(revision=Host.revision + 1))
        assert (await waiting).revision == known + 1
    floor.cancel()
    await asyncio.gather(floor, return_exceptions=True)
