"""Waiting seats on an imagined host."""

import asyncio

import pytest

from gameserver_agent.seats.seat import SeatPlace
from gameserver_agent.seats.warm_plan import Size
from gameserver_agent.tasks import cancelled
from streaming.protocol import SeatConfig
from tests.unit.gameserver_agent.test_session_task import Host, host
from tests.unit.gameserver_agent.test_titles import until

__all__ = ["host"]
SIZE = Size(1280, 720)


async def test_a_launch_while_seats_are_given_up_ends_nothing_else(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameserver_agent.seats.warm.SURPLUS_FOR_S", 0.0)
    monkeypatch.setattr("gameserver_agent.seats.warm.AFTER_TAKE_S", 0.0)
    warm, release, may_go = host.services.warm, host.seats.release, asyncio.Event()

    async def slowly(place: SeatPlace) -> None:
        await may_go.wait()
        await release(place)

    warm.want([(SIZE, 2)])
    keeping = asyncio.create_task(warm.keep())
    try:
        await until(lambda: len(warm.sizes()) == 2)
        monkeypatch.setattr(host.seats, "release", slowly)
        warm.want(())
        await until(lambda: len(warm.sizes()) < 2)
        taken = await warm.take("ses1", SeatConfig(width=SIZE.width, height=SIZE.height))
        may_go.set()
        if taken is not None:
            await host.seats.release(taken[0])
        warm.want([(SIZE, 1)])
        await until(lambda: len(warm.sizes()) == 1)
    finally:
        await cancelled(keeping)
        await warm.end()
    await host.assert_nothing_is_left()
