"""May this owner start this game now: the order of refusals, repetition, the limit, and two at the same instant."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Game
from orchestrator.play import launching
from orchestrator.play.launching import LAUNCHES_PER_MINUTE
from orchestrator.play.models import LaunchAttempt
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import keep_synced, launch, reach, running, status, stop


async def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def fill_slots(player: httpx.AsyncClient, host: ScriptedHost) -> str:
    """Three slots that hold something; the id of one."""
    for _ in range(3):
        order = await running(player, host, fresh=True)
        await host.put_save(order, b"save")
        await host.end(order, "exited", "closed")
    return (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"][0]["id"]


async def use_up_the_limit(player: httpx.AsyncClient, count: int = LAUNCHES_PER_MINUTE) -> None:
    """Refused with 409, which counts."""
    for _ in range(count):
        assert (await launch(player)).status_code == 409


async def test_the_first_refusal_in_the_documented_order_is_answered(
    clock: Clock,
    client: httpx.AsyncClient,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
) -> None:
    """Each launch breaks every later rule as well: 401, 400, 404, 403, 409, 429, 503."""
    await host.sync()
    foreign_slot = await fill_slots(other_player, host)
    await keep_synced(clock, host, timedelta(minutes=1))
    mine = await fill_slots(player, host)
    session_id = (await running(player, host)).session_id
    await use_up_the_limit(player)
    await clock.pass_time(timedelta(seconds=10))  # the host is away now

    assert await error_of(await launch(client, "unknown", fresh=True, saveSlotId=mine)) == (401, "unauthorized")
    both = {"fresh": True, "saveSlotId": foreign_slot}
    assert await error_of(await launch(player, "unknown", **both)) == (400, "invalid_request")
    assert await error_of(await launch(player, "unknown", saveSlotId=foreign_slot)) == (404, "not_found")
    assert await error_of(await launch(player, saveSlotId="cls-nobody")) == (404, "not_found")
    assert await error_of(await launch(player, saveSlotId=foreign_slot)) == (403, "forbidden")
    active = await launch(player, fresh=True)
    assert (await error_of(active), active.json()["sessionId"]) == ((409, "session_active"), session_id)
    await stop_for_good(player, host, session_id)
    assert await error_of(await launch(player, fresh=True)) == (409, "slots_full")
    limited = await launch(player)
    assert await error_of(limited) == (429, "rate_limited")
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
    await clock.pass_time(timedelta(minutes=1))
    away = await launch(player)
    assert await error_of(away) == (503, "no_servers")
    assert int(away.headers["Retry-After"]) > 0


async def stop_for_good(player: httpx.AsyncClient, host: ScriptedHost, session_id: str) -> None:
    """Stopped over a report that comes after the host's lease: the host stays away for launches."""
    stopping = asyncio.create_task(stop(player, session_id))
    view = await status(player, session_id, wait=5)
    while view["status"] != "stopping":
        view = await status(player, session_id, wait=5, after=view["revision"])
    host.images = ()
    host.cpu_cores = 0.001
    [order] = [item for item in (await host.sync()).sessions if item.session_id == session_id]
    await host.end(order)
    assert (await stopping).json()["status"] == "stopped"


