"""Pages that join without a session: whose they are says their origin."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from orchestrator.arena.models import ArenaSession
from orchestrator.services import Services
from orchestrator.tenants import keys
from orchestrator.tenants.models import TenantMonth
from orchestrator.tenants.plans import Plan
from tests.integration.orchestrator.arena.conftest import ORIGIN, Backend
from tests.integration.orchestrator.arena.players import Client, Clients

OTHERS = "https://others.example"


async def walk_in(client: Client, player_id: str | None, **fields: Any) -> None:
    mine = {} if player_id is None else {"playerId": player_id}
    await client.say("matchmaking:join", {"username": "Ann", **mine, **fields})


async def sessions_of(services: Services, tenant_id: str) -> list[tuple[str, str, str]]:
    query = select(ArenaSession.mode, ArenaSession.match_type, ArenaSession.status)
    async with services.database.read() as session:
        found = await session.execute(query.where(ArenaSession.tenant_id == tenant_id))
        return sorted((row.mode, row.match_type, row.status) for row in found)


async def test_two_of_one_tenants_pages_are_paired_and_nobody_of_anothers_with_them(
    clients: Clients, backend: Backend, services: Services
) -> None:
    other, _ = await services.tenant_keys.create("Others", Plan.STARTER, [OTHERS])
    stranger = await clients.connected("connect4", origin=OTHERS)
    await walk_in(stranger, "ann")
    assert (await stranger.hears("matchmaking:waiting"))["playerId"] == "ann"
    ann, bob = [await clients.connected("connect4", origin=ORIGIN) for _ in range(2)]
    await walk_in(ann, "ann")
    await ann.hears("matchmaking:waiting")
    await walk_in(ann, "ann")  # again: it waits in the same place
    await ann.hears("matchmaking:waiting")
    await walk_in(bob, None, username="Bob")
    started = [await ann.hears("game:started"), await bob.hears("game:started")]
    guest = started[1]["playerId"]
    assert started[0]["playerId"] == "ann"
    assert [player["id"] for player in started[0]["players"]] == ["ann", guest]
    assert len(guest) == 36
    assert stranger.heard("game:started") == 0
    assert await sessions_of(services, backend.tenant_id) == [("live", "matchmaking", "active")] * 2
    assert await sessions_of(services, other.tenant.id) == [("live", "matchmaking", "pending")]
    await walk_in(ann, "ann")  # a match that goes on is gone on with
    await ann.hears("game:reconnected")
    await ann.close()
    await bob.hears("player:disconnected")
    again = await clients.connected("connect4", origin=ORIGIN)
    await walk_in(again, "ann")
    assert (await again.hears("game:started"))["roomId"] == started[0]["roomId"]


async def test_who_wants_a_bot_plays_at_once(clients: Clients, backend: Backend, services: Services) -> None:
    ann = await clients.connected("tictactoe", origin=ORIGIN)
    await walk_in(ann, "ann", wantsBot=True, botDifficulty="easy")
    started = await ann.hears("game:started")
    assert [player["id"] for player in started["players"]] == ["ann", "bot_easy"]
    assert await sessions_of(services, backend.tenant_id) == [("live", "bot", "active")]
    await ann.say("game:resign", {"roomId": started["roomId"]})
    await ann.hears("game:over")
    await walk_in(ann, "ann", wantsBot=True)
    assert (await ann.hears("game:started"))["players"][1]["id"] == "bot_medium"


async def test_a_page_of_nobodys_of_twos_or_of_none_needs_a_session(
    clients: Clients, backend: Backend, services: Services
) -> None:
    await services.tenant_keys.create("Others", Plan.STARTER, [OTHERS])
    await services.tenant_keys.create("Again others", Plan.STARTER, [OTHERS])
    for origin in (None, OTHERS, "https://nobody.example"):
        client = await clients.connected("chess", origin=origin)
        await walk_in(client, "ann", wantsBot=True)
        assert await client.refusal() == "session_required"
    assert await sessions_of(services, backend.tenant_id) == []


async def test_what_it_says_is_read_like_an_order(clients: Clients, backend: Backend, services: Services) -> None:
    ann = await clients.connected("chess", origin=ORIGIN)
    for wrong in (
        {"username": None},
        {"username": "  "},
        {"username": 7},
        {"username": "x" * 101},
        {"wantsBot": "yes"},
        {"wantsBot": True, "botDifficulty": "brutal"},
        {"playerId": 7},
    ):
        await walk_in(ann, "ann", **wrong)
        assert await ann.refusal() == "malformed", wrong
    assert await sessions_of(services, backend.tenant_id) == []


async def test_it_is_charged_as_any_session(clients: Clients, backend: Backend, services: Services) -> None:
    await services.tenant_keys.change(backend.tenant_id, monthly_sessions=1)
    ann, bob = [await clients.connected("chess", origin=ORIGIN) for _ in range(2)]
    await walk_in(ann, "ann")
    await ann.hears("matchmaking:waiting")
    await walk_in(bob, "bob")
    assert await bob.refusal() == "rate_limited"
    await services.tenant_keys.change(backend.tenant_id, monthly_sessions=9, requests_a_minute=1)
    await walk_in(bob, "bob")
    assert await bob.refusal() == "rate_limited"
    assert (await backend.get("/v1/rooms?game=chess")).status_code == 200  # a flood of pages costs the backend nothing
    async with services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ArenaSession)) == 1


async def test_an_address_walks_in_so_often_and_a_backends_players_are_not_counted(
    clients: Clients, backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever forges an origin uses up no more than this of a tenant's month."""
    monkeypatch.setattr(keys, "WALK_INS_OF_ADDRESS", replace(keys.WALK_INS_OF_ADDRESS, tries=2))
    for name in ("ann", "bob"):
        page = await clients.connected("chess", origin=ORIGIN)
        await walk_in(page, name, wantsBot=True)
        await page.hears("game:started")
    forged = await clients.connected("chess", origin=ORIGIN)
    await walk_in(forged, "eve", wantsBot=True)
    assert await forged.refusal() == "too_many_walk_ins"
    ordered = await backend.session("chess", "eve", matchType="bot")
    await forged.join(ordered)
    await forged.hears("game:started")
    assert await used(services, backend.tenant_id) == (3, 2)


async def test_pages_without_a_session_have_half_of_the_month(
    clients: Clients, backend: Backend, services: Services
) -> None:
    await services.tenant_keys.change(backend.tenant_id, monthly_sessions=3)
    pages = [await clients.connected("chess", origin=ORIGIN) for _ in range(3)]
    for page, name in zip(pages[:2], ("ann", "bob"), strict=True):
        await walk_in(page, name, wantsBot=True)
        await page.hears("game:started")
    await walk_in(pages[2], "eve", wantsBot=True)
    assert await pages[2].refusal() == "walk_ins_used_up"
    await backend.session("chess", "dan", matchType="bot")
    assert await used(services, backend.tenant_id) == (3, 2)


async def used(services: Services, tenant_id: str) -> tuple[int, int]:
    async with services.database.read() as session:
        month = (await session.scalars(select(TenantMonth).where(TenantMonth.tenant_id == tenant_id))).one()
    return month.sessions, month.walk_ins
