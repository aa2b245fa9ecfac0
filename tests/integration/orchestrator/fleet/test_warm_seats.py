"""Seats and games that wait on hosts: how many each is asked for, and that they keep nobody out."""

from typing import Any

import httpx
import pytest

from agent_protocol import Capacity, SyncResponse, Usage, WarmSeats
from orchestrator.fleet import warm
from orchestrator.fleet.profiles import SEAT_MEMORY_BYTES
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import IMAGE_ID, HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.scenes import launch, running, status

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


TITLE = WarmSeats(width=1280, height=720, count=1, image_id=IMAGE_ID, memory_bytes=600 * 1024**2)


async def test_a_game_that_was_played_waits_at_its_title_where_its_build_says_that_it_may(
    services: Services,
    player: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    make_host: HostMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warm, "SUMMED_EVERY_S", 0.0)
    await add_game(services, slug="novel", waits_at_title=True)
    await add_game(services, slug="opera")
    host = await make_host()
    assert (await host.sync()).warm_titles == ()
    for slug in ("novel", "opera"):
        order = await running(player, host, slug)
        await host.end(order, "exited")
        assert (await status(player, order.session_id))["status"] == "stopped"
    answer = await host.sync()
    (title,) = answer.warm_titles
    assert (title.build.waits_at_title, title.count) == (True, 1)
    assert title.memory_bytes > SEAT_MEMORY_BYTES
    # One whose image is not there is not ordered: it could not rise.
    assert (await answer_to(host, images=())).warm_titles == ()
    # Told of, it is counted, and keeps nobody out.
    room = Capacity(cpu_cores=4, memory_bytes=2 * 1024**3, seats=1, disk_free_bytes=100 * 1024**3)
    waits = TITLE.model_copy(update={"build_id": title.build.build_id})
    answer = await answer_to(host, warm_seats=(waits,), capacity=room)
    (shown,) = (await admin.get("/api/admin/hosts")).json()["hosts"]
    assert (shown["warmSeats"], shown["warmTitles"], shown["reserved"]["seats"]) == (0, 1, 0)
    session_id = (await launch(player, "novel")).json()["sessionId"]
    assert (await status(player, session_id))["phase"] == "pulling"
    answer = await answer_to(host, warm_seats=(waits,), capacity=room)
    assert (len(answer.sessions), answer.warm_seats, answer.warm_titles) == (1, (), ())


async def test_a_launch_goes_where_a_seat_of_its_size_waits(
    player: httpx.AsyncClient, game: str, make_host: HostMaker
) -> None:
    large = WarmSeats(width=1920, height=1080, count=2)
    for number in range(3):
        await answer_to(await make_host(name=f"large-{number}"), warm_seats=(large,))
    fitting = await make_host(name="fitting")
    usage = Usage(cpu_cores=1.0, memory_bytes=1024**3)  # a little busier: of equals one of the others would be taken
    await answer_to(fitting, warm_seats=(SEAT,), usage=usage)
    assert (await launch(player)).status_code == 202
    assert len((await answer_to(fitting, warm_seats=(SEAT,), usage=usage)).sessions) == 1


async def test_seats_of_any_size_keep_no_session_out(
    player: httpx.AsyncClient, admin: httpx.AsyncClient, game: str, make_host: HostMaker
) -> None:
    host = await make_host()
    large = WarmSeats(width=1920, height=1080, count=2)
    room = Capacity(cpu_cores=4, memory_bytes=2 * 1024**3, seats=3, disk_free_bytes=100 * 1024**3)
    await answer_to(host, warm_seats=(large, SEAT), capacity=room)
    (shown,) = (await admin.get("/api/admin/hosts")).json()["hosts"]
    assert (shown["warmSeats"], shown["reserved"]["seats"]) == (3, 0)
    assert (await launch(player)).status_code == 202
    assert len((await answer_to(host, warm_seats=(large, SEAT), capacity=room)).sessions) == 1
