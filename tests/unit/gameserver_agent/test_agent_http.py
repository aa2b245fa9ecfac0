"""The agent's port: whatever strangers send to it, the answer has a name and nothing else happens."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from agent_protocol import Capacity, ObservedSession, ObservedState, Usage
from gameserver_agent.errors import SeatError
from gameserver_agent.host_usage import HostFigures
from gameserver_agent.http.app import PlayableSession, make_app
from gameserver_agent.identity import public_key_text
from metering import CONTENT_TYPE
from streaming.audience import Role
from streaming.protocol import Introduction, SessionDescription

NOW_S = 1_800_000_000.0
KEY = Ed25519PrivateKey.generate()
JWKS: dict[str, object] = {
    "keys": [{"kty": "OKP", "crv": "Ed25519", "x": public_key_text(KEY), "kid": "k1", "alg": "EdDSA"}]
}
OFFER = {"type": "offer", "sdp": "v=0"}
CAPACITY = Capacity(cpu_cores=2, memory_bytes=1, seats=4, disk_free_bytes=1)


@dataclass
class Session:
    """Remembers the offers that reached it."""

    lowest_epoch: int = 0
    offers: list[SessionDescription] = field(default_factory=list[SessionDescription])
    bearers: list[tuple[Role, str]] = field(default_factory=list[tuple[Role, str]])
    refusal: SeatError | None = None

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        if self.refusal is not None:
            raise self.refusal
        self.bearers.append((role, "" if who is None else who.name))
        self.offers.append(offer)
        return SessionDescription(type="answer", sdp="v=0")


@dataclass
class OneSession:
    """An agent with one session, `ses1`."""

    held: Session = field(default_factory=Session)

    def figures(self) -> HostFigures:
        return HostFigures(1.0, 2.0, 3.0, Usage(cpu_cores=1, memory_bytes=1), CAPACITY)

    def is_engine_well(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return False

    def observed(self) -> tuple[ObservedSession, ...]:
        return (ObservedSession(session_id="ses1", generation=1, state=ObservedState.RUNNING, peers=1),)

    def session(self, session_id: str) -> PlayableSession | None:
        return self.held if session_id == "ses1" else None

    def keys(self) -> dict[str, object]:
        return JWKS

    async def metrics(self) -> bytes:
        return b"playhouse_agent_engine_up 1.0\n"

    def names(self) -> tuple[str, str]:
        return "hst1", "ins1"


def token(
    session: str = "ses1",
    *,
    expires_in_s: float = 300,
    epoch: int = 0,
    issuer: str = "ins1",
    role: str = "player",
    name: str = "",
) -> str:
    claims = {
        "iss": issuer,
        "aud": "host:hst1",
        "exp": int(NOW_S + expires_in_s),
        "session": session,
        "role": role,
        "epoch": epoch,
        "name": name,
    }
    return jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})


@pytest.fixture
def agent() -> OneSession:
    return OneSession()


@pytest.fixture
def metrics_token() -> str:
    return "prometheus"


@pytest.fixture
async def browser(agent: OneSession, metrics_token: str) -> AsyncGenerator[aiohttp.ClientSession]:
    app = make_app(
        agent, secret="secret", play_url="https://play.example", now_s=lambda: NOW_S, metrics_token=metrics_token
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def refused(browser: aiohttp.ClientSession, session_id: str, body: bytes) -> tuple[int, str]:
    async with browser.post(f"/session/{session_id}/connect", data=body) as answer:
        problem = await answer.json()
        assert problem["message"]
        assert answer.headers["Access-Control-Allow-Origin"] == "https://play.example"
        return answer.status, problem["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"' + b"[" * 5000,
        b"[" * 100_000,
        b"{}",
        b'{"token": "x"}',
        b'{"token": 1, "offer": {"type": "offer", "sdp": "v=0"}}',
        b'{"token": null, "offer": {"type": "offer", "sdp": "v=0"}}',
        b'{"token": "x", "offer": "v=0"}',
        b'{"token": "x", "offer": {"type": "pranswer", "sdp": "v=0"}}',
        b'{"token": "x", "offer": {"type": "offer", "sdp": 7}}',
        b'{"token": "x", "offer": {"type": "offer", "sdp": "' + b"v" * 300_000 + b'"}}',
        b'{"token": "' + b"x" * 9000 + b'", "offer": {"type": "offer", "sdp": "v=0"}}',
    ],
)
async def test_what_is_no_offer_is_an_invalid_request(
    browser: aiohttp.ClientSession, agent: OneSession, body: bytes
) -> None:
    assert await refused(browser, "ses1", body) == (400, "invalid_request")
    assert agent.held.offers == []


async def test_a_body_without_end_is_not_read_to_it(browser: aiohttp.ClientSession) -> None:
    assert await refused(browser, "ses1", b"x" * 600_000) == (413, "too_large")


async def connect(browser: aiohttp.ClientSession, session_id: str, token: str) -> tuple[int, dict[str, object]]:
    async with browser.post(f"/session/{session_id}/connect", json={"token": token, "offer": OFFER}) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("session_id", "given", "status", "code"),
    [
        ("ses1", "", 401, "unauthorized"),
        ("ses1", "a.b.c", 401, "unauthorized"),
        ("ses1", token(expires_in_s=-60), 401, "unauthorized"),
        ("ses1", token(issuer="ins2"), 401, "unauthorized"),
        ("ses1", token("ses2"), 403, "forbidden"),
        ("ses2", token("ses1"), 403, "forbidden"),
        ("ses2", token("ses2"), 404, "not_found"),
        ("ses2", "a.b.c", 401, "unauthorized"),
        ("%2e%2e", token(".."), 404, "not_found"),
        ("ses1%00", token("ses1\0"), 404, "not_found"),
    ],
)
async def test_a_token_opens_its_own_session_and_no_other(
    browser: aiohttp.ClientSession, agent: OneSession, session_id: str, given: str, status: int, code: str
) -> None:
    got, problem = await connect(browser, session_id, given)
    assert (got, problem.get("error")) == (status, code)
    assert agent.held.offers == []


async def test_a_good_offer_gets_the_seats_answer(browser: aiohttp.ClientSession, agent: OneSession) -> None:
    assert await connect(browser, "ses1", token()) == (200, {"answer": {"type": "answer", "sdp": "v=0"}})
    agent.held.refusal = SeatError("it is still coming up")
    status, problem = await connect(browser, "ses1", token())
    assert (status, problem["error"]) == (409, "seat_not_ready")


@pytest.mark.parametrize(
    ("code", "status", "wire"),
    [
        ("watchers_full", 409, "watchers_full"),
        ("replaced", 409, "replaced"),
        ("revoked", 401, "unauthorized"),
        ("bad_offer", 400, "invalid_request"),
        ("too_fast", 429, "rate_limited"),
    ],
)
async def test_a_watcher_comes_as_such_and_hears_why_not(
    browser: aiohttp.ClientSession, agent: OneSession, code: str, status: int, wire: str
) -> None:
    watcher = token(role="watcher", name="Ben")
    assert (await connect(browser, "ses1", watcher))[0] == 200
    assert agent.held.bearers == [(Role.WATCHER, "Ben")]
    agent.held.refusal = SeatError("no", code)
    got, problem = await connect(browser, "ses1", watcher)
    assert (got, problem["error"]) == (status, wire)


async def test_a_mistake_of_ours_says_nothing_but_the_id_under_which_it_is_logged(
    browser: aiohttp.ClientSession, agent: OneSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session_id: str) -> PlayableSession | None:
        raise RuntimeError("the secret of the host")

    monkeypatch.setattr(agent, "session", broken)
    with capture_logs() as logs:
        async with browser.post("/session/ses1/connect", json={"token": token(), "offer": OFFER}) as answer:
            problem = await answer.json()
            assert answer.headers["Access-Control-Allow-Origin"] == "https://play.example"
    assert (answer.status, problem["error"]) == (500, "internal_error")
    assert "secret" not in problem["message"]
    [logged] = [event for event in logs if event["event"] == "request.failed"]
    assert logged["path"] == "/session/ses1/connect"
    assert logged["request_id"] in problem["message"]


async def test_a_flood_of_bad_offers_keeps_no_player_waiting_and_fills_no_log(
    browser: aiohttp.ClientSession, agent: OneSession
) -> None:
    good = {"type": "offer", "sdp": "v=0" + "a=x" * 50_000}
    forged = token()[:-8] + "AAAAAAAA"
    bodies = [
        b"[" * 500_000,
        b'{"token": "' + b"x" * 500_000,
        *(json.dumps({"token": given, "offer": good}).encode() for given in ("a.b.c", forged, token("ses2"), "")),
    ]
    statuses = Counter[int]()
    enough = asyncio.Event()

    async def flood() -> None:
        for body in itertools.cycle(bodies):
            async with browser.post("/session/ses1/connect", data=body) as answer:
                statuses[answer.status] += 1
            if statuses.total() > 600:
                enough.set()

    with capture_logs() as logs:
        floods = [asyncio.create_task(flood()) for _ in range(16)]
        took_s: list[float] = []
        while not enough.is_set():
            began_s = time.monotonic()
            assert (await connect(browser, "ses1", token()))[0] == 200
            took_s.append(time.monotonic() - began_s)
        for each in floods:
            each.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
    assert set(statuses) == {400, 401, 403}
    assert len(agent.held.offers) == len(took_s)
    assert sorted(took_s)[len(took_s) // 2] < 5
    said = [line for line in logs if line["event"].startswith("stream_token.")]
    assert 60 <= len(said) < statuses[401] + statuses[403]


async def test_a_raised_epoch_ends_older_tokens(browser: aiohttp.ClientSession, agent: OneSession) -> None:
    agent.held.lowest_epoch = 2
    assert (await connect(browser, "ses1", token(epoch=1)))[0] == 401
    assert (await connect(browser, "ses1", token(epoch=2)))[0] == 200


@pytest.mark.parametrize(
    "header", [None, "", "secret", "Bearer", "Bearer ", "Bearer Secret", "Basic secret", "Bearer é"]
)
async def test_what_runs_here_is_told_to_the_operator_alone(browser: aiohttp.ClientSession, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with browser.get("/api/containers", headers=headers) as answer:
        assert answer.status == 401
        assert (await answer.json())["error"] == "unauthorized"
    async with browser.get("/api/containers", headers={"Authorization": "Bearer secret"}) as answer:
        assert [entry["session_id"] for entry in await answer.json()] == ["ses1"]


async def test_metrics_are_for_whoever_has_a_token(browser: aiohttp.ClientSession) -> None:
    passed_on = {"X-Forwarded-For": "203.0.113.9"}
    async with browser.get("/metrics") as answer:
        assert (answer.status, (await answer.json())["error"]) == (401, "unauthorized")
    async with browser.get("/metrics", headers=passed_on | {"Authorization": "Bearer é"}) as answer:
        assert answer.status == 401
    for token_ in ("secret", "prometheus"):
        async with browser.get("/metrics", headers=passed_on | {"Authorization": f"Bearer {token_}"}) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)


@pytest.mark.parametrize("metrics_token", [""])
async def test_without_a_metrics_token_this_machine_may_read_metrics(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/metrics") as answer:
        assert answer.status == 200
    for foreign in ({"X-Forwarded-For": "203.0.113.9"}, {"Via": "1.1 proxy"}, {"Host": "host7.example"}):
        async with browser.get("/metrics", headers=foreign) as answer:
            assert answer.status == 401
        async with browser.get("/metrics", headers=foreign | {"Authorization": "Bearer secret"}) as answer:
            assert answer.status == 200


async def test_health_is_open_and_what_is_not_there_is_named(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/api/health") as answer:
        assert (await answer.json())["containers"] == 1
    async with browser.get("/health/ready") as answer:
        assert answer.status == 503
    async with browser.get("/nowhere") as answer:
        assert (answer.status, (await answer.json())["error"]) == (404, "not_found")
    async with browser.get("/session/ses1/connect") as answer:
        assert (answer.status, (await answer.json())["error"]) == (405, "method_not_allowed")


async def test_a_page_may_time_the_health_answer_and_read_nothing_else(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/api/health") as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://play.example"
        assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/api/containers", "/health/live", "/health/ready"):
        async with browser.get(path) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
