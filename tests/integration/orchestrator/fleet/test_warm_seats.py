"""Seats that wait on hosts: how many each is asked for, and that they keep nobody out."""

from typing import Any

import httpx

from agent_protocol import Capacity, SyncResponse, Usage, WarmSeats
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost
from tests.integration.orchestrator.play.scenes import launch, status

SEAT = WarmSeats(width=1280, height=720, count=1)
TWO = (SEAT.model_copy(update={"count": 2}),)


async def answer_to(host: ScriptedHost, **report: Any) -> SyncResponse:
    host.seq += 1
    return SyncResponse.model_validate_json((await host.post_sync(host.seq, **report)).content)


async def test_a_host_keeps_one_seat_waiting_of_the_size_that_its_games_have(game: str, make_host: HostMaker) -> None:
    host = await make_host()
    assert (await host.sync()).warm_seats == (SEAT,)


async def test_seats_that_wait_keep_no_session_out_and_give_way_to_it(
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    game: str,
    make_host: HostMaker,
) -> None:
    host = await make_host()
    room = Capacity(cpu_cores=4, memory_bytes=2 * 1024**3, seats=2, disk_free_bytes=100 * 1024**3)
    await answer_to(host, warm_seats=TWO, capacity=room)
    (shown,) = (await admin.get("/api/admin/hosts")).json()["hosts"]
    assert (shown["warmSeats"], shown["reserved"]["seats"]) == (2, 0)
    first = (await launch(player)).json()["sessionId"]
    assert (await status(player, first))["phase"] == "pulling"
    answer = await answer_to(host, warm_seats=TWO, capacity=room)
    assert answer.warm_seats == (SEAT,)
    second = (await launch(other_player)).json()["sessionId"]
    assert (await status(other_player, second))["phase"] == "pulling"
    answer = await answer_to(host, warm_seats=(SEAT,), capacity=room)
    assert (len(answer.sessions), answer.warm_seats) == (2, ())


async def test_a_machine_that_is_busy_is_asked_for_no_new_one(game: str, make_host: HostMaker) -> None:
    host = await make_host()
    busy = Usage(cpu_cores=3.9, memory_bytes=1024**3)
    assert (await answer_to(host, usage=busy)).warm_seats == ()
    assert (await answer_to(host, usage=busy, warm_seats=(SEAT,))).warm_seats == (SEAT,)
