"""Whatever a host sends wrongly is refused by name, and changes nothing."""

from typing import Any

import httpx
import pytest

from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import ScriptedHost

JSON = {"content-type": "application/json"}
CAPACITY = {"cpu_cores": 1, "memory_bytes": 1, "seats": 1, "disk_free_bytes": 1}
SYNC: dict[str, Any] = {
    "incarnation": 9,
    "seq": 1,
    "public_url": "http://127.0.0.1:9100",
    "capacity": CAPACITY,
    "usage": {"cpu_cores": 0, "memory_bytes": 0},
}
JOIN = {"token": "join_x", "name": "host", "public_key": "A" * 43, "public_url": "http://127.0.0.1:9100"}


@pytest.mark.parametrize("path", ["/api/agents/join", "/api/agents/sync"])
async def test_a_body_that_is_no_object_is_an_invalid_request(host: ScriptedHost, path: str) -> None:
    for body in (b"", b"{", b"[]", b"7", b"\xff", b"null"):
        answer = await host.client.post(path, content=body, headers=host.headers | JSON)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (body, answer.text)


async def test_what_nobody_known_sends_is_not_even_read(host: ScriptedHost) -> None:
    for headers in (JSON, JSON | {"authorization": "Bearer x"}):
        answer = await host.client.post("/api/agents/sync", content=b"[" * 7_000_000, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized"), answer.text


async def test_a_report_without_a_field_is_refused(host: ScriptedHost) -> None:
    for missing in ("incarnation", "seq", "public_url", "capacity", "usage"):
        body = {name: value for name, value in SYNC.items() if name != missing}
        await is_refused(host, body, names=missing)


WRONG_VALUES: list[tuple[str, object]] = [
    ("incarnation", "nine"),
    ("seq", None),
    ("seq", 2**70),
    ("public_url", 7),
    ("public_url", "ftp://127.0.0.1:9100"),
    ("public_url", "http://"),
    ("public_url", "http://me:secret@127.0.0.1:9100"),
    ("public_url", "http://127.0.0.1:9100/admin?all=1"),
    ("public_url", "http://127.0.0.1:9100/admin#"),
    ("public_url", "http://127.0.0.1:9100/" + "a" * 500),
    ("capacity", CAPACITY | {"seats": "four"}),
    ("sessions", {}),
    ("sessions", [{"session_id": "ses1"}]),
    ("sessions", [{"session_id": "ses1", "generation": 1, "state": "asleep"}]),
    (
        "sessions",
        [{"session_id": "s", "generation": 1, "state": "running", "last_input_at": "2026-03-09T12:00:00"}],
    ),
    ("images", [{"image_id": 7}]),
]


async def test_a_report_with_a_wrong_value_is_refused(host: ScriptedHost) -> None:
    for field, value in WRONG_VALUES:
        await is_refused(host, SYNC | {field: value})


async def is_refused(host: ScriptedHost, body: dict[str, Any], names: str = "") -> None:
    answer = await host.client.post("/api/agents/sync", json=body, headers=host.headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (body, answer.text)
    assert names in answer.json()["message"]
    await host.sync()  # still of incarnation 1: nothing of the other was taken


async def test_a_report_that_is_older_than_the_last_is_refused(host: ScriptedHost) -> None:
    answer = await host.post_sync(host.seq)
    assert (answer.status_code, answer.json()["error"]) == (409, "stale_sync")


async def test_who_shows_no_valid_token_is_not_heard(client: httpx.AsyncClient) -> None:
    for authorization in ("", "Bearer", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer " + "x" * 4000):
        headers = {"Authorization": authorization}
        for answer in (
            await client.post("/api/agents/sync", json=SYNC, headers=headers),
            await client.get("/api/agents/wait", params={"revision": 0}, headers=headers),
        ):
            assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized"), authorization


WRONG_JOINS: list[tuple[dict[str, object], int]] = [
    ({}, 401),
    ({"public_key": "short"}, 400),
    ({"public_key": "é" * 43}, 400),
    ({"name": ""}, 400),
    ({"public_url": "http://127.0.0.1:9100/?a=b"}, 400),
    ({"name": 7}, 400),
    ({"token": None}, 400),
    ({"labels": ["a"]}, 400),
]


async def test_a_join_that_cannot_be_is_refused(client: httpx.AsyncClient, services: Services) -> None:
    for change, status in WRONG_JOINS:
        answer = await client.post("/api/agents/join", json=JOIN | change)
        assert answer.status_code == status, (change, answer.text)
        assert await services.fleet_overview.hosts() == [], change


async def test_a_wait_names_the_revision_it_knows(host: ScriptedHost) -> None:
    for params in ({"revision": ""}, {"revision": "x"}, {"revision": "1.5"}, {}):
        answer = await host.client.get("/api/agents/wait", params=params, headers=host.headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), params


async def test_operators_pages_are_for_admins(client: httpx.AsyncClient, signed_in: SignedIn) -> None:
    player = await signed_in()
    for path in ("/api/admin/hosts", "/api/admin/games/the-question/profile"):
        assert (await client.get(path)).status_code == 401, path
        assert (await player.get(path)).status_code == 403, path


async def test_a_text_that_no_database_can_hold_is_refused(signed_in: SignedIn) -> None:
    player = await signed_in()
    for path in ("/api/games/a%00b", "/api/games?search=a%00b", "/api/games?tag=a%00b"):
        assert (await player.get(path)).status_code in {200, 400, 404}, path
