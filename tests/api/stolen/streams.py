"""A stream token, and an invitation to watch."""

from dataclasses import replace

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrator.play.stream_access import TOKEN_LIFE
from streaming.audience import Role
from tests.api.stolen.agent import agent_of, connecting
from tests.api.stolen.doors import opens_no_door
from tests.api.stolen.lines import line
from tests.api.stolen.scene import Scene


@line(
    "stream token", "can", "for five minutes, play the one session that it names, and so take it over from its player"
)
async def a_stream_token_opens_its_session(scene: Scene) -> None:
    agent = agent_of(scene)
    assert await connecting(scene, agent, scene.stream_token) == 200
    assert agent.seats[scene.order.session_id].roles == [Role.PLAYER]


@line("stream token", "cannot", "open another session of the same host")
async def a_stream_token_is_for_one_session(scene: Scene) -> None:
    assert await connecting(scene, agent_of(scene), scene.stream_token, "ses1") == 403


@line("stream token", "cannot", "open anything on another host, even a session of the same id")
async def a_stream_token_is_for_one_host(scene: Scene) -> None:
    agent = replace(agent_of(scene), host_id=scene.other_host.host_id)
    assert await connecting(scene, agent, scene.stream_token) == 401


@line("stream token", "cannot", "be used after its five minutes")
async def a_stream_token_ends(scene: Scene) -> None:
    later_s = TOKEN_LIFE.total_seconds() + 60
    assert await connecting(scene, agent_of(scene), scene.stream_token, later_s=later_s) == 401


@line("stream token", "cannot", "be used once its player has taken the invitations back, which revokes all of them")
async def a_stream_token_is_revoked(scene: Scene) -> None:
    async with scene.asking(**scene.replica.signed_in) as player:
        answer = await player.post("/api/game/invites/revoke", json={"sessionId": scene.order.session_id})
        assert answer.status_code == 200, answer.text
    async with scene.hosts() as (host, _):
        [order] = [each for each in (await host.sync()).sessions if each.session_id == scene.order.session_id]
    agent = agent_of(scene)
    agent.seats[scene.order.session_id].lowest_epoch = order.epoch
    assert await connecting(scene, agent, scene.stream_token) == 401


@line("stream token", "cannot", "become a player's, or anybody's but the orchestrator's word: a changed one is nothing")
async def a_stream_token_cannot_be_made(scene: Scene) -> None:
    claims = jwt.decode(scene.stream_token, options={"verify_signature": False}) | {"session": "ses1"}
    header = {"kid": jwt.get_unverified_header(scene.stream_token)["kid"]}
    forged = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
    unsigned = jwt.encode(claims, "", algorithm="none", headers=header)
    for token in (forged, unsigned):
        assert await connecting(scene, agent_of(scene), token, "ses1") == 401


@line("stream token", "cannot", "ask anything of the orchestrator")
async def a_stream_token_opens_no_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.stream_token)


@line("invitation link", "can", "watch that one session while it lasts")
async def an_invitation_watches(scene: Scene) -> None:
    token = await _watchers_token(scene)
    agent = agent_of(scene)
    assert await connecting(scene, agent, token) == 200
    assert agent.seats[scene.order.session_id].roles == [Role.WATCHER]


@line("invitation link", "cannot", "play, end the session, or see anything else of its player's")
async def an_invitation_only_watches(scene: Scene) -> None:
    await opens_no_door(scene, await _watchers_token(scene))
    await opens_no_door(scene, await _invitation(scene))


async def _invitation(scene: Scene) -> str:
    async with scene.asking(**scene.replica.signed_in) as player:
        made = await player.post("/api/game/invites", json={"sessionId": scene.order.session_id})
        assert made.status_code == 201, made.text
        return made.json()["inviteUrl"].partition("#")[2]


async def _watchers_token(scene: Scene) -> str:
    wanted = {"sessionId": scene.order.session_id, "secret": await _invitation(scene)}
    async with scene.asking() as thief:
        return (await thief.post("/api/game/watch", json=wanted)).json()["streamToken"]
