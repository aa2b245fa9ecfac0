"""The database's clock jumps an hour while a second passes: no session ends or sticks because of it."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from agent_protocol import ObservedState
from orchestrator.fleet.models import Host
from orchestrator.fleet.sync import INTERVALS_PER_LEASE, interval_s
from orchestrator.play.clock import ClockWatch
from orchestrator.play.launching import LAUNCHES_PER_MINUTE
from orchestrator.play.lifecycle import IDLE_TIMEOUT, TIME_LIMITS, Position
from orchestrator.play.models import Session
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import keep_synced, launch, let_expire_in, running, status, stop

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
both_ways = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])


async def row_of(services: Services, session_id: str) -> Session:
    async with services.database.read() as session:
        return await session.get_one(Session, session_id)


@both_ways
async def test_a_running_session_goes_on_and_ends_when_it_would_have(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str, jump: timedelta
) -> None:
    order = await running(player, host)
    await let_expire_in(services, order.session_id, MINUTE)
    before = await row_of(services, order.session_id)
    host.see(order, ObservedState.RUNNING, seat_ready=True)
    clock.jump(jump)
    [ordered] = (await host.sync()).sessions  # before anybody looked: the host must not end it either
    assert ordered.want == "run"
    assert ordered.expires_at > clock.time
    await clock.skip(SECOND)
    after = await row_of(services, order.session_id)
    assert (after.expires_at - before.expires_at, after.ends_at - before.ends_at) == (jump, jump)
    view = await status(player, order.session_id)
    assert (view["status"], view["hostSilent"]) == ("running", False)
    await keep_synced(clock, host, MINUTE - 10 * SECOND)
    assert (await status(player, order.session_id))["status"] == "running"
    await keep_synced(clock, host, 10 * SECOND)
    assert (await status(player, order.session_id))["status"] == "stopping"


@both_ways
async def test_no_host_is_lost_and_one_that_is_away_is_still_found_out(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str, jump: timedelta
) -> None:
    order = await running(player, host)
    clock.jump(jump)
    await clock.skip(SECOND)
    assert (await status(player, order.session_id))["hostSilent"] is False
    await clock.pass_time(15 * SECOND)
    assert (await status(player, order.session_id))["phase"] == "placing"


@both_ways
async def test_a_stop_and_a_search_for_a_place_keep_their_time(
    clock: Clock,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    jump: timedelta,
) -> None:
    order = await running(player, host)
    stopping = asyncio.create_task(stop(player, order.session_id))
    await status(player, order.session_id, wait=5)
    searching = (await launch(other_player)).json()["sessionId"]
    clock.jump(jump)
    await clock.skip(SECOND)
    assert (await status(player, order.session_id))["status"] == "stopping"
    assert (await status(other_player, searching))["status"] == "starting"
    await clock.pass_time(TIME_LIMITS[Position.STOPPING])
    assert (await stopping).json()["status"] == "stopped"
    await clock.pass_time(5 * TIME_LIMITS[Position.PLACING])
    assert (await status(other_player, searching))["status"] == "error"


@both_ways
async def test_two_replicas_make_up_for_a_jump_once(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str, jump: timedelta
) -> None:
    order = await running(player, host)
    other = ClockWatch(services.database, services.clock.monotonic_s)
    await other.look()
    await services.clock.look()
    before = await row_of(services, order.session_id)
    for _ in range(2):
        clock.jump(jump)
        clock.let(SECOND)
        await other.look()
        await services.clock.look()
    after = await row_of(services, order.session_id)
    assert after.ends_at - before.ends_at == 2 * jump
    async with services.database.read() as session:
        lease = (await session.get_one(Host, host.host_id)).lease_until
    assert lease is not None
    assert timedelta(0) < lease - clock.time <= timedelta(seconds=interval_s(1) * INTERVALS_PER_LEASE)


async def test_input_counts_after_the_clock_went_back(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    """The first report after it still tells the last input by the clock of before."""
    order = await running(player, host)
    host.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=clock.time)
    await host.sync()
    clock.jump(-HOUR)
    await clock.skip(SECOND)
    await host.sync()
    await clock.skip(5 * SECOND)
    before = await row_of(services, order.session_id)
    host.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=clock.time)
    await host.sync()
    after = await row_of(services, order.session_id)
    assert (before.expires_at, after.expires_at) == (clock.time - 5 * SECOND + IDLE_TIMEOUT, clock.time + IDLE_TIMEOUT)


async def test_the_limit_of_launches_forgives_after_a_minute_also_when_the_clock_went_back(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for _ in range(LAUNCHES_PER_MINUTE):
        await play_once(player, host)
    assert (await launch(player)).status_code == 429
    clock.jump(-HOUR)
    await keep_synced(clock, host, timedelta(minutes=1))
    assert (await launch(player)).status_code == 202


async def test_the_session_that_came_later_holds_the_slot_also_when_the_clock_went_back(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    assert (await host.put_save(order, b"one")).json()["head"] is True
    await host.end(order, "exited", "closed")
    clock.jump(-HOUR)
    await clock.skip(SECOND)
    second = await running(player, host)
    assert (await host.put_save(second, b"two")).json()["head"] is True


async def play_once(player: httpx.AsyncClient, host: ScriptedHost) -> None:
    order = await running(player, host)
    await host.end(order, "exited", "closed")
