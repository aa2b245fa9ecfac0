"""A tenant's key, and the token of one of its sessions."""

from datetime import timedelta

import jwt
import pytest

from orchestrator.arena import session_tokens
from orchestrator.tenants.plans import Plan
from tests.api.stolen.doors import TENANTS, opens_no_door
from tests.api.stolen.lines import line
from tests.api.stolen.scene import Scene, match
from tests.integration.orchestrator.arena.players import clients_of

PAGE = "https://games.acme.example"


@line("tenant key", "can", "start sessions at the tenant's cost, read all of them, and change where its webhooks go")
async def a_tenant_key_is_its_tenant(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_tenant) as thief:
        assert (await match(thief, scene.replica.as_tenant["Authorization"].partition(" ")[2]))["sessionToken"]
        assert (await thief.get(f"/v1/sessions/{scene.session['sessionId']}")).status_code == 200
        assert (await thief.get("/v1/webhooks")).status_code == 200


@line("tenant key", "cannot", "see a session of another tenant")
async def a_tenant_key_sees_no_other_tenant(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_tenant) as thief:
        assert (await thief.get(f"/v1/sessions/{scene.other_tenants_session}")).status_code == 404


@line("tenant key", "cannot", "be used by a page of an origin that the tenant has not listed")
async def a_tenant_key_is_for_its_pages(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_tenant, Origin="https://evil.example") as thief:
        assert (await thief.get("/v1/webhooks")).status_code == 403


@line("tenant key", "cannot", "make, change or revoke keys, origins or members: that needs a member's sign-in")
async def a_tenant_key_makes_no_key(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_tenant) as thief:
        for method, path in (("POST", "/keys"), ("PUT", "/origins"), ("POST", "/keys/rotate")):
            assert (await thief.request(method, f"/api/console/ten1{path}", json={})).status_code == 401


@line("tenant key", "cannot", "start a live session with a test key")
async def a_test_key_starts_nothing_live(scene: Scene) -> None:
    async with scene.services() as services:
        _, test = await services.tenant_keys.create("Testing", Plan.ENTERPRISE)
    order = {"game": "tictactoe", "mode": "live", "players": [{"id": "ann"}]}
    async with scene.asking(**scene.bearer(test.secret)) as thief:
        assert (await thief.post("/v1/sessions", json=order)).status_code in {400, 403}


@line("tenant key", "cannot", "ask more often than the plan allows")
async def a_tenant_key_is_counted(scene: Scene) -> None:
    async with scene.services() as services:
        live, _ = await services.tenant_keys.create("Slow", Plan.STARTER)
        await services.tenant_keys.change(live.tenant.id, requests_a_minute=1)
    async with scene.asking(**scene.bearer(live.secret)) as thief:
        # A minute may end in between: three within one are too many.
        statuses = [(await thief.get("/v1/webhooks")).status_code for _ in range(4)]
    assert statuses[0] == 200
    assert 429 in statuses


@line("tenant key", "cannot", "ask for anything of people, hosts, publishers or operators")
async def a_tenant_key_opens_no_other_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.replica.as_tenant["Authorization"].partition(" ")[2], TENANTS)


@line("tenant key", "cannot", "be used once it was revoked, from the next request on")
async def a_tenant_key_is_revoked(scene: Scene) -> None:
    async with scene.services() as services:
        live, _ = await services.tenant_keys.create("Revoked", Plan.ENTERPRISE)
        async with scene.asking(**scene.bearer(live.secret)) as thief:
            assert (await thief.get("/v1/webhooks")).status_code == 200
            await services.tenant_keys.revoke(live.tenant.id, live.key.id)
            assert (await thief.get("/v1/webhooks")).status_code == 401


@line(
    "session token",
    "can",
    "for an hour, play that one session as its player, read its state and list the tenant's rooms",
)
async def a_session_token_plays(scene: Scene) -> None:
    async with scene.asking() as thief, clients_of(scene.replica.url) as clients:
        key = scene.replica.as_tenant["Authorization"].partition(" ")[2]
        session = await match(thief, key, matchType="bot", players=[{"id": "ann"}])
        token = session["sessionToken"]
        assert (await thief.get("/v1/sessions/validate", params={"token": token})).json()["valid"] is True
        assert (
            await thief.get("/v1/rooms", params={"game": "tictactoe"}, headers=scene.bearer(token))
        ).status_code == 200
        client = await clients.connected("tictactoe", token)
        await client.join(session)
        await client.hears("game:started")


@line("session token", "cannot", "play another session")
async def a_session_token_is_for_one_session(scene: Scene) -> None:
    async with scene.asking() as thief, clients_of(scene.replica.url) as clients:
        other = await match(thief, scene.replica.as_tenant["Authorization"].partition(" ")[2])
        client = await clients.connected("tictactoe", scene.session["sessionToken"])
        await client.join(other)
        assert await client.refusal() == "unauthorized"


@line("session token", "cannot", "play after its hour")
async def a_session_token_ends(scene: Scene) -> None:
    async with scene.services() as services:
        claims = jwt.decode(scene.session["sessionToken"], options={"verify_signature": False})
        after = session_tokens.LIFETIME + timedelta(seconds=1)
        async with services.database.read() as session:
            now = await services.database.now(session)
        old = services.session_tokens.issue(
            claims["sessionId"], "tictactoe", claims["mode"], claims["matchType"], [], {}, "ann", now - after
        )
        fresh = services.session_tokens.issue(
            claims["sessionId"], "tictactoe", claims["mode"], claims["matchType"], [], {}, "ann", now
        )
    async with clients_of(scene.replica.url) as clients:
        await clients.connected("tictactoe", fresh)
        with pytest.raises(Exception, match="namespaces"):
            await clients.connected("tictactoe", old)


@line("session token", "cannot", "start, list or read sessions of the tenant, nor anything else of anybody")
async def a_session_token_opens_no_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.session["sessionToken"])


@line("session token", "cannot", "be changed or made: only this installation's secret signs one")
async def a_session_token_cannot_be_made(scene: Scene) -> None:
    claims = jwt.decode(scene.session["sessionToken"], options={"verify_signature": False})
    async with scene.asking() as thief:
        for forged in (jwt.encode(claims, "x" * 32, algorithm="HS256"), jwt.encode(claims, "", algorithm="none")):
            answer = await thief.get("/v1/sessions/validate", params={"token": forged})
            assert answer.status_code in {400, 401, 404}, answer.text