async def test_of_two_launches_at_the_same_instant_the_database_refuses_one(
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Invariant 1, also where both looked before either wrote: the index says who was first."""
    session_id = (await launch(player)).json()["sessionId"]
    looked = 0
    look = launching._session_active  # pyright: ignore[reportPrivateUsage] - what looks first

    async def too_early(session: AsyncSession, owner: str) -> object:
        nonlocal looked
        looked += 1
        return None if looked == 1 else await look(session, owner)

    monkeypatch.setattr(launching, "_session_active", too_early)
    second = await launch(player)
    assert (await error_of(second), second.json()["sessionId"]) == ((409, "session_active"), session_id)
    assert looked == 2


async def test_a_mistake_in_the_database_is_not_taken_for_a_second_launch(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_the_same(_prefix: str) -> str:
        return "always-the-same"

    monkeypatch.setattr(launching, "new_id", always_the_same)
    assert (await launch(player)).status_code == 202
    [order] = (await host.sync()).sessions
    await host.run(order)
    await host.end(order, "exited", "closed")
    answer = await launch(player)
    assert await error_of(answer) == (500, "internal_error")


async def test_a_key_is_for_one_launch_alone(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    """Invariant 8, and not more: the same key for something else is a mistake of the caller."""
    await add_game(services, "another")
    first = await launch(player, key="one", fresh=True)
    assert first.status_code == 202
    assert (await launch(player, key="one", fresh=True)).json() == first.json()
    others: list[dict[str, object]] = [
        {"fresh": False}, {"fresh": True, "timezone": "Europe/Vienna"}, {"saveSlotId": "cls1"},
    ]  # fmt: skip
    for other in others:
        assert await error_of(await launch(player, key="one", **other)) == (409, "idempotency_key_reused")
    assert await error_of(await launch(player, "another", key="one", fresh=True)) == (409, "idempotency_key_reused")
    assert (await launch(other_player, key="one", fresh=True)).json()["sessionId"] != first.json()["sessionId"]
    await stop_for_good(player, host, first.json()["sessionId"])
    assert (await launch(player, key="one", fresh=True)).json() == {
        "sessionId": first.json()["sessionId"], "status": "stopped",
    }  # fmt: skip


async def test_ten_repetitions_at_once_start_one_session_and_count_as_one(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    answers = await asyncio.gather(*(launch(player, key="one") for _ in range(LAUNCHES_PER_MINUTE + 5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["sessionId"] for answer in answers}) == 1
    assert await attempts(services) == 1


async def attempts(services: Services) -> int:
    async with services.database.read() as session:
        return await session.scalar(select(func.count()).select_from(LaunchAttempt)) or 0


async def test_refused_launches_are_remembered_for_a_minute_and_never_more_than_the_limit(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    """Invariant 10. What is wrong in itself does not count, and neither does a 429."""
    for _ in range(3):
        await launch(player, "unknown")
    assert await attempts(services) == 0
    await running(player, host)
    await use_up_the_limit(player, LAUNCHES_PER_MINUTE + 5)
    assert await attempts(services) == LAUNCHES_PER_MINUTE
    await keep_synced(clock, host, timedelta(minutes=2))
    assert await attempts(services) == 0


async def test_waiting_as_long_as_a_429_says_is_enough(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    await use_up_the_limit(player)
    await host.end(order, "exited", "closed")
    assert [(await launch(player)).status_code for _ in range(3)] == [429] * 3
    limited = await launch(player)
    await keep_synced(clock, host, timedelta(seconds=int(limited.headers["Retry-After"])))
    assert (await launch(player)).status_code == 202


async def test_what_a_new_build_changes_is_for_the_next_launch(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    order = await running(player, host)
    definition = GameDefinition.model_validate(
        {
            "slug": game,
            "title": "The Question",
            "developer": "Somebody",
            "description": "A short story.",
            "tags": ["Romance"],
            "build": {"version": "2.0", "image": "playhouse/the-question:2.0"},
        }
    )
    await services.catalog.add_game(definition, EngineImage(image_id=order.build.image_id, size_bytes=1000))
    [same] = (await host.sync()).sessions
    assert same.build == order.build
    await host.end(order, "exited", "closed")
    assert (await running(player, host)).build.image == "playhouse/the-question:2.0"


async def test_a_game_that_was_taken_away_ends_properly_for_those_who_play_it(
    clock: Clock,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    make_host: HostMaker,
    services: Services,
    game: str,
) -> None:
    """Who waits for it still gets it or an end; nobody else may start it."""
    host = await make_host(cpu_cores=1.0)
    order = await running(player, host)
    waiting = (await launch(other_player)).json()["sessionId"]
    async with services.database.write() as session:
        taken = await session.scalar(select(Game).where(Game.slug == game))
        assert taken is not None
        taken.current_build_id = None
    await host.end(order, "exited", "closed")
    assert await error_of(await launch(player)) == (404, "not_found")
    assert (await status(player, order.session_id))["error"]["code"] == "game_exited"
    await reach(other_player, waiting, "pulling")
    [next_order] = (await host.sync()).sessions
    assert next_order.session_id == waiting
    await host.run(next_order)
    await host.end(next_order, "exited", "closed")
    assert (await status(other_player, waiting))["status"] == "stopped"
