"""What tenants' backends are answered over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import jwt
from sqlalchemy import func, select, update

from orchestrator.arena.models import ArenaSession
from orchestrator.services import Services
from orchestrator.tenants.models import TenantKey, TenantMonth
from orchestrator.tenants.plans import KeyMode, Plan
from tests.integration.orchestrator.arena.conftest import ORIGIN, Backend, new_backend

ALEX = {"id": "user_123", "displayName": "Alex"}


async def test_a_session_is_made_as_the_pages_say(backend: Backend) -> None:
    fields = {"game": "chess", "players": [ALEX], "theme": {"primaryColor": "#ff6b00"}}
    answer = await backend.post("/v1/sessions", fields)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["expiresIn"] in {299, 300}
    assert made["game"] == "chess"
    assert made["mode"] == "live"
    assert made["matchType"] == "matchmaking"
    assert made["roomCode"] is None
    assert made["players"] == [ALEX]
    assert made["theme"] == {"primaryColor": "#ff6b00"}
    claims = jwt.decode(made["sessionToken"], options={"verify_signature": False})
    assert jwt.get_unverified_header(made["sessionToken"])["alg"] == "HS256"
    assert claims["sessionId"] == made["sessionId"]
    assert (claims["game"], claims["matchType"], claims["players"]) == ("chess", "matchmaking", [ALEX])
    assert claims["exp"] - claims["iat"] == 3600
    asked = await backend.get(f"/api/v1/sessions/{made['sessionId']}?game=chess")
    told = {"id": made["sessionId"], "game": "chess", "mode": "live", "matchType": "matchmaking", "status": "pending"}
    assert told.items() <= asked.json().items()
    assert asked.json()["result"] is None
    assert int(asked.headers["x-ratelimit-limit"]) == 300
    assert int(asked.headers["x-ratelimit-remaining"]) == 298
    assert asked.headers["x-request-id"]


REFUSED: list[tuple[dict[str, Any], str, int, str]] = [
    ({}, "live", 400, "game is required"),
    ({"game": "go"}, "live", 400, "Invalid game. Valid: chess, checkers, connect4, tictactoe, subway-runner"),
    ({"game": "chess"}, "live", 400, "players[] required for live and test sessions"),
    ({"game": "chess", "players": []}, "test", 400, "players[] required for live and test sessions"),
    (
        {"game": "subway-runner", "matchType": "private", "players": [ALEX]},
        "live",
        400,
        "subway-runner only supports matchType: bot",
    ),
    ({"game": "chess", "players": [ALEX], "mode": "live"}, "test", 403, "Test API key cannot create live sessions"),
    ({"game": "chess", "players": [ALEX], "mode": "test"}, "live", 403, "Live API key cannot create test sessions"),
    ({"game": "subway-runner", "players": [ALEX]}, "live", 400, "subway-runner is not available here"),
    (
        {"game": "chess", "players": [ALEX, {"id": "b"}], "matchType": "bot"},
        "live",
        400,
        "bot sessions have one player",
    ),
]


async def test_what_is_refused_says_so_in_the_documented_words(backend: Backend) -> None:
    for fields, key, status, error in REFUSED:
        answer = await backend.post("/v1/sessions", fields, key=getattr(backend, f"{key}_key"))
        assert (answer.status_code, answer.json()) == (status, {"error": error}), fields


async def test_keys_prove_who_asks(backend: Backend, services: Services) -> None:
    nobody = await backend.http.post("/v1/sessions", json={})
    assert (nobody.status_code, nobody.json()) == (401, {"error": "Missing Authorization header"})
    wrong = await backend.post("/v1/sessions", {}, key="bg_live_" + "x" * 48)
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Invalid or inactive API key"})
    page = await backend.post("/v1/sessions", {"game": "chess", "players": [ALEX]}, Origin="https://evil.example")
    assert (page.status_code, page.json()) == (403, {"error": "Origin not allowed for this API key"})
    own = await backend.post("/v1/sessions", {"game": "chess", "players": [ALEX]}, Origin=ORIGIN)
    assert own.status_code == 201
    assert own.headers["access-control-allow-origin"] == ORIGIN
    await services.tenant_keys.change(backend.tenant_id, is_active=False)
    inactive = await backend.get("/v1/sessions/x")
    assert (inactive.status_code, inactive.json()) == (401, {"error": "Invalid or inactive API key"})


async def test_a_rotated_key_works_for_another_minute(backend: Backend, services: Services) -> None:
    made = await services.tenant_keys.rotate(backend.tenant_id, KeyMode.LIVE)
    for key in (backend.live_key, made.secret):
        assert (await backend.get("/v1/sessions/x", key=key)).status_code == 404
    minute = timedelta(seconds=61)
    async with services.database.write() as session:
        ends = TenantKey.expires_at
        [row] = await session.scalars(select(TenantKey).where(ends.is_not(None)))
        assert row.expires_at is not None
        row.expires_at -= minute
    assert (await backend.get("/v1/sessions/x")).status_code == 401
    assert (await backend.get("/v1/sessions/x", key=made.secret)).status_code == 404
    assert (await backend.get("/v1/sessions/x", key=backend.test_key)).status_code == 404


async def test_a_repeated_order_makes_one_session(backend: Backend, services: Services) -> None:
    fields = {"game": "chess", "players": [ALEX]}
    orders = [backend.post("/v1/sessions", fields, Idempotency_Key="once") for _ in range(4)]
    made = [answer.json() for answer in await asyncio.gather(*orders)]
    assert len({one["sessionId"] for one in made}) == 1
    assert len({one["sessionToken"] for one in made}) == 1
    another = await backend.post("/v1/sessions", {**fields, "game": "checkers"}, Idempotency_Key="once")
    assert another.status_code == 409
    async with services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ArenaSession)) == 1
        assert await session.scalar(select(TenantMonth.sessions)) == 1


async def test_the_months_sessions_are_counted_and_those_of_tests_are_not(backend: Backend, services: Services) -> None:
    await services.tenant_keys.change(backend.tenant_id, monthly_sessions=2)
    fields = {"game": "chess", "players": [ALEX]}
    answers = await asyncio.gather(*(backend.post("/v1/sessions", fields) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json() == {"error": "Monthly session quota exceeded"}
    assert int(refused.headers["retry-after"]) > 0
    assert (await backend.post("/v1/sessions", fields, key=backend.test_key)).status_code == 201


async def test_requests_are_counted_by_the_minute(backend: Backend, services: Services) -> None:
    await services.tenant_keys.change(backend.tenant_id, requests_a_minute=2)
    answers = [await backend.get("/v1/sessions/x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert answers[-1].json() == {"error": "Rate limit exceeded"}
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["x-ratelimit-remaining"] == "0"


async def test_a_friend_comes_in_by_the_room_code(backend: Backend, services: Services) -> None:
    made = await backend.session("chess", "alex", matchType="private")
    assert made["expiresIn"] in {599, 600}
    friend = {"id": "jordan", "displayName": "Jordan"}
    fields = {"roomCode": made["roomCode"].lower(), "game": "chess", "player": friend}
    joined = [await backend.post("/v1/sessions/join", fields) for _ in range(2)]
    assert [answer.status_code for answer in joined] == [200, 200]
    assert joined[0].json()["sessionId"] == made["sessionId"]
    assert joined[0].json()["players"][0] == friend
    assert joined[0].json()["sessionToken"] != made["sessionToken"]
    third = await backend.post("/v1/sessions/join", {**fields, "player": {"id": "sam"}})
    assert (third.status_code, third.json()) == (409, {"error": "This session has both of its players"})
    for wrong in ({**fields, "roomCode": "ZZZZZZ"}, {**fields, "game": "checkers"}):
        assert (await backend.post("/v1/sessions/join", wrong)).status_code == 404
    stranger = await new_backend(services, backend.http, "Other Games")
    assert (await stranger.post("/v1/sessions/join", fields)).status_code == 404
    assert (await stranger.get(f"/v1/sessions/{made['sessionId']}")).status_code == 404
    assert (await backend.get(f"/v1/sessions/{made['sessionId']}", key=backend.test_key)).status_code == 404


async def test_a_session_that_nobody_joins_expires(backend: Backend, services: Services) -> None:
    made = await backend.session("tictactoe", "alex")
    validate = f"/api/v1/sessions/validate?token={made['sessionToken']}"
    assert (await backend.http.get(validate)).json()["status"] == "pending"
    async with services.database.write() as session:
        now = await services.database.now(session)
        await session.execute(update(ArenaSession).values(join_by=now))
    assert made["sessionId"] in [*await services.arena_sessions.expire(), made["sessionId"]]
    found = (await backend.http.get(validate)).json()
    assert (found["status"], found["result"]) == ("ended", {"winner": None, "reason": "expired"})


async def test_tokens_of_others_are_nothing(backend: Backend) -> None:
    made = await backend.session("tictactoe", "alex")
    claims = jwt.decode(made["sessionToken"], options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        "nothing",
        "",
    ]
    for token in forged:
        answer = await backend.http.get(f"/v1/sessions/validate?token={token}")
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid or expired session token"})


async def test_training_is_between_strangers(backend: Backend) -> None:
    made = await backend.post("/v1/sessions", {"game": "connect4", "mode": "training", "playerCount": 2})
    assert made.status_code == 201
    first, second = made.json()["players"]
    assert first["id"] != second["id"]
    assert first["id"].startswith("anon_")
    refused = await backend.post("/v1/sessions", {"game": "chess", "mode": "training", "matchType": "private"})
    assert refused.status_code == 400


async def test_rooms_are_for_those_who_prove_their_tenant(backend: Backend, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rooms?game=chess")).status_code == 401
    assert (await client.get("/v1/rooms?game=chess", headers={"Origin": "https://evil.example"})).status_code == 401
    page = await client.get("/v1/rooms?game=chess", headers={"Origin": ORIGIN})
    assert (page.status_code, page.json()) == (200, {"rooms": []})
    assert (await backend.get("/api/v1/rooms?game=chess")).json() == {"rooms": []}
    assert (await backend.get("/v1/rooms")).json() == {"error": "game is required"}


async def test_a_plan_is_a_tenants(services: Services, client: httpx.AsyncClient) -> None:
    starter = await new_backend(services, client, "Small Games", Plan.STARTER)
    assert (await starter.get("/v1/sessions/x")).headers["x-ratelimit-limit"] == "60"


async def test_a_page_of_a_shared_token_asks_which_of_the_two_it_is_for(
    backend: Backend, client: httpx.AsyncClient
) -> None:
    shared = (await backend.session("chess", "ann", "bob", matchType="private"))["sessionToken"]
    alone = (await backend.session("chess", "ann", matchType="bot"))["sessionToken"]

    async def page(token: str, **asked: str) -> tuple[int, str]:
        answer = await client.get("/embed", params={"token": token, **asked})
        return answer.status_code, answer.text

    status, text = await page(shared)
    assert status == 400
    assert "Two players share this token" in text
    assert (await page(shared, player="bob"))[0] == 200
    assert (await page(shared, player="eve"))[0] == 400
    assert (await page(shared, room="elsewhere"))[0] == 200, "whoever watches sits nowhere"
    assert (await page(alone))[0] == 200
