"""What a thief can do with each key, token and cookie, and what not: each line of the table in docs/threat-model.md.

A line is a test here with the same words, and the last test holds the two against each other.
"""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Litestar
from litestar.routes import HTTPRoute

import orchestrator
from agent_protocol import Capacity, DesiredSession, ObservedSession, SyncResponse, Usage
from gameserver_agent.host_usage import HostFigures
from gameserver_agent.http.app import make_app
from orchestrator.accounts import tokens
from orchestrator.accounts.throttle import Limit
from orchestrator.app import create_app
from orchestrator.arena import session_tokens
from orchestrator.arena.description import PREFIXES
from orchestrator.play.stream_access import TOKEN_LIFE
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan
from streaming.audience import Role
from streaming.protocol import Introduction, SessionDescription
from tests.api.served import Served
from tests.integration.orchestrator.arena.players import clients_of
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.saves.playing import saved, start

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"
PASSWORD = "correct horse battery staple"
OFFER = {"type": "offer", "sdp": "v=0"}
PAGE = "https://games.acme.example"


@dataclass
class Scene:
    """A player who plays on one host, a publisher and a tenant; and a neighbour of each."""

    replica: Served
    order: DesiredSession
    seen: SyncResponse
    version_id: str
    slot_id: str
    stream_token: str
    other_host: ScriptedHost
    other_tenants_key: str
    other_tenants_session: str
    session: dict[str, Any]

    @property
    def host(self) -> ScriptedHost:
        return self.replica.host

    @asynccontextmanager
    async def asking(self, **headers: str) -> AsyncGenerator[httpx.AsyncClient]:
        """A thief's program, with these headers."""
        async with httpx.AsyncClient(base_url=self.replica.url, headers=headers, timeout=60) as client:
            yield client

    def bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    @asynccontextmanager
    async def hosts(self) -> AsyncGenerator[tuple[ScriptedHost, ScriptedHost]]:
        """The player's host and the other one, with a connection to speak by."""
        async with self.asking() as client:
            self.host.client = self.other_host.client = client
            yield self.host, self.other_host

    async def joining(self, token: str, name: str) -> int:
        """The status with which a new machine is taken in."""
        async with self.asking() as client:
            return (await ScriptedHost(client, token, name=name, images=()).join()).status_code

    @property
    def cookie(self) -> str:
        """The player's."""
        return self.replica.signed_in["Cookie"].partition("=")[2]


@pytest.fixture(scope="module")
def scene(replica: Served) -> Scene:
    return asyncio.run(_scene(replica))


