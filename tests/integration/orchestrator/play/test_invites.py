"""Invitations over the documented HTTP: made, accepted, taken back, and of no use to anybody else."""

import httpx
import jwt
import pytest
from sqlalchemy import select

from orchestrator.limits.throttle import Limit
from orchestrator.play import invite_controllers
from orchestrator.play.invites import INVITES_LIMIT
from orchestrator.play.models import Invite
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.scenes import running, status


async def invite(player: httpx.AsyncClient, session_id: str) -> httpx.Response:
    return await player.post("/api/game/invites", json={"sessionId": session_id})


async def secret_of(player: httpx.AsyncClient, session_id: str) -> str:
    answer = await invite(player, session_id)
    assert answer.status_code == 201, answer.text
    address, _, secret = answer.json()["inviteUrl"].partition("#")
    assert address.endswith(f"/watch/{session_id}")
    return secret


async def watch(client: httpx.AsyncClient, session_id: str, secret: str, **more: str) -> httpx.Response:
    return await client.post("/api/game/watch", json={"sessionId": session_id, "secret": secret, **more})


async def revoke(player: httpx.AsyncClient, session_id: str) -> httpx.Response:
    return await player.post("/api/game/invites/revoke", json={"sessionId": session_id})


async def test_whoever_has_the_link_gets_a_watchers_token_and_little_else(
    client: httpx.AsyncClient, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    secret = await secret_of(player, order.session_id)
    answer = await watch(client, order.session_id, secret, name=" Ben ")
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert set(view) == {
        "sessionId", "status", "gameTitle", "playerName", "containerUrl", "streamToken", "iceServers", "person",
        "paused", "expiresAt",
    }  # fmt: skip
    assert (view["status"], view["gameTitle"], view["playerName"]) == ("running", "The Question", "player")
    claims = jwt.decode(view["streamToken"], options={"verify_signature": False})
    assert (claims["role"], claims["name"], claims["person"]) == ("watcher", "Ben", view["person"])
    assert (claims["aud"], claims["session"], claims["epoch"]) == (f"host:{host.host_id}", order.session_id, 0)
    again = (await watch(client, order.session_id, secret, person=view["person"])).json()
    assert again["person"] == view["person"]
    assert (await watch(client, order.session_id, secret)).json()["person"] != view["person"]


async def test_the_secret_itself_is_nowhere_in_the_database(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await running(player, host)
    secret = await secret_of(player, order.session_id)
    async with services.database.read() as session:
        [row] = await session.scalars(select(Invite))
        assert secret not in repr(vars(row))


async def test_taking_back_ends_links_and_tokens_and_the_host_hears_of_it(
    client: httpx.AsyncClient, player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    secrets = [await secret_of(player, order.session_id) for _ in range(2)]
    before = await status(player, order.session_id)
    heard = (await host.sync()).revision
    assert (await revoke(player, order.session_id)).json() == {"status": "ok"}
    for secret in secrets:
        answer = await watch(client, order.session_id, secret)
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    response = await host.sync()
    assert response.revision > heard
    assert [item.epoch for item in response.sessions] == [1]
    after = await status(player, order.session_id, wait=5, after=before["revision"])
    claims = jwt.decode(after["streamToken"], options={"verify_signature": False})
    assert (claims["role"], claims["epoch"]) == ("player", 1)
    assert (await watch(client, order.session_id, await secret_of(player, order.session_id))).status_code == 200


async def test_a_link_opens_its_own_session_alone_and_only_its_player_makes_one(
    client: httpx.AsyncClient,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
) -> None:
    order = await running(player, host)
    secret = await secret_of(player, order.session_id)
    for session_id, given in (("ses1", secret), (order.session_id, "x" * 32)):
        assert (await watch(client, session_id, given)).status_code == 403
    assert (await watch(client, order.session_id, "x" * 65)).status_code == 400
    for act in (invite, revoke):
        assert (await act(other_player, order.session_id)).status_code == 403
        assert (await act(client, order.session_id)).status_code == 401
        assert (await act(player, "ses1")).status_code == 404


async def test_links_are_bounded_and_end_with_their_session(
    client: httpx.AsyncClient, player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await running(player, host)
    secrets = [await secret_of(player, order.session_id) for _ in range(INVITES_LIMIT)]
    refused = await invite(player, order.session_id)
    assert (refused.status_code, refused.json()["error"]) == (409, "invites_full")
    await host.end(order)
    for answer in (await watch(client, order.session_id, secrets[0]), await invite(player, order.session_id)):
        assert (answer.status_code, answer.json()["error"]) == (409, "session_ended")
    await secret_of(player, (await running(player, host)).session_id)
    async with services.database.read() as session:
        assert len(list(await session.scalars(select(Invite)))) == 1


async def test_an_address_asks_only_so_often(
    client: httpx.AsyncClient,
    player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = invite_controllers.WATCHES_OF_ADDRESS
    monkeypatch.setattr(invite_controllers, "WATCHES_OF_ADDRESS", Limit(limit.name, 3, limit.window))
    codes = [(await watch(client, "ses1", "x" * 32)).status_code for _ in range(4)]
    assert codes == [403, 403, 403, 429]
