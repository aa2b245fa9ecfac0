"""What time does to sessions, with the database's clock in the test's hand."""

import asyncio
from datetime import timedelta

import httpx

from agent_protocol import ObservedState
from orchestrator.play.lifecycle import IDLE_TIMEOUT, TIME_LIMITS, Position
from orchestrator.play.reconciler import RETURN_GRACE_S
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import keep_synced, let_expire_in, running, status

MINUTE = timedelta(minutes=1)


async def test_a_forgotten_tab_ends_after_the_idle_time_with_its_reason(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    """The moment of the last input comes back a little different in each report: that is no new input."""
    order = await running(player, host)
    pressed = clock.time
    host.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=pressed)
    await host.sync()
    await let_expire_in(services, order.session_id, MINUTE)
    for jitter_us in range(4):
        moment = pressed + timedelta(microseconds=jitter_us)
        host.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=moment)
        await keep_synced(clock, host, MINUTE / 4)
    await keep_synced(clock, host, timedelta(seconds=1))
    assert (await status(player, order.session_id))["status"] == "stopping"
    await host.end(order)
    view = await status(player, order.session_id)
    assert (view["status"], view["error"]["code"]) == ("stopped", "idle")


async def test_input_keeps_a_session_alive(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    order = await running(player, host)
    await let_expire_in(services, order.session_id, MINUTE)
    await keep_synced(clock, host, MINUTE / 2)
    host.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=clock.time)
    await keep_synced(clock, host, MINUTE)
    assert (await status(player, order.session_id))["status"] == "running"


async def test_a_silent_stop_is_forced_and_its_late_save_is_still_the_head(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    stopping = asyncio.create_task(player.post("/api/game/stop", json={"sessionId": order.session_id}))
    held = {"sessionId": order.session_id, "wait": 5}
    assert (await player.get("/api/game/session-status", params=held)).json()["status"] == "stopping"
    await clock.pass_time(TIME_LIMITS[Position.STOPPING] + timedelta(seconds=5))
    assert (await stopping).json() == {"status": "stopped", "duration": None, "cpuSeconds": None, "peakMemoryMb": None}
    assert (await status(player, order.session_id))["status"] == "stopped"
    assert (await host.put_save(order, b"late")).json()["head"] is True
    saves = (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"]
    assert [save["sizeBytes"] for save in saves] == [4]


async def test_a_host_that_stays_away_loses_its_sessions_with_a_reason(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(timedelta(seconds=20) + TIME_LIMITS[Position.PLACING])
    view = await status(player, order.session_id)
    assert (view["status"], view["error"]["code"]) == ("error", "host_lost")


async def test_our_own_absence_ends_no_game(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    """Invariant 7: while the replica was away, nobody could report; the host is heard before anything is decided."""
    order = await running(player, host)
    await clock.skip(IDLE_TIMEOUT + timedelta(minutes=5))
    assert (await status(player, order.session_id))["status"] == "running"
    await clock.pass_time(timedelta(seconds=20))
    await host.sync()
    kept = await player.post("/api/game/keepalive", json={"sessionId": order.session_id})
    assert kept.status_code == 200
    await keep_synced(clock, host, timedelta(seconds=RETURN_GRACE_S + 60))
    assert (await status(player, order.session_id))["status"] == "running"
