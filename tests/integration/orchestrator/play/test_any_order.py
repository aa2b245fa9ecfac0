"""The real service in any order of what can happen: launches, stops, reports, silence, reboots, jumps of the clock.

Two players, two hosts, one database, and no loop but the one that the machine turns.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from agent_protocol import (
    Capacity,
    EndCode,
    EndReport,
    HostImage,
    ObservedSession,
    ObservedState,
    Statistics,
    SyncRequest,
    Usage,
)
from orchestrator.errors import Conflict, NoServers, RateLimited
from orchestrator.fleet.models import Host
from orchestrator.play import service
from orchestrator.play.launching import LaunchOrder
from orchestrator.play.ledger import reserved
from orchestrator.play.lifecycle import FINAL, due_at
from orchestrator.play.models import Session, life_of
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import IMAGE_ID, add_game
from tests.integration.orchestrator.play.clock import STEP, Clock

OWNERS = ("account:ada", "account:bob")
HOSTS = ("host-a", "host-b")
NEXT = {
    ObservedState.PULLING: ObservedState.RESTORING,
    ObservedState.RESTORING: ObservedState.BOOTING,
    ObservedState.BOOTING: ObservedState.RUNNING,
    ObservedState.STOPPING: ObservedState.ENDED,
}
STATISTICS = Statistics(duration_s=10.0, cpu_seconds=5.0, peak_memory_bytes=2**20)
SYNC_EVERY = timedelta(seconds=5)
QUIET_STEPS = timedelta(minutes=6) // STEP

Self = TypeVar("Self", bound="Evening")
Given = ParamSpec("Given")


def in_its_loop(
    act: Callable[Concatenate[Self, Given], Awaitable[None]],
) -> Callable[Concatenate[Self, Given], None]:
    """A step of the machine: Hypothesis calls it, the machine's loop runs it."""

    @wraps(act)
    def step(self: Self, *args: Given.args, **kwargs: Given.kwargs) -> None:
        async def run() -> None:
            await act(self, *args, **kwargs)

        self.runner.run(run())

    return step


