"""What every answer shares: the shape of errors, request ids, and who may send a change."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from litestar import Litestar, get, post
from structlog.testing import capture_logs

from orchestrator.accounts import tokens
from orchestrator.app import create_app

SignedIn = Callable[..., Awaitable[httpx.AsyncClient]]

JSON = {"content-type": "application/json"}


@get("/api/broken", sync_to_thread=False)
def broken() -> None:
    """A bug."""
    raise RuntimeError("the secret of the house")


@post("/api/change", sync_to_thread=False, status_code=200)
def change() -> dict[str, bool]:
    """A change that any signed-in browser may send."""
    return {"changed": True}


@pytest.fixture(scope="module")
def application() -> Litestar:
    """One with two more paths."""
    application = create_app()
    application.register(broken)
    application.register(change)
    return application


@pytest.fixture
def cookie(client: httpx.AsyncClient) -> None:
    client.cookies.set(tokens.COOKIE, "any")


async def test_a_bug_says_nothing_but_the_id_under_which_it_is_logged(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        answer = await client.get("/api/broken")
    body = answer.json()
    assert answer.status_code == 500
    assert body["error"] == "internal_error"
    assert "secret" not in answer.text
    assert body["requestId"] == answer.headers["x-request-id"]
    logged = next(event for event in logs if event["event"] == "request.failed")
    assert logged["request_id"] == body["requestId"]


async def test_whatever_is_refused_has_one_shape(client: httpx.AsyncClient) -> None:
    for method, path, status, code in (
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/games/a/b/c", 404, "not_found"),
        ("DELETE", "/api/auth/session", 405, "method_not_allowed"),
        ("GET", "/elsewhere", 404, "not_found"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["error"]) == (status, code), path
        assert answer.json().keys() == {"error", "message"}, path
        assert answer.headers["x-request-id"].startswith("req"), path


async def test_a_person_gets_a_page_and_a_program_json(client: httpx.AsyncClient) -> None:
    browser = {"accept": "text/html,application/xhtml+xml"}
    page = await client.get("/elsewhere", headers=browser)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert (await client.get("/api/nothing", headers=browser)).json()["error"] == "not_found"


async def test_malformed_json_is_an_invalid_request(client: httpx.AsyncClient) -> None:
    for body in (b"{", b"[]", b'"text"', b"\xff"):
        answer = await client.post("/api/auth/register", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), body


async def test_a_body_beyond_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/auth/register", content=b" " * (1024**2 + 1), headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


async def test_every_request_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    ids = {(await client.get("/health/live")).headers["x-request-id"] for _ in "123"}
    assert len(ids) == 3


async def test_api_answers_are_never_cached(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/change")).headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("cookie")
async def test_another_sites_change_is_refused(client: httpx.AsyncClient) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8001", "http://127.0.0.1:8000.evil"):
        answer = await client.post("/api/change", json={}, headers={"origin": origin})
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden"), origin


@pytest.mark.usefixtures("cookie")
async def test_our_own_pages_and_scripts_may_change(client: httpx.AsyncClient) -> None:
    ours: list[dict[str, str]] = [
        {},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "http://192.168.1.5:8000", "host": "192.168.1.5:8000"},
    ]
    for headers in ours:
        assert (await client.post("/api/change", json={}, headers=headers)).json() == {"changed": True}, headers
        assert (await client.post("/api/change", headers=headers)).json() == {"changed": True}, headers


@pytest.mark.usefixtures("cookie")
async def test_what_a_foreign_form_could_send_is_refused(client: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await client.post("/api/change", content=b"{}", headers={"content-type": kind})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), kind


async def test_without_our_cookie_there_is_nothing_to_abuse(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/change", content=b"x", headers={"origin": "https://evil.example"})
    assert answer.json() == {"changed": True}


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    described = (await client.get("/schema")).json()
    assert {"/api/auth/csrf", "/api/auth/session", "/api/games", "/api/games/{slug}"} <= described["paths"].keys()
    listed = described["components"]["schemas"]["GameEntry"]["properties"]
    assert {"releaseDate", "isFavorite"} <= listed.keys()
