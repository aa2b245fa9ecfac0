"""A host that falls silent: who stays, who moves, and what becomes of those who come back."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from agent_protocol import ObservedState
from orchestrator.errors import DatabaseUnavailable
from orchestrator.play.lifecycle import TIME_LIMITS, Position
from orchestrator.play.reasons import HOST_LOST, next_step
from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import keep_alive, keep_synced, launch, reach, running, status, stop

SECONDS = timedelta(seconds=1)
SILENCE = 20 * SECONDS


async def test_a_session_stays_on_its_silent_host_as_long_as_the_player_sees_it(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    for _ in range(20):
        await clock.pass_time(3 * SECONDS)
        assert (await keep_alive(player, order.session_id, frames=90)).status_code == 200
    view = await status(player, order.session_id)
    assert (view["status"], view["hostSilent"]) == ("running", True)
    for _ in range(4):
        await clock.pass_time(3 * SECONDS)
        assert (await keep_alive(player, order.session_id, frames=0)).status_code == 200
    view = await status(player, order.session_id)
    assert (view["status"], view["phase"], view["hostSilent"]) == ("starting", "placing", False)


async def test_the_page_hears_at_once_that_a_host_is_silent_and_that_it_is_back(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    known = await status(player, order.session_id)
    assert known["hostSilent"] is False
    held = asyncio.create_task(status(player, order.session_id, wait=20, after=known["revision"]))
    await clock.pass_time(8 * SECONDS)
    silent = await held
    assert silent["hostSilent"] is True
    held = asyncio.create_task(status(player, order.session_id, wait=20, after=silent["revision"]))
    await host.sync()
    assert (await held)["hostSilent"] is False


async def test_a_lost_session_goes_on_elsewhere_from_its_newest_save_and_the_late_one_is_kept_beside(
    clock: Clock, player: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    """Invariant 2: a host that was lost moves the head no more once another has the session."""
    first = await make_host(name="first")
    order = await running(player, first)
    version = (await first.put_save(order, b"before the silence")).json()["versionId"]
    second = await make_host(name="second")
    await keep_synced(clock, second, SILENCE)
    [moved] = (await second.sync()).sessions
    assert (moved.session_id, moved.generation, moved.want) == (order.session_id, 2, "run")
    assert moved.restore is not None
    assert moved.restore.version_id == version
    await second.run(moved)
    view = await status(player, order.session_id)
    assert (view["status"], view["error"]) == ("running", None)

    late = await first.put_save(order, b"during the silence")
    assert (late.status_code, late.json()["head"]) == (200, False)
    assert [(item.generation, item.want) for item in (await first.sync()).sessions] == [(1, "stop")]
    await first.end(order)
    assert (await status(player, order.session_id))["status"] == "running"
    assert (await second.put_save(moved, b"after it")).json()["head"] is True


async def test_a_host_that_returns_while_its_session_is_placed_goes_on_with_it(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(SILENCE)
    assert (await status(player, order.session_id))["phase"] == "placing"
    assert (await host.put_save(order, b"sent at once")).json()["head"] is True
    [again] = (await host.sync()).sessions
    assert (again.session_id, again.generation, again.want) == (order.session_id, 1, "run")
    view = await status(player, order.session_id)
    assert (view["status"], view["error"]) == ("running", None)
    assert view["containerUrl"] is not None


async def test_a_machine_that_was_rebooted_plays_on_from_the_save_that_it_brought_back(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(SILENCE)
    host.see(order, ObservedState.STOPPING)
    await host.sync()
    await services.reconciler.round()
    view = await status(player, order.session_id)
    assert view["phase"] == "placing"  # what it still captures is newer than what we have
    version = (await host.put_save(order, b"captured late")).json()
    assert version["head"] is True
    await host.end(order, "host_restarted", "The machine was started anew.")
    await reach(player, order.session_id, "pulling")
    [again] = (await host.sync()).sessions
    assert (again.generation, again.want) == (2, "run")
    assert again.restore is not None
    assert again.restore.version_id == version["versionId"]


async def test_a_machine_that_comes_back_empty_is_given_the_session_again(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(SILENCE)
    host.observed.clear()
    await host.sync()
    await reach(player, order.session_id, "pulling")
    assert [item.generation for item in (await host.sync()).sessions] == [2]


async def test_a_lost_session_without_another_host_ends_with_its_save_kept(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(SILENCE + TIME_LIMITS[Position.PLACING])
    view = await status(player, order.session_id)
    assert (view["status"], view["statistics"]["duration"]) == ("error", None)
    assert view["error"] == {
        "code": "host_lost", "message": HOST_LOST.message, "by": "orchestrator", "logTail": [],
        "nextStep": next_step("host_lost"),
    }  # fmt: skip
    assert (await host.put_save(order, b"late")).json()["head"] is True
    assert [item.want for item in (await host.sync()).sessions] == ["stop"]
    await host.end(order)
    assert await status(player, order.session_id) == view


async def test_a_player_who_does_not_want_to_wait_for_a_place_stops_at_once(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(SILENCE)
    assert (await stop(player, order.session_id)).json()["status"] == "stopped"
    assert [item.want for item in (await host.sync()).sessions] == ["stop"]


async def test_what_a_session_used_on_each_of_its_hosts_adds_up(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await clock.pass_time(SILENCE)
    await host.end(order, "host_restarted", "The machine was started anew.")
    await reach(player, order.session_id, "pulling")
    [again] = (await host.sync()).sessions
    await host.run(again)
    await host.end(again, "exited", "closed")
    assert (await status(player, order.session_id))["statistics"] == {
        "duration": 241, "cpuSeconds": 66.5, "peakMemoryMb": 400,
    }  # fmt: skip


async def test_a_database_that_was_away_gives_everybody_a_chance_to_be_heard(
    clock: Clock, player: httpx.AsyncClient, make_host: HostMaker, game: str, services: Services
) -> None:
    first = await make_host(name="first")
    order = await running(player, first)
    second = await make_host(name="second")

    async def is_away() -> None:
        raise DatabaseUnavailable

    with pytest.MonkeyPatch.context() as outage:
        outage.setattr(services.clock, "look", is_away)
        for _ in range(12):
            clock.let(5 * SECONDS)
            with pytest.raises(DatabaseUnavailable):
                await services.reconciler.round()
    await second.sync()
    await services.reconciler.round()
    assert (await status(player, order.session_id))["status"] == "running"
    assert [(item.generation, item.want) for item in (await first.sync()).sessions] == [(1, "run")]


async def test_who_stays_on_a_silent_host_hides_nobody_who_has_to_leave_it(
    clock: Clock,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.play.reconciler.BATCH", 1)
    seen = await running(player, host)
    unseen = (await launch(other_player, game)).json()["sessionId"]
    [order] = [order for order in (await host.sync()).sessions if order.session_id == unseen]
    await host.run(order)
    for _ in range(8):
        await clock.pass_time(3 * SECONDS)
        assert (await keep_alive(player, seen.session_id, frames=90)).status_code == 200
    assert (await status(player, seen.session_id))["status"] == "running"
    assert (await status(other_player, unseen))["phase"] == "placing"


async def test_a_session_that_moved_says_from_which_save_it_goes_on(
    clock: Clock, player: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    first = await make_host(name="first")
    order = await running(player, first)
    assert (await status(player, order.session_id))["relocation"] is None
    assert (await first.put_save(order, b"some time before")).status_code == 200
    await clock.skip(4 * SECONDS)
    await first.sync()
    second = await make_host(name="second")
    await keep_synced(clock, second, SILENCE)
    [moved] = (await second.sync()).sessions
    await second.run(moved)
    relocation = (await status(player, order.session_id))["relocation"]
    assert 3.5 <= relocation["lostSeconds"] <= 8, "what was played after the last checkpoint"
    assert relocation["resumedFromAt"] < relocation["leftAt"]


async def test_a_session_that_moved_without_a_save_says_that_it_begins_anew(
    clock: Clock, player: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    order = await running(player, await make_host(name="first"))
    second = await make_host(name="second")
    await keep_synced(clock, second, SILENCE)
    [moved] = (await second.sync()).sessions
    await second.run(moved)
    relocation = (await status(player, order.session_id))["relocation"]
    assert (relocation["resumedFromAt"], relocation["lostSeconds"]) == (None, None)


async def test_what_nobody_is_connected_to_leaves_a_host_that_is_emptied_with_its_save(
    clock: Clock, player: httpx.AsyncClient, admin: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    first = await make_host(name="first")
    order = await running(player, first)
    second = await make_host(name="second", cpu_cores=0.1)
    answer = await admin.patch(f"/api/admin/hosts/{first.host_id}", json={"isDraining": True, "movesIdle": True})
    assert answer.json()["movesIdle"] is True

    async def look(**seen: object) -> str:
        first.see(order, ObservedState.RUNNING, seat_ready=True, **seen)
        for host in (first, second):
            await host.sync()
        await clock.skip(SECONDS)
        return str((await status(player, order.session_id))["phase"])

    assert await look(peers=1) == "ready", "who plays is left in peace"
    assert await look(peers=1, paused=True) == "ready", "and so is who watches"
    assert await look(paused=True) == "ready", "nobody leaves before there is room elsewhere"
    second.cpu_cores = 4.0
    await second.sync()
    assert await look(paused=True) == "placing"
    assert (await status(player, order.session_id))["error"]["code"] == "host_drained"
    [told] = (await first.sync()).sessions
    assert (told.session_id, told.want) == (order.session_id, "stop")
    await clock.skip(SECONDS)
    assert (await second.sync()).sessions == (), "first its save"
    version = (await first.put_save(order, b"captured at the end")).json()
    assert version["head"] is True
    await first.end(order)
    await reach(player, order.session_id, "pulling")
    [moved] = (await second.sync()).sessions
    assert (moved.session_id, moved.generation) == (order.session_id, 2)
    assert moved.restore is not None
    assert moved.restore.version_id == version["versionId"]
    await second.run(moved)
    assert (await status(player, order.session_id))["relocation"]["lostSeconds"] == 0
    assert (await admin.get(f"/api/admin/hosts/{first.host_id}")).json()["isDrained"] is True


async def test_one_free_place_elsewhere_takes_one_session_from_a_host_that_is_emptied(
    clock: Clock,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    make_host: HostMaker,
    game: str,
) -> None:
    first = await make_host(name="first")
    orders = [await running(player, first)]
    assert (await launch(other_player)).status_code == 202
    orders += [order for order in (await first.sync()).sessions if order.session_id != orders[0].session_id]
    await first.run(orders[1])
    second = await make_host(name="second", cpu_cores=1.0)
    await admin.patch(f"/api/admin/hosts/{first.host_id}", json={"isDraining": True, "movesIdle": True})
    people = (player, other_player)

    async def look() -> list[str]:
        for order in orders:
            if order.session_id in first.observed:
                first.see(order, ObservedState.RUNNING, seat_ready=True, paused=True)
        for host in (first, second):
            await host.sync()
        await clock.skip(SECONDS)
        views = [await status(person, order.session_id) for person, order in zip(people, orders, strict=True)]
        return sorted(str(view["phase"]) for view in views)

    assert await look() == ["placing", "ready"]
    assert await look() == ["placing", "ready"]
    [left] = [order for order in (await first.sync()).sessions if order.want == "stop"]
    await first.end(left)
    await reach(people[[order.session_id for order in orders].index(left.session_id)], left.session_id, "pulling")
    [moved] = (await second.sync()).sessions
    assert moved.session_id == left.session_id
    await second.run(moved)
    for _ in range(3):
        assert await look() == ["ready", "ready"], "the other stays where it is, as long as there is no room"


async def test_who_waits_for_a_larger_place_keeps_nobody_on_a_host_that_is_emptied(
    player: httpx.AsyncClient,
    signed_in: SignedIn,
    admin: httpx.AsyncClient,
    make_host: HostMaker,
    services: Services,
    clock: Clock,
    game: str,
) -> None:
    first = await make_host(name="first")
    order = await running(player, first)
    await add_game(services, "wide", request={"cpu_cores": 3.5}, limits={"cpu_cores": 4.0})
    second = await make_host(name="second")
    await admin.patch(f"/api/admin/hosts/{first.host_id}", json={"isDraining": True, "movesIdle": True})
    await running(await signed_in("second@example.org"), second)
    waits = await signed_in("waits@example.org")
    wide = (await launch(waits, "wide")).json()["sessionId"]
    assert (await status(waits, wide))["phase"] == "placing", "the second host has not all its cores free"
    first.see(order, ObservedState.RUNNING, seat_ready=True, paused=True)
    await first.sync()
    await clock.skip(SECONDS)
    assert (await status(player, order.session_id))["phase"] == "placing"
    assert (await status(player, order.session_id))["error"]["code"] == "host_drained"
    assert (await status(waits, wide))["phase"] == "placing"
