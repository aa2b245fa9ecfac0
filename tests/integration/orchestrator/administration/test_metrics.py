"""`/metrics` of a replica: what happened is counted, the database's facts are told, and nobody's ids are."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime

import httpx
import pytest
from litestar import Litestar
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import ObservedState
from orchestrator.database import Database
from orchestrator.fleet.operations import HostChange
from orchestrator.observing.facts import Facts
from orchestrator.observing.table import IS_THERE
from orchestrator.saves.watch import StoreState, StoreWatch
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.conftest import only_on
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.scenes import launch


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told a moment ago is looked at again."""
    monkeypatch.setattr("orchestrator.observing.facts.FRESH_S", 0.0)


async def scrape(client: httpx.AsyncClient) -> dict[str, float]:
    """Every series with its value."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    series = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in series}


async def test_a_launch_and_its_end_are_counted(
    client: httpx.AsyncClient, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    before = await scrape(client)
    assert before['playhouse_launches_total{outcome="launched"}'] == 0
    assert before['playhouse_session_ends_total{reason="exited",state="stopped"}'] == 0
    assert (await launch(player)).status_code == 202
    assert (await launch(player)).status_code == 409
    [order] = (await host.sync()).sessions
    for state in (ObservedState.PULLING, ObservedState.RESTORING, ObservedState.BOOTING, ObservedState.RUNNING):
        host.see(order, state)
        await host.sync()
    now = await scrape(client)

    assert now['playhouse_launches_total{outcome="launched"}'] == 1
    assert now['playhouse_launches_total{outcome="session_active"}'] == 1
    assert now['playhouse_placements_total{outcome="placed"}'] == 1
    assert now[f'playhouse_launch_seconds_count{{image="{IS_THERE}"}}'] == 1
    for phase in ("placing", "pulling", "restoring", "booting"):
        assert now[f'playhouse_launch_phase_seconds_count{{image="{IS_THERE}",phase="{phase}"}}'] == 1
    assert now['playhouse_sessions{state="running"}'] == 1
    assert now['playhouse_hosts{state="ready"}'] == 1
    assert (now['playhouse_fleet_seats{amount="offered"}'], now['playhouse_fleet_seats{amount="reserved"}']) == (4, 1)
    assert now['playhouse_http_requests_total{route="POST /api/game/launch",status="2xx"}'] == 1
    assert now['playhouse_http_requests_total{route="POST /api/game/launch",status="4xx"}'] == 1
    assert now['playhouse_http_request_seconds_count{route="POST /api/game/launch"}'] == 2
    assert now['playhouse_database_transaction_seconds_count{kind="write"}'] > 0

    await host.end(order, "exited", "closed")
    after = await scrape(client)
    assert after['playhouse_session_ends_total{reason="game_exited",state="stopped"}'] == 1
    assert after['playhouse_sessions{state="running"}'] == 0
    assert after['playhouse_session_state_seconds_count{state="running"}'] == 1
    assert after['playhouse_profile_observed_ratio_count{resource="cpu"}'] == 1
    assert [name for name, value in after.items() if '="other"' in name and value] == []
    assert set(before) <= set(after)


async def test_nobody_can_be_told_by_what_is_shown(
    client: httpx.AsyncClient, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    session_id = (await launch(player)).json()["sessionId"]
    await player.get("/api/game/session-status", params={"sessionId": session_id})
    text = (await client.get("/metrics")).text
    assert session_id not in text
    assert host.host_id not in text
    assert "player" not in re.sub(r"^# .*$|^playhouse_http_.*$", "", text, flags=re.MULTILINE)


@only_on("sqlite")
async def test_a_path_that_is_nobodys_makes_no_series(client: httpx.AsyncClient, player: httpx.AsyncClient) -> None:
    before = await scrape(client)
    for number in range(20):
        assert (await client.get(f"/nowhere/{number}")).status_code == 404
        assert (await player.get(f"/api/games/nothing-{number}")).status_code == 404
    after = await scrape(client)
    assert set(after) == set(before)
    assert after['playhouse_http_requests_total{route="GET /api/games/{slug}",status="4xx"}'] == 20


@pytest.fixture
def from_afar(app: Litestar, settings: Settings) -> Callable[..., httpx.AsyncClient]:
    def make(**headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 5000))  # pyright: ignore[reportArgumentType] - an ASGI application by another name
        return httpx.AsyncClient(transport=transport, base_url=settings.public_url, headers=headers)

    return make


@only_on("sqlite")
async def test_strangers_see_nothing(
    app: Litestar,
    settings: Settings,
    client: httpx.AsyncClient,
    from_afar: Callable[..., httpx.AsyncClient],
) -> None:
    async with from_afar() as stranger, from_afar(Authorization="Bearer right") as prometheus:
        assert (await stranger.get("/metrics")).status_code == 401
        assert (await prometheus.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})).status_code == 401
        assert (await client.get("/metrics", headers={"Host": "play.example"})).status_code == 401
        app.state["settings"] = settings.model_copy(update={"metrics_token": SecretStr("right")})
        assert (await stranger.get("/metrics")).status_code == 401
        assert (await client.get("/metrics")).status_code == 401
        assert (await prometheus.get("/metrics")).status_code == 200


async def test_what_hosts_offer_is_held_against_what_is_taken_there(
    client: httpx.AsyncClient, player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    assert (await launch(player)).status_code == 202
    await services.fleet_operations.change(host.host_id, HostChange(is_draining=True))
    now = await scrape(client)
    assert now['playhouse_sessions{state="pulling"}'] == 1
    for what in ("seats", "cpu_cores", "memory_bytes"):
        assert now[f'playhouse_fleet_{what}{{amount="offered"}}'] == 0
        assert now[f'playhouse_fleet_{what}{{amount="reserved"}}'] == 0


async def test_a_database_that_keeps_silent_holds_nobody_up(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, now = asyncio.Event(), database.now

    async def late_now(session: AsyncSession) -> datetime:
        await answers.wait()
        return await now(session)

    monkeypatch.setattr(database, "now", late_now)
    facts = Facts(database, services.store_watch, services.meter)
    monkeypatch.setattr("orchestrator.observing.facts.WITHIN_S", 0.01)
    async with asyncio.timeout(60):
        await facts.look()
        assert b"\nplayhouse_database_up 0.0\n" in services.meter.text()
        answers.set()
        monkeypatch.setattr("orchestrator.observing.facts.WITHIN_S", 60.0)
        await facts.look()
    assert b"\nplayhouse_database_up 1.0\n" in services.meter.text()


@only_on("sqlite")
async def test_a_store_that_keeps_silent_says_nothing_of_the_database(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(StoreWatch):
        async def state(self) -> StoreState:
            monkeypatch.setattr("orchestrator.observing.facts.WITHIN_S", 60.0)  # for what comes after
            await asyncio.Event().wait()
            raise AssertionError("nobody answers")

    monkeypatch.setattr("orchestrator.observing.facts.WITHIN_S", 0.01)
    async with asyncio.timeout(60):
        await Facts(database, Silent(services.store), services.meter).look()
    text = services.meter.text()
    assert b"\nplayhouse_store_up 0.0\n" in text
    assert b"\nplayhouse_database_up 1.0\n" in text


@only_on("sqlite")
async def test_many_who_ask_at_once_look_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.observing.facts.FRESH_S", 3600.0)
    database = Database(services.settings.database_url)
    facts = Facts(database, services.store_watch, services.meter)
    looked = 0
    read = database.read

    def counted_read() -> object:
        nonlocal looked
        looked += 1
        return read()

    monkeypatch.setattr(database, "read", counted_read)
    await asyncio.gather(*(facts.look() for _ in range(5)))
    await database.close()
    assert looked == 1
