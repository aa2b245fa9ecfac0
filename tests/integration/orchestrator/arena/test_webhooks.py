"""A tenant's webhooks from the API to the target: endpoints by key, what a match tells them, log, secrets."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from orchestrator.audit.log import AuditLog, Question
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan
from orchestrator.webhooks.models import DeliveryState
from tests.conftest import only_on
from tests.integration.orchestrator.arena.conftest import Backend, new_backend
from tests.integration.orchestrator.arena.players import Clients, until
from tests.integration.orchestrator.webhooks.receiver import Receiver, receiving

HOOKS = "/v1/webhooks"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With targets on this machine."""
    return settings.model_copy(update={"webhook_networks": ("127.0.0.1/32",)})


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def added(backend: Backend, url: str, **fields: Any) -> dict[str, Any]:
    answer = await backend.post(HOOKS, {"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send(backend: Backend, method: str, path: str, fields: Any = None) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {backend.live_key}"}
    return await backend.http.request(method, path, json=fields, headers=bearer)


async def log_of(backend: Backend, endpoint_id: str, query: str = "") -> list[dict[str, Any]]:
    return (await backend.get(f"{HOOKS}/{endpoint_id}/deliveries{query}")).json()["deliveries"]


async def test_what_happens_in_a_match_arrives_signed_and_stands_in_the_log(
    clients: Clients, backend: Backend, services: Services, receiver: Receiver
) -> None:
    made = await added(backend, receiver.url)
    assert (made["state"], made["events"], made["secret"][:6]) == ("active", [], "whsec_")
    only_ends = await added(backend, receiver.url, events=["game.ended"])
    session = await backend.session("tictactoe", "ann", "bob")
    test_session = {"game": "tictactoe", "players": [{"id": "ann"}]}
    assert (await backend.post("/v1/sessions", test_session, key=backend.test_key)).status_code == 201

    ann, bob = [await clients.connected("tictactoe", session["sessionToken"]) for _ in range(2)]
    await ann.join(session, "ann")
    await ann.hears("matchmaking:waiting")
    await bob.join(session, "bob")
    room = (await ann.hears("game:started"))["roomId"]
    await bob.hears("game:started")
    await ann.say("game:move", {"roomId": room, "playerId": "ann", "position": 4})
    await bob.hears("game:move:made")
    await bob.say("game:resign", {"roomId": room, "playerId": "bob"})
    await ann.hears("game:over")

    async def has_ended() -> bool:
        ended = await services.webhooks.log(backend.tenant_id, state=DeliveryState.DELIVERED)
        return len(ended) == 5

    await until(has_ended)
    own = [each for each in receiver.received if each.is_signed_by(made["secret"])]
    names = ["session.created", "session.started", "game.move", "game.ended"]
    assert [each.json["event"] for each in own] == names
    assert {each.json["sessionId"] for each in own} == {session["sessionId"]}
    assert (own[-1].json["data"]["winner"], own[-1].json["data"]["reason"]) == ("ann", "resignation")
    [other] = [each for each in receiver.received if each.is_signed_by(only_ends["secret"])]
    assert (other.json["event"], other.json["eventId"]) == ("game.ended", own[-1].json["eventId"])

    log = await log_of(backend, made["id"])
    assert [each["event"] for each in reversed(log)] == names
    assert {(each["state"], each["attempts"][-1]["status"]) for each in log} == {("delivered", 200)}
    assert len(await log_of(backend, made["id"], "?event=game.move")) == 1
    assert await log_of(backend, made["id"], "?state=failed") == []
    assert len(await log_of(backend, made["id"], f"?sessionId={session['sessionId']}&limit=2")) == 2
    assert await log_of(backend, made["id"], f"?before={log[-1]['number']}") == []

    again = await send(backend, "POST", f"{HOOKS}/{made['id']}/deliveries/{log[0]['eventId']}/redeliver")
    assert again.status_code == 202
    await until(_count(receiver, 6))
    assert receiver.received[-1].json["eventId"] == log[0]["eventId"]
    assert receiver.received[-1].json["deliveryId"] != own[-1].json["deliveryId"]


async def test_an_endpoint_is_tested_stopped_restarted_rotated_and_removed(
    backend: Backend, services: Services, receiver: Receiver
) -> None:
    made = await added(backend, receiver.url, events=["game.ended"])
    path = f"/api{HOOKS}/{made['id']}"
    answer = await send(backend, "POST", f"{path}/test")
    assert answer.status_code == 202
    await until(_count(receiver, 1))
    came = receiver.received[0]
    assert (came.json["event"], came.json["eventId"]) == ("webhook.test", answer.json()["eventId"])
    assert came.is_signed_by(made["secret"])

    stopped = (await send(backend, "POST", f"{path}/stop")).json()
    assert (stopped["state"], stopped["stoppedBecause"]) == ("stopped", "Its owner stopped it.")
    refused = await send(backend, "POST", f"{path}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_stopped")
    await services.webhooks.stop(backend.tenant_id, made["id"], "another reason")
    restarted = (await send(backend, "POST", f"{path}/restart", {"since": "2026-01-01T00:00:00Z"})).json()
    assert (restarted["webhook"]["state"], restarted["sentAgain"]) == ("active", 0)

    rotated = (await send(backend, "POST", f"{path}/rotate", {"graceHours": 2})).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["formerSecretUntil"] is not None
    changing = await send(backend, "POST", f"{path}/rotate")
    assert (changing.status_code, changing.json()["code"]) == (409, "secret_changing")
    await send(backend, "POST", f"{path}/test")
    await until(_count(receiver, 2))
    assert receiver.received[1].is_signed_by(made["secret"])
    assert receiver.received[1].is_signed_by(rotated["secret"], "X-BetaGamer-Signature-Next")
    assert (await send(backend, "DELETE", f"{path}/former-secret")).json()["formerSecretUntil"] is None
    await send(backend, "POST", f"{path}/test")
    await until(_count(receiver, 3))
    assert receiver.received[2].is_signed_by(rotated["secret"])

    changed = await send(backend, "PATCH", path, {"events": ["game.move", "game.ended"]})
    assert (changed.json()["events"], changed.json()["url"]) == (["game.move", "game.ended"], receiver.url)
    listed = (await backend.get(HOOKS)).json()
    assert [each["id"] for each in listed["webhooks"]] == [made["id"]]
    assert "secret" not in listed["webhooks"][0]
    assert "chess.check" in listed["available"]
    assert (await send(backend, "DELETE", path)).status_code == 204
    assert (await backend.get(path)).status_code == 404

    log = await AuditLog(services.database).page(Question(subject=backend.tenant_id))
    by_key = [entry for entry in log.entries if entry.event.actor_kind == "tenant-key"]
    did = ("make", "test", "stop", "restart", "rotate", "test", "rotate", "test", "change", "remove")
    assert [each.event.action for each in reversed(by_key)] == [f"tenant.webhook_{word}" for word in did]
    [key] = {(each.event.actor_id, each.actor_name) for each in by_key}
    [live_id] = [each.id for each in await services.tenant_keys.keys_of(backend.tenant_id) if each.mode == "live"]
    [name] = {entry.subject_name for entry in by_key}
    assert key == (live_id, f"A key of {name}")


async def test_another_tenant_and_a_test_key_reach_nothing(
    backend: Backend, services: Services, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await added(backend, receiver.url)
    other = await new_backend(services, client, "Other")
    assert (await other.get(HOOKS)).json()["webhooks"] == []
    path = f"{HOOKS}/{made['id']}"
    for method, way in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/rotate"),
        ("DELETE", f"{path}/former-secret"),
        ("POST", f"{path}/stop"),
        ("POST", f"{path}/restart"),
        ("POST", f"{path}/test"),
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/deliveries/none/redeliver"),
    ):
        answer = await send(other, method, way, {} if method != "GET" else None)
        assert answer.status_code == 404, (method, way)
        assert answer.json()["code"] == "not_found"
    assert (await backend.get(path)).json()["state"] == "active"

    by_test_key = await backend.post(HOOKS, {"url": receiver.url}, key=backend.test_key)
    assert (by_test_key.status_code, by_test_key.json()["error"]) == (403, "Test API key cannot manage webhooks")
    nobody = await client.get(HOOKS)
    assert (nobody.status_code, nobody.json()["error"]) == (401, "Missing Authorization header")
    assert (await backend.post(HOOKS, {}, Origin="https://evil.example")).status_code == 403


@only_on("sqlite")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://10.0.0.1/", "private addresses"),
        ("https://[::ffff:192.168.0.1]/", "private addresses"),
        ("https://2130706433/", "usual form"),
        ("http://hooks.example/", None),  # networks are named here: by name it may lead there
        ("ftp://hooks.example/", "begins with https"),
        ("https://user:word@hooks.example/", "no user"),
        ("https://hooks.example:22/", "port"),
        ("https://" + "h" * 2000, "at most 2000"),
        ("", "at least 1"),
    ],
)
async def test_a_url_that_cannot_be_a_target_is_refused_by_name(backend: Backend, url: str, words: str | None) -> None:
    answer = await backend.post(HOOKS, {"url": url})
    if words is None:
        assert answer.status_code == 201
        return
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert answer.json()["code"] in {"unfit_url", "invalid_request"}