async def _scene(replica: Served) -> Scene:
    host = replica.host
    async with (
        httpx.AsyncClient(base_url=replica.url, headers=replica.signed_in, timeout=60) as player,
        httpx.AsyncClient(base_url=replica.url, headers=replica.as_admin, timeout=60) as admin,
        httpx.AsyncClient(base_url=replica.url, timeout=60) as nobody,
        open_services(replica.settings) as services,
    ):
        host.client = nobody
        order = await start(player, host)
        version_id = (await saved(host, order, b"an archive"))["versionId"]
        status = (await player.get("/api/game/session-status", params={"sessionId": order.session_id})).json()
        [slot] = (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"]
        token = (await admin.post("/api/admin/join-tokens", json={})).json()["token"]
        other_host = ScriptedHost(nobody, token, name="host-b", images=())
        assert (await other_host.join()).status_code == 200
        other, _ = await services.tenant_keys.create("Other Games", Plan.ENTERPRISE)
        return Scene(
            replica=replica,
            order=order,
            seen=await host.sync(),
            version_id=version_id,
            slot_id=slot["id"],
            stream_token=status["streamToken"],
            other_host=other_host,
            other_tenants_key=other.secret,
            other_tenants_session=(await _match(nobody, other.secret))["sessionId"],
            session=await _match(nobody, replica.as_tenant["Authorization"].partition(" ")[2]),
        )


async def _match(client: httpx.AsyncClient, key: str, **fields: Any) -> dict[str, Any]:
    order = {"game": "tictactoe", "players": [{"id": "ann", "displayName": "Ann"}], **fields}
    answer = await client.post("/v1/sessions", json=order, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 201, answer.text
    return answer.json()


Check = Callable[[Scene], Awaitable[None]]
LINES: dict[tuple[str, str, str], Check] = {}


def line(stolen: str, verdict: str, words: str) -> Callable[[Check], Check]:
    """This test holds that line of the document."""

    def keep(check: Check) -> Check:
        assert (stolen, verdict, words) not in LINES
        LINES[stolen, verdict, words] = check
        return check

    return keep


# --- every door of the HTTP surface, and whose it is

HOSTS, PUBLISHERS, TENANTS, PEOPLE = "a host's", "a publisher's", "a tenant's", "a signed-in person's"
OPEN = ("/api/auth/", "/api/games", "/api/agents/join", "/api/game/watch")
OPEN_OF_TENANTS = tuple(f"{prefix}/sessions/validate" for prefix in PREFIXES)


def doors() -> Iterator[tuple[str, str, str]]:
    """Whose, method, path: of every handler that takes a proof."""
    app: Litestar = create_app(Settings())
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method in sorted(set(route.methods) - {"OPTIONS"}):
            whose = _whose(route.path)
            if whose is not None:
                yield whose, method, route.path


def _whose(path: str) -> str | None:
    if path.startswith(PREFIXES):
        return None if path in OPEN_OF_TENANTS or path.endswith("/rooms") else TENANTS
    if path.startswith("/api/partners") or (path.endswith("/upload") and path.startswith("/api/games")):
        return PUBLISHERS
    if path.startswith("/api/agents/") and not path.endswith("/join"):
        return HOSTS
    if path.startswith("/api/") and (path.endswith("/favorite") or not path.startswith((*OPEN, "/api/socket"))):
        return PEOPLE
    return None


DOORS = list(doors())
_QUERY = {"revision": "1", "generation": "1", "digest": "0" * 64, "size": "1", "sessionId": "ses1", "gameSlug": "x"}


async def opens_no_door(scene: Scene, secret: str, *but: str) -> None:
    """`secret`, as a bearer's and as a cookie, is answered 401 at every door but those of `but`."""
    headers = scene.bearer(secret) | {"Cookie": f"{tokens.COOKIE}={secret}"}
    async with scene.asking(**headers) as thief:
        asked = [(method, path) for whose, method, path in DOORS if whose not in but]
        for number, (method, path) in enumerate(asked):
            address = re.sub(r"\{transfer:\w+\}", "arc" + "0" * 22, path)
            address = re.sub(r"\{slug:\w+\}", "garden", address)
            address = re.sub(r"\{\w+:\w+\}", "x1", address)
            # Wrong keys are counted by address; the replica believes this machine's proxies.
            sender = {"X-Forwarded-For": f"192.0.2.{number}"}
            answer = await thief.request(method, address, params=_QUERY, headers=sender)
            assert answer.status_code == 401, (method, path, answer.status_code, answer.text)
    assert len(asked) > 50


def test_the_doors_are_all_there() -> None:
    """Each kind has some, and what is walked has not shrunk unseen."""
    for whose, least in ((HOSTS, 8), (PUBLISHERS, 14), (TENANTS, 25), (PEOPLE, 50)):
        assert sum(of == whose for of, _, _ in DOORS) >= least, whose


# --- a stream token, against the agent's own HTTP


@dataclass
class Seat:
    lowest_epoch: int = 0
    roles: list[Role] = field(default_factory=list[Role])

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        self.roles.append(role)
        return SessionDescription(type="answer", sdp="v=0")


@dataclass
class Agent:
    """An agent that knows what the orchestrator has told it, and runs this session."""

    host_id: str
    installation: str
    jwks: dict[str, object]
    seats: dict[str, Seat]

    def figures(self) -> HostFigures:
        return HostFigures(
            0,
            0,
            0,
            Usage(cpu_cores=0, memory_bytes=0),
            Capacity(cpu_cores=1, memory_bytes=1, seats=1, disk_free_bytes=1),
        )

    def is_engine_well(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return True

    def observed(self) -> tuple[ObservedSession, ...]:
        return ()

    def session(self, session_id: str) -> Seat | None:
        return self.seats.get(session_id)

    async def metrics(self) -> bytes:
        return b""

    def keys(self) -> dict[str, object]:
        return self.jwks

    def names(self) -> tuple[str, str]:
        return self.host_id, self.installation


def agent_of(scene: Scene) -> Agent:
    issuer = jwt.decode(scene.stream_token, options={"verify_signature": False})["iss"]
    seats = {scene.order.session_id: Seat(), "ses1": Seat()}
    return Agent(scene.host.host_id, issuer, scene.seen.keys, seats)


async def connecting(scene: Scene, agent: Agent, token: str, session_id: str = "", later_s: float = 0) -> int:
    """The status with which the agent answers an offer with this token, so much later than the token was made."""
    issued_s = jwt.decode(scene.stream_token, options={"verify_signature": False})["iat"]
    app = make_app(agent, secret="s", play_url=scene.replica.url, now_s=lambda: issued_s + later_s)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/session/{session_id or scene.order.session_id}/connect"
            return (await client.post(url, json={"token": token, "offer": OFFER})).status_code
    finally:
        await runner.cleanup()


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


# --- an invitation


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


# --- a host's key


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


# --- a publisher's key


@line("publisher key", "can", "change its publisher's games and upload new versions, which players then run")
async def a_publisher_key_changes_its_games(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_publisher) as thief:
        changed = await thief.patch("/api/partners/games/garden", json={"description": "Another one."})
        assert changed.status_code == 200, changed.text


@line("publisher key", "can", "make itself a new key; the list of keys shows it to the publisher and to the operator")
async def a_publisher_key_makes_another(scene: Scene) -> None:
    publisher_id, key = await _publisher(scene, "Robbed")
    async with scene.asking(**scene.bearer(key)) as thief:
        made = await thief.post("/api/partners/keys/rotate", json={})
        assert made.status_code in {200, 201}, made.text
    async with scene.asking(**scene.replica.as_admin) as admin:
        assert len((await admin.get(f"/api/admin/publishers/{publisher_id}")).json()["keys"]) == 2


@line("publisher key", "cannot", "see, change or replace a game of another publisher, or one of the operator's")
async def a_publisher_key_touches_no_other_game(scene: Scene) -> None:
    _, key = await _publisher(scene, "Neighbour")
    async with scene.asking(**scene.bearer(key)) as thief:
        for slug in ("garden", "the-question"):
            path = f"/api/partners/games/{slug}"
            answers = [await thief.get(path), await thief.patch(path, json={"title": "Mine"})]
            gzip = {"Content-Type": "application/gzip"}
            answers.append(await thief.put(f"/api/games/{slug}/upload", content=b"\x1f\x8b evil", headers=gzip))
            assert {answer.status_code for answer in answers} <= {403, 404}, [answer.text for answer in answers]


@line("publisher key", "cannot", "ask for anything of people, hosts, tenants or operators")
async def a_publisher_key_opens_no_other_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.replica.as_publisher["Authorization"].partition(" ")[2], PUBLISHERS)


@line("publisher key", "cannot", "be used once it was revoked, from the next request on")
async def a_publisher_key_is_revoked(scene: Scene) -> None:
    publisher_id, key = await _publisher(scene, "Warned")
    async with scene.asking(**scene.replica.as_admin) as admin, scene.asking(**scene.bearer(key)) as thief:
        assert (await thief.get("/api/partners/games")).status_code == 200
        [known] = (await admin.get(f"/api/admin/publishers/{publisher_id}")).json()["keys"]
        await admin.delete(f"/api/admin/publishers/{publisher_id}/keys/{known['id']}")
        assert (await thief.get("/api/partners/games")).status_code == 401


async def _publisher(scene: Scene, name: str) -> tuple[str, str]:
    async with _services(scene) as services:
        made = await services.publisher_keys.create(name)
        return made.publisher.id, made.secret


@asynccontextmanager
async def _services(scene: Scene) -> AsyncGenerator[Services]:
    """As the operator's command line has them, beside the replica."""
    async with open_services(scene.replica.settings) as services:
        yield services


# --- a tenant's key


@line("tenant key", "can", "start sessions at the tenant's cost, read all of them, and change where its webhooks go")
async def a_tenant_key_is_its_tenant(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_tenant) as thief:
        assert (await _match(thief, scene.replica.as_tenant["Authorization"].partition(" ")[2]))["sessionToken"]
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
    async with _services(scene) as services:
        _, test = await services.tenant_keys.create("Testing", Plan.ENTERPRISE)
    order = {"game": "tictactoe", "mode": "live", "players": [{"id": "ann"}]}
    async with scene.asking(**scene.bearer(test.secret)) as thief:
        assert (await thief.post("/v1/sessions", json=order)).status_code in {400, 403}


@line("tenant key", "cannot", "ask more often than the plan allows")
async def a_tenant_key_is_counted(scene: Scene) -> None:
    async with _services(scene) as services:
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
    async with _services(scene) as services:
        live, _ = await services.tenant_keys.create("Revoked", Plan.ENTERPRISE)
        async with scene.asking(**scene.bearer(live.secret)) as thief:
            assert (await thief.get("/v1/webhooks")).status_code == 200
            await services.tenant_keys.revoke(live.tenant.id, live.key.id)
            assert (await thief.get("/v1/webhooks")).status_code == 401


# --- a tenant's session token


@line(
    "session token",
    "can",
    "for an hour, play that one session as its player, read its state and list the tenant's rooms",
)
async def a_session_token_plays(scene: Scene) -> None:
    async with scene.asking() as thief, clients_of(scene.replica.url) as clients:
        key = scene.replica.as_tenant["Authorization"].partition(" ")[2]
        session = await _match(thief, key, matchType="bot", players=[{"id": "ann"}])
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
        other = await _match(thief, scene.replica.as_tenant["Authorization"].partition(" ")[2])
        client = await clients.connected("tictactoe", scene.session["sessionToken"])
        await client.join(other)
        assert await client.refusal() == "unauthorized"


@line("session token", "cannot", "play after its hour")
async def a_session_token_ends(scene: Scene) -> None:
    async with _services(scene) as services:
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


# --- the cookie of a signed-in person


@line(
    "account session", "can", "play, read and delete saves, read and export the account, and sign its other devices out"
)
async def a_cookie_is_its_person(scene: Scene) -> None:
    async with scene.asking(**scene.replica.signed_in) as thief:
        for path in (
            "/api/account",
            "/api/account/export",
            "/api/account/devices",
            f"/api/saves/{scene.slot_id}/versions",
        ):
            assert (await thief.get(path)).status_code == 200, path


@line(
    "account session",
    "can",
    "as a tenant's member, make and revoke that tenant's keys and change where its webhooks go",
)
async def a_members_cookie_is_its_tenant(scene: Scene) -> None:
    cookie = await _registered(scene, "member@example.org")
    async with _services(scene) as services, scene.asking(Cookie=f"{tokens.COOKIE}={cookie}") as thief:
        live, _ = await services.tenant_keys.create("Robbed Games", Plan.ENTERPRISE)
        path = f"/api/console/{live.tenant.id}"
        assert (await thief.get(f"{path}/webhooks")).status_code in {403, 404}
        await services.tenant_members.add(live.tenant.id, "member@example.org", may_be_unconfirmed=True)
        assert (await thief.get(f"{path}/webhooks")).status_code == 200
        made = await thief.post(f"{path}/keys", json={"mode": "live"})
        assert made.status_code == 201, made.text


@line("account session", "cannot", "change the password or the address, or delete the account, without the password")
async def a_cookie_is_no_password(scene: Scene) -> None:
    cookie = await _registered(scene, "robbed@example.org")
    changes = {
        "/api/account/password": {"currentPassword": "a guess", "newPassword": "another password"},
        "/api/account/email": {"email": "thief@example.org", "password": "a guess"},
        "/api/account/delete": {"password": "a guess"},
    }
    async with scene.asking(Cookie=f"{tokens.COOKIE}={cookie}") as thief:
        for path, fields in changes.items():
            answer = await thief.post(path, json=fields)
            assert (answer.status_code, answer.json()["error"]) == (403, "wrong_password"), path


@line("account session", "cannot", "see or touch a session or a save of another person")
async def a_cookie_touches_nobody_else(scene: Scene) -> None:
    cookie = await _registered(scene, "neighbour@example.org")
    session = {"sessionId": scene.order.session_id}
    async with scene.asking(Cookie=f"{tokens.COOKIE}={cookie}") as thief:
        answers = [
            await thief.get("/api/game/session-status", params=session),
            await thief.post("/api/game/stop", json=session),
            await thief.post("/api/game/invites", json=session),
            await thief.get(f"/api/saves/{scene.slot_id}/download"),
            await thief.delete(f"/api/saves/{scene.slot_id}"),
        ]
    assert {answer.status_code for answer in answers} <= {403, 404}, [answer.text for answer in answers]


@line(
    "account session",
    "cannot",
    "do what operators do, unless it is an admin's: then it can do all that is under `/api/admin`",
)
async def a_cookie_is_no_operators(scene: Scene) -> None:
    doors = [(method, path) for _, method, path in DOORS if path.startswith("/api/admin")]
    assert len(doors) > 20
    async with scene.asking(**scene.replica.signed_in) as thief:
        for method, path in doors:
            answer = await thief.request(method, re.sub(r"\{\w+:\w+\}", "x1", path), json={})
            assert answer.status_code == 403, (method, path, answer.text)
    async with scene.asking(**scene.replica.as_admin) as admin:
        assert (await admin.get("/api/admin/users")).status_code == 200


@line("account session", "cannot", "be used by a page of another site in the person's browser")
async def a_cookie_is_for_our_pages(scene: Scene) -> None:
    async with scene.asking(**scene.replica.signed_in, Origin="https://evil.example") as foreign_page:
        answer = await foreign_page.post("/api/game/stop", json={"sessionId": scene.order.session_id})
        assert answer.status_code == 403
    async with scene.asking() as nobody:
        csrf = (await nobody.get("/api/auth/csrf")).headers["set-cookie"].lower()
    assert "httponly" in csrf
    assert "samesite=lax" in csrf


@line("account session", "cannot", "ask for anything of hosts, publishers or tenants")
async def a_cookie_opens_no_other_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.cookie, PEOPLE)


@line("account session", "cannot", "be used after a new password, or once its device is signed out")
async def a_cookie_ends_with_its_device(scene: Scene) -> None:
    stolen = await _registered(scene, "changed@example.org")
    async with _services(scene) as services:
        own = await services.accounts.sign_in("changed@example.org", PASSWORD, address="192.0.2.1")
    async with (
        scene.asking(Cookie=f"{tokens.COOKIE}={stolen}") as thief,
        scene.asking(Cookie=f"{tokens.COOKIE}={own}") as person,
    ):
        assert (await thief.get("/api/account")).status_code == 200
        words = {"currentPassword": PASSWORD, "newPassword": PASSWORD + "!"}
        assert (await person.post("/api/account/password", json=words)).status_code == 204
        assert (await thief.get("/api/account")).status_code == 401
        [device] = (await person.get("/api/account/devices")).json()["devices"]
        assert (await person.delete(f"/api/account/devices/{device['id']}")).status_code == 204
        assert (await person.get("/api/account")).status_code == 401


async def _registered(scene: Scene, email: str) -> str:
    """The cookie of a new person."""
    async with _services(scene) as services:
        return await services.accounts.register(email, PASSWORD, "Somebody", address="192.0.2.9")


# --- the document


@pytest.mark.parametrize("words", LINES, ids=[f"{stolen}: {verdict} {words}"[:90] for stolen, verdict, words in LINES])
async def test_a_stolen(words: tuple[str, str, str], scene: Scene) -> None:
    await LINES[words](scene)


def test_the_limits_are_those_of_the_document() -> None:
    limits = [each for kept in vars_of_limits() for each in kept]
    told = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (\d+) min \|", DOCUMENT.read_text(), re.MULTILINE)
    assert {(name, int(tries), int(minutes)) for name, tries, minutes in told} == {
        (limit.name, limit.tries, limit.window // timedelta(minutes=1)) for limit in limits
    }


def vars_of_limits() -> Iterator[list[Limit]]:
    """Those that each module of the orchestrator's names."""
    for found in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            yield [value for value in vars(module).values() if isinstance(value, Limit)]


def test_each_line_of_the_threat_model_is_held_by_a_test_and_each_test_by_a_line() -> None:
    rows = [row for row in DOCUMENT.read_text().splitlines() if re.match(r"\| .+ \| (can|cannot) \| .+ \|$", row)]
    told = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]
    assert len(told) == len(set(told))
    assert set(told) == set(LINES)
