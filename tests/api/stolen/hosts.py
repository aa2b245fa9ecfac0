"""A host's key, and the token with which a machine joins."""

from dataclasses import replace

import jwt

from tests.api.stolen.agent import agent_of, connecting
from tests.api.stolen.doors import HOSTS, opens_no_door
from tests.api.stolen.lines import line
from tests.api.stolen.scene import Scene
from tests.integration.orchestrator.conftest import ScriptedHost


@line("host key", "can", "see which sessions its host runs, report lies about them and end them")
async def a_host_key_speaks_for_its_host(scene: Scene) -> None:
    async with scene.hosts() as (host, _):
        seen = await host.sync()
    assert scene.order.session_id in {each.session_id for each in seen.sessions}


@line("host key", "can", "read and replace the saves of the slots that are played on its host just then")
async def a_host_key_reads_the_saves_that_it_runs(scene: Scene) -> None:
    async with scene.asking(**scene.host.headers) as thief:
        assert (await thief.get(f"/api/agents/saves/{scene.version_id}")).content == b"an archive"
    async with scene.hosts() as (host, _):
        host.captures += 100
        assert (await host.put_save(scene.order, b"another archive")).status_code == 200


@line("host key", "cannot", "read a save that is not played on its host now")
async def a_host_key_reads_no_other_saves(scene: Scene) -> None:
    async with scene.asking(**scene.other_host.headers) as thief:
        for path in ("", "/way"):
            assert (await thief.get(f"/api/agents/saves/{scene.version_id}{path}")).status_code == 403


@line("host key", "cannot", "write a save or a picture of a session that was never placed on its host")
async def a_host_key_writes_no_other_saves(scene: Scene) -> None:
    async with scene.hosts() as (_, thief):
        assert (await thief.put_save(scene.order, b"evil")).status_code == 403
    async with scene.asking(**scene.other_host.headers) as thief:
        picture = await thief.put(f"/api/agents/saves/{scene.version_id}/picture", content=b"\xff\xd8\xff evil")
        assert picture.status_code == 403


@line("host key", "cannot", "end or move a session of another host: reports about it change nothing")
async def a_host_key_ends_no_other_session(scene: Scene) -> None:
    async with scene.hosts() as (_, thief):
        await thief.end(scene.order)
    async with scene.asking(**scene.replica.signed_in) as player:
        query = {"sessionId": scene.order.session_id}
        assert (await player.get("/api/game/session-status", params=query)).json()["status"] == "running"


@line("host key", "cannot", "make a stream token, its own host's included: agents take the orchestrator's alone")
async def a_host_key_signs_no_stream_token(scene: Scene) -> None:
    claims = jwt.decode(scene.stream_token, options={"verify_signature": False})
    header = {"kid": jwt.get_unverified_header(scene.stream_token)["kid"]}
    forged = jwt.encode(claims, scene.host.key, algorithm="EdDSA", headers=header)
    assert await connecting(scene, agent_of(scene), forged) == 401


@line("host key", "cannot", "speak for another host: the name in its token must be that of the key")
async def a_host_key_names_no_other(scene: Scene) -> None:
    thief = replace(scene.other_host, host_id=scene.host.host_id)
    async with scene.asking(**thief.headers) as client:
        assert (await client.get("/api/agents/wait", params={"revision": "-1"})).status_code == 401


@line("host key", "cannot", "ask for anything of people, publishers, tenants or operators")
async def a_host_key_opens_no_other_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.host.headers["Authorization"].partition(" ")[2], HOSTS)


@line("host key", "cannot", "be used once an operator has removed the host")
async def a_host_key_ends_with_its_host(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_admin) as admin:
        token = (await admin.post("/api/admin/join-tokens", json={})).json()["token"]
        host = ScriptedHost(admin, token, name="host-c", images=())
        await host.sync()
        assert (await admin.delete(f"/api/admin/hosts/{host.host_id}")).status_code == 200
        answer = await host.post_sync(host.seq + 1)
        assert (answer.status_code, answer.json()["error"]) == (401, "host_removed")


@line("join token", "can", "add one machine to the fleet within a day, on which players' games and saves then lie")
async def a_join_token_joins(scene: Scene) -> None:
    assert await scene.joining(await _join_token(scene), "host-d") == 200


@line("join token", "cannot", "be used again by another, or once it was taken back")
async def a_join_token_joins_once(scene: Scene) -> None:
    token = await _join_token(scene)
    assert await scene.joining(token, "host-e") == 200
    assert await scene.joining(token, "host-f") == 401
    token = await _join_token(scene)
    async with scene.asking(**scene.replica.as_admin) as admin:
        for each in (await admin.get("/api/admin/join-tokens")).json()["tokens"]:
            await admin.delete(f"/api/admin/join-tokens/{each['id']}")
    assert await scene.joining(token, "host-g") == 401


async def _join_token(scene: Scene) -> str:
    async with scene.asking(**scene.replica.as_admin) as admin:
        return (await admin.post("/api/admin/join-tokens", json={})).json()["token"]