class Evening(RuleBasedStateMachine):
    template: Path
    monkeypatch: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.seq = 0
        self.observed: dict[str, dict[str, ObservedSession]] = {host_id: {} for host_id in HOSTS}
        self.over: dict[str, object] = {}
        self.placed: dict[tuple[str, int], str] = {}

    @initialize()
    @in_its_loop
    async def open(self) -> None:
        data = Path(self.folder.name)
        shutil.copyfile(self.template, data / "orchestrator.sqlite3")
        self.services: Services = await self.stack.enter_async_context(open_services(Settings(data=data)))
        self.clock = Clock(self.services, self.monkeypatch)
        async with self.services.database.write() as session:
            for host_id in HOSTS:
                session.add(
                    Host(
                        id=host_id, name=host_id, public_key=host_id, public_url="http://127.0.0.1:9100", labels={},
                        capacity={}, usage={}, images=[], pulling={}, created_at=self.clock.time,
                    )
                )  # fmt: skip
        await add_game(self.services)
        await self.clock.settle()

    def teardown(self) -> None:
        self.runner.run(self.wait_for_the_end())
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    async def wait_for_the_end(self) -> None:
        """Nobody plays and no host is heard any more: every session ends all the same."""
        if not hasattr(self, "services"):
            return
        for _ in range(QUIET_STEPS):
            await self.turn(STEP)
        for row in await self.rows():
            assert life_of(row).position in FINAL, row.position
        async with self.services.database.read() as session:
            assert await reserved(session) == {}

    async def rows(self) -> list[Session]:
        async with self.services.database.read() as session:
            return list(await session.scalars(select(Session).order_by(Session.created_at)))

    @rule(owner=st.sampled_from(OWNERS), is_fresh=st.booleans(), key=st.sampled_from([None, "one", "two"]))
    @in_its_loop
    async def launch(self, owner: str, is_fresh: bool, key: str | None) -> None:
        order = LaunchOrder(owner, "the-question", None, is_fresh, key, "UTC")
        with suppress(Conflict, RateLimited, NoServers):
            await self.services.play.launch(order)

    @rule(owner=st.sampled_from(OWNERS))
    @in_its_loop
    async def stop(self, owner: str) -> None:
        for row, _ in await self.services.play.active(owner):
            await self.services.play.stop(owner, row.id)

    @rule(owner=st.sampled_from(OWNERS), frames=st.sampled_from([None, 0, 90]))
    @in_its_loop
    async def keep_alive(self, owner: str, frames: int | None) -> None:
        for row, _ in await self.services.play.active(owner):
            if row.position != "stopping":
                await self.services.play.keepalive(owner, row.id, frames)

    @rule(host_id=st.sampled_from(HOSTS), steps=st.integers(1, 4))
    @in_its_loop
    async def sync(self, host_id: str, steps: int) -> None:
        """The host reports, does as it is ordered, and comes along by one step before the next report."""
        for _ in range(steps):
            await self.report(host_id)

    async def report(self, host_id: str) -> None:
        here = self.observed[host_id]
        self.seq += 1
        request = SyncRequest(
            incarnation=1, seq=self.seq, public_url="http://127.0.0.1:9100", sessions=tuple(here.values()),
            images=(HostImage(image_id=IMAGE_ID),), usage=Usage(cpu_cores=0.1, memory_bytes=2**20),
            capacity=Capacity(cpu_cores=1.0, memory_bytes=2**33, seats=1, disk_free_bytes=2**36),
        )  # fmt: skip
        answer = await self.services.agent_sync.sync(host_id, request)
        for session_id, seen in list(here.items()):
            if seen.state is ObservedState.ENDED:
                del here[session_id]
            elif seen.state in NEXT:
                here[session_id] = _at(seen, NEXT[seen.state])
        for order in answer.sessions:
            seen = here.get(order.session_id)
            if seen is None and order.want == "run":
                here[order.session_id] = ObservedSession(
                    session_id=order.session_id, generation=order.generation, state=ObservedState.PULLING
                )
            elif seen is None:
                gone = ObservedSession(
                    session_id=order.session_id, generation=order.generation, state=ObservedState.STOPPING
                )
                here[order.session_id] = _at(gone, ObservedState.ENDED)
            elif (order.want == "stop" or order.generation > seen.generation) and seen.state is not ObservedState.ENDED:
                here[order.session_id] = _at(seen, ObservedState.STOPPING)

    @rule(host_id=st.sampled_from(HOSTS), code=st.sampled_from(EndCode))
    def end(self, host_id: str, code: EndCode) -> None:
        """What runs on the host ends there, and is reported with the next sync."""
        here = self.observed[host_id]
        here.update({session_id: _at(seen, ObservedState.ENDED, code) for session_id, seen in here.items()})

    @rule(host_id=st.sampled_from(HOSTS))
    def forget(self, host_id: str) -> None:
        """The host loses all that it had, its memory too."""
        self.observed[host_id].clear()

    @rule(steps=st.integers(1, 8), synced=st.sets(st.sampled_from(HOSTS)))
    @in_its_loop
    async def pass_time(self, steps: int, synced: set[str]) -> None:
        for _ in range(steps):
            for host_id in sorted(synced):
                await self.report(host_id)
            await self.turn(SYNC_EVERY)

    async def turn(self, span: timedelta) -> None:
        """Time passes, and the replica looks: nothing is overdue then."""
        await self.clock.skip(span)
        for row in await self.rows():
            due = due_at(life_of(row))
            assert due is None or due > self.clock.time, row.position

    @rule(hours=st.sampled_from([-1, 1]))
    @in_its_loop
    async def jump(self, hours: int) -> None:
        """No session ends because of it."""
        await self.clock.skip(timedelta(seconds=1))
        before = {row.id: row.position for row in await self.rows()}
        self.clock.jump(timedelta(hours=hours))
        await self.services.reconciler.round()
        for row in await self.rows():
            assert row.position == before[row.id] or life_of(row).position not in FINAL

    @precondition(lambda self: hasattr(self, "services"))
    @invariant()
    @in_its_loop
    async def promises(self) -> None:
        rows = await self.rows()
        active = [row.owner for row in rows if life_of(row).position not in FINAL]
        assert len(active) == len(set(active))
        for row in rows:
            life = life_of(row)
            for generation, host_id in enumerate(row.placed_on, start=1):
                assert self.placed.setdefault((row.id, generation), host_id) == host_id
            assert len(row.placed_on) == row.generation
            told = (life, row.ended_at, row.duration_s, row.cpu_seconds, row.peak_memory_bytes)
            if life.position in FINAL:
                assert life.end is not None
                assert life.end.message
                assert row.ended_at is not None
                assert self.over.setdefault(row.id, told) == told


def _at(seen: ObservedSession, state: ObservedState, code: EndCode = EndCode.STOPPED) -> ObservedSession:
    if state is not ObservedState.ENDED:
        return seen.model_copy(update={"state": state, "seat_ready": True})
    end = EndReport(code=code, message="What happened.")
    return seen.model_copy(update={"state": state, "end": end, "statistics": STATISTICS})


def test_whatever_happens_on_an_evening_every_session_ends_with_its_reason(
    migrated_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STOP_WAIT_S", 0.0)

    class ThisEvening(Evening):
        template = migrated_template

    ThisEvening.monkeypatch = monkeypatch
    # Without shrinking, which would take longer than a test may: a failure prints its steps as they came.
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    slow = [HealthCheck.too_slow]
    run_state_machine_as_test(
        ThisEvening,
        settings=settings(
            max_examples=8, stateful_step_count=15, phases=phases, deadline=None, suppress_health_check=slow
        ),
    )
