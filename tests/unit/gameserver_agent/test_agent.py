"""The agent as a whole, without an orchestrator that answers."""

import asyncio
import time
from pathlib import Path

import pytest

from gameserver_agent.agent import Agent
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.host_usage import HostMeter
from gameserver_agent.identity import DataFolder, Membership
from gameserver_agent.orchestrator_client import OrchestratorClient
from gameserver_agent.tasks import cancelled
from tests.unit.gameserver_agent.test_session_task import Host, host

__all__ = ["host"]


async def test_orders_that_meet_another_decision_are_followed_right_after_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look of its own would be an hour off."""
    is_busy, may_go_on, looks = asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
    ends = iter((False, True))

    async def end_leftovers(*_: object) -> bool:
        if has_run_before := next(ends):
            is_busy.set()
            await may_go_on.wait()
        return has_run_before

    def plan(*_: object) -> list[object]:
        looks.release()
        return []

    monkeypatch.setattr("gameserver_agent.agent.end_leftovers", end_leftovers)
    monkeypatch.setattr("gameserver_agent.agent.plan", plan)
    monkeypatch.setattr("gameserver_agent.agent._LOOK_EVERY_S", 3600)
    data = DataFolder(tmp_path / "agent")
    async with OrchestratorClient("http://127.0.0.1:9", time.time) as nobody:
        agent = Agent(
            data=data,
            membership=Membership("hst1", "ins1", {}),
            client=nobody,
            clock=OrchestratorClock(tmp_path / "clock.json"),
            runtime=host.runtime,
            meter=HostMeter(tmp_path, 4),
            public_url="http://127.0.0.1:9100",
        )
        await agent.adopt(host.services)
        running = asyncio.create_task(agent.run(host.services.outbox))
        try:
            async with asyncio.timeout(30):
                await is_busy.wait()
                await looks.acquire()
                await agent.answered(agent.report())
                assert looks.locked()
                may_go_on.set()
                await looks.acquire()
        finally:
            await cancelled(running)
            data.close()
