"""Whatever is sent to the session endpoints: an exact status and code, and nothing happens."""

import itertools
from typing import Any

import httpx

from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.play.scenes import launch

POSTS = ("/api/game/launch", "/api/game/keepalive", "/api/game/stop")
GETS = ("/api/game/session-status", "/api/game/sessions", "/api/game/history")
NOT_AN_ID: tuple[Any, ...] = (None, 5, True, [], {}, "", "a b", "../x", "x" * 65, "\x00", "é")


def is_refused(answer: httpx.Response, status: int, error: str) -> bool:
    body = answer.json()
    return (answer.status_code, body["error"]) == (status, error) and bool(body["message"])


async def test_a_body_that_is_no_object_with_the_fields_is_an_invalid_request(player: httpx.AsyncClient) -> None:
    contents = (b"", b"{", b'{"gameSlug":', b"null", b"[]", b'"text"', b"5", b"\xff\xfe", b"{}")
    for path, content in itertools.product(POSTS, contents):
        answer = await player.post(path, content=content, headers={"Content-Type": "application/json"})
        assert is_refused(answer, 400, "invalid_request"), (path, content)


async def test_a_body_that_does_not_say_it_is_json_is_an_invalid_request(player: httpx.AsyncClient) -> None:
    for path, kind in itertools.product(POSTS, ("text/plain", "application/x-www-form-urlencoded", "application/xml")):
        answer = await player.post(path, content=b'{"sessionId": "ses1"}', headers={"Content-Type": kind})
        assert is_refused(answer, 400, "invalid_request"), (path, kind)


async def test_wrongly_typed_fields_of_a_launch_are_invalid_requests(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    wrong: list[dict[str, Any]] = [
        *({"gameSlug": value} for value in (None, 5, True, [], {}, "", "Bad Slug", "a--b", "x" * 101, "\x00")),
        *({"gameSlug": game, "saveSlotId": value} for value in NOT_AN_ID if value is not None),
        *({"gameSlug": game, "fresh": value} for value in (None, "yes", "true", 1, 0, [], {})),
        *({"gameSlug": game, "timezone": value} for value in (None, 5, "", "not a zone", "x" * 65)),
        {"gameSlug": game, "fresh": True, "saveSlotId": "cls1"},
        {"gameslug": game},
    ]
    for body in wrong:
        assert is_refused(await player.post("/api/game/launch", json=body), 400, "invalid_request"), body
    for key in ("", "x" * 201):
        assert is_refused(await launch(player, key=key), 400, "invalid_request"), key
    assert (await player.get("/api/game/sessions")).json() == {"sessions": []}


async def test_wrongly_typed_fields_of_a_session_are_invalid_requests(player: httpx.AsyncClient) -> None:
    for value in NOT_AN_ID:
        for path in POSTS[1:]:
            assert is_refused(await player.post(path, json={"sessionId": value}), 400, "invalid_request"), value
    for frames in (-1, 1.5, "5", True, [], 1_000_001):
        body = {"sessionId": "ses1", "framesDecoded": frames}
        assert is_refused(await player.post("/api/game/keepalive", json=body), 400, "invalid_request"), frames


async def test_wrongly_typed_queries_are_invalid_requests(player: httpx.AsyncClient) -> None:
    wrong: list[tuple[str, dict[str, str]]] = [
        (GETS[0], {}),
        *((GETS[0], {"sessionId": value}) for value in ("", "a b", "../x", "x" * 65)),
        *((GETS[0], {"sessionId": "ses1", "wait": value}) for value in ("-1", "26", "soon", "nan", "inf")),
        (GETS[0], {"sessionId": "ses1", "after": "x" * 65}),
        *((GETS[2], {"page": value}) for value in ("0", "-1", "1.5", "first", "1000001")),
        *((GETS[2], {"limit": value}) for value in ("0", "51", "many")),
    ]
    for path, query in wrong:
        assert is_refused(await player.get(path, params=query), 400, "invalid_request"), query


async def test_an_unknown_session_or_game_is_not_found(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    assert is_refused(await launch(player, "unknown"), 404, "not_found")
    assert is_refused(await launch(player, saveSlotId="cls-nobody"), 404, "not_found")
    assert is_refused(await player.get(GETS[0], params={"sessionId": "ses-nobody"}), 404, "not_found")
    for path in POSTS[1:]:
        assert is_refused(await player.post(path, json={"sessionId": "ses-nobody"}), 404, "not_found")


async def test_nobody_is_told_anything_without_signing_in(client: httpx.AsyncClient) -> None:
    """401 comes before a look at the body."""
    for path in POSTS:
        assert is_refused(await client.post(path, content=b"{"), 401, "unauthorized")
    for path in GETS:
        assert is_refused(await client.get(path, params={"page": "first"}), 401, "unauthorized")


async def test_a_wrong_method_has_a_name_too(player: httpx.AsyncClient) -> None:
    for path in POSTS:
        assert is_refused(await player.get(path), 405, "method_not_allowed")
    for path in GETS:
        assert is_refused(await player.post(path, json={}), 405, "method_not_allowed")