@only_on("sqlite")
async def test_bad_fields_are_named(backend: Backend, receiver: Receiver) -> None:
    made = await added(backend, receiver.url)
    path = f"{HOOKS}/{made['id']}"
    unknown = await backend.post(HOOKS, {"url": receiver.url, "events": ["game.over"]})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_event")
    for method, way, fields in (
        ("POST", HOOKS, {"url": 7}),
        ("POST", HOOKS, {"url": receiver.url, "events": "all"}),
        ("PATCH", path, {"url": "https://127.0.0.2/"}),
        ("POST", f"{path}/rotate", {"graceHours": -1}),
        ("POST", f"{path}/rotate", {"graceHours": 1e9}),
        ("POST", f"{path}/restart", {"since": "0001-01-01T00:00:00+14:00"}),
        ("POST", f"{path}/restart", {"since": "yesterday"}),
        ("POST", f"{path}/restart", [1]),
        ("GET", f"{path}/deliveries?state=gone", None),
        ("GET", f"{path}/deliveries?limit=0", None),
        ("GET", f"{path}/deliveries?before=-1", None),
    ):
        answer = await send(backend, method, way, fields)
        assert answer.status_code == 400, (way, fields, answer.text)
        assert answer.json()["error"]
    for _ in range(4):
        await added(backend, receiver.url)
    full = await backend.post(HOOKS, {"url": receiver.url})
    assert (full.status_code, full.json()["code"]) == (409, "too_many_webhooks")


@only_on("sqlite")
async def test_another_plan_tries_as_often_as_it_says(backend: Backend, services: Services, receiver: Receiver) -> None:
    made = await added(backend, receiver.url)
    assert (await services.webhooks.endpoint(backend.tenant_id, made["id"])).retries == 3
    await services.tenant_keys.change(backend.tenant_id, plan=Plan.PRO)
    assert (await services.webhooks.endpoint(backend.tenant_id, made["id"])).retries == 5


def _count(receiver: Receiver, number: int) -> Any:
    async def has_come() -> bool:
        return len(receiver.received) >= number

    return has_come
