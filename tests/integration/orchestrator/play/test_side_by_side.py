"""What one replica does at the same time stands in nobody's way."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import jwt
import pytest

from orchestrator.fleet import profiles
from orchestrator.play.stream_access import TOKEN_LIFE
from orchestrator.services import Services
from scheduler.profiles import Sample
from tests.conftest import only_on
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import launch, running, status
from tests.integration.orchestrator.standing_still import stands_still

_SAMPLE = Sample(played_s=100, cpu_cores=0.5, memory_peak_bytes=1, boot_s=1.0, out_of_memory=False, failed=False)


@only_on("postgresql")
async def test_two_hosts_that_report_the_ends_of_the_same_games_never_wait_for_each_other_in_a_ring(
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def numbered(number: int) -> Callable[[str], str]:
        return lambda kind: f"{kind}{number}"

    for number, slug in ((1, "one"), (2, "two")):
        monkeypatch.setattr("orchestrator.catalog.service.new_id", numbered(number))
        await add_game(services, slug)
    for number, person, slug in ((1, player, "two"), (2, other_player, "one")):
        monkeypatch.setattr("orchestrator.play.launching.new_id", numbered(number))
        assert (await launch(person, slug)).status_code == 202
    orders = (await host.sync()).sessions
    for order in orders:
        await host.run(order)
    for order in orders:
        host.see_end(order)
    async with services.database.write() as another_report:
        now = await services.database.now(another_report)
        await profiles.record(another_report, "bld1", profiles.STANDARD_CLASS, _SAMPLE, now)
        reporting = asyncio.create_task(host.sync())
        await stands_still(services.database)
        async with asyncio.timeout(60):
            await profiles.record(another_report, "bld2", profiles.STANDARD_CLASS, _SAMPLE, now)
    await reporting


async def test_the_rounds_of_one_replica_take_turns(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that meets a row which the other holds would pass it over."""
    is_looking, may_go_on = asyncio.Event(), asyncio.Event()
    look, looks = services.clock.look, 0

    async def slow_look() -> datetime:
        nonlocal looks
        looks += 1
        is_looking.set()
        await may_go_on.wait()
        return await look()

    monkeypatch.setattr(services.clock, "look", slow_look)
    first = asyncio.create_task(services.reconciler.round())
    await is_looking.wait()
    second = asyncio.create_task(services.reconciler.round())
    done, _ = await asyncio.wait({second}, timeout=0.2)
    assert (done, looks) == (set(), 1)
    may_go_on.set()
    await asyncio.gather(first, second)


async def test_a_stream_token_is_dated_by_the_clock_that_hosts_judge_by(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    clock.jump(-timedelta(hours=5))
    token = str((await status(player, order.session_id))["streamToken"])
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iat"] == int(clock.time.timestamp())
    assert claims["exp"] - claims["iat"] == TOKEN_LIFE.total_seconds()
