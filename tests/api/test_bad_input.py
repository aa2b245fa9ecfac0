"""Whatever is sent, to whichever endpoint: a refusal with its code, in the one form, and never a 500."""

from collections.abc import Iterator

import httpx
import pytest

from orchestrator.app import create_app
from orchestrator.arena.description import PREFIXES
from orchestrator.fleet.controllers import MOST_SYNC_BYTES
from orchestrator.settings import Settings
from tests.api.served import PLAIN, Served

_IDS = {"slug": "the-question", "transfer": "arc" + "0" * 22}
_OPEN = {"/api/auth/csrf", "/api/auth/session", "/api/games", "/api/games/tags", "/api/games/{slug}"}
_WITHOUT_ACCOUNT = {"/api/agents/join", "/api/game/watch"}  # a token or a link is the proof
_JSON = {"Content-Type": "application/json"}
_ANY_DIGEST = "0" * 64
_OF_HOSTS = {"revision": "1", "generation": "1", "digest": _ANY_DIGEST, "size": "1"}

Operation = tuple[str, str]


def operations() -> Iterator[Operation]:
    """Every operation under `/api`, as its description has it."""
    for path, item in sorted(create_app(Settings()).openapi_schema.to_schema()["paths"].items()):
        for method in sorted(item):
            if (
                path.startswith("/api/")
                and not path.startswith(PREFIXES)
                and method in {"get", "post", "put", "patch", "delete"}
            ):
                yield method.upper(), path


ALL = list(operations())
TAKES_JSON = [
    ("/api/game/launch", True),
    ("/api/game/keepalive", True),
    ("/api/game/stop", True),
    ("/api/saves/cls1/restore", True),
    ("/api/library/redeem", True),
    ("/api/account/password", True),
    ("/api/account/delete", True),
    ("/api/auth/forgot-password", False),
    ("/api/auth/reset-password", False),
    ("/api/agents/join", False),
    ("/api/agents/sync", False),
]
BODIES = {
    "malformed": b'{"gameSlug":',
    "empty": b"",
    "no object": b"[]",
    "null": b"null",
    "missing fields": b"{}",
    "wrong types": b'{"gameSlug": 5, "sessionId": {}, "versionId": [], "token": 1, "name": 2, "incarnation": "x"}',
    "NUL": b'{"gameSlug": "a\\u0000b", "sessionId": "a\\u0000b", "versionId": "\\u0000", "token": "\\u0000"}',
    "lone surrogate": b'{"gameSlug": "\\ud800", "sessionId": "\\ud800", "versionId": "\\udfff", "token": "\\ud800"}',
    "no UTF-8": b'{"gameSlug": "\xff\xfe", "sessionId": "\xff"}',
    "huge number": b'{"gameSlug": 1e999, "sessionId": ' + b"9" * 5000 + b"}",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
}


@pytest.fixture
def client(replica: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=replica.url, **PLAIN) as client:
        yield client


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    assert answer.json()["error"] == code
    assert answer.json()["message"]


def address(path: str) -> str:
    for name in ("slug", "slot_id", "version_id", "session_id", "transfer", "code_id"):
        path = path.replace(f"{{{name}}}", _IDS.get(name, "nobody"))
    return path


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(("path", "is_players"), TAKES_JSON)
def test_a_body_that_is_not_what_it_must_be(
    client: httpx.Client, replica: Served, path: str, is_players: bool, kind: str
) -> None:
    headers = replica.signed_in if is_players else replica.as_host
    answer = client.post(path, content=BODIES[kind], headers={**headers, **_JSON})
    refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(("method", "path"), [each for each in ALL if not each[1].startswith("/api/auth")])
def test_who_is_not_signed_in(client: httpx.Client, method: str, path: str) -> None:
    if path in _OPEN | _WITHOUT_ACCOUNT:
        return
    parameters = {"gameSlug": "the-question", "sessionId": "ses1", **_OF_HOSTS}
    body = {"gameSlug": "the-question", "sessionId": "ses1", "versionId": "ver1"}
    answer = client.request(method, address(path), params=parameters, json=body if method in {"POST", "PUT"} else None)
    refused(answer, 401, "unauthorized")


@pytest.mark.parametrize("path", sorted({path for _, path in ALL}))
def test_a_method_that_it_does_not_have(client: httpx.Client, path: str) -> None:
    refused(client.request("TRACE", address(path)), 405, "method_not_allowed")


@pytest.mark.parametrize(("path", "is_players"), TAKES_JSON)
def test_a_body_beyond_what_is_taken(client: httpx.Client, replica: Served, path: str, is_players: bool) -> None:
    headers = replica.signed_in if is_players else replica.as_host
    most_bytes = MOST_SYNC_BYTES if path == "/api/agents/sync" else 1024**2
    body = b'{"gameSlug": "' + b"a" * most_bytes + b'"}'
    refused(client.post(path, content=body, headers={**headers, **_JSON}), 413, "too_large")


@pytest.mark.parametrize("path", [path for path, is_players in TAKES_JSON if is_players])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
def test_a_body_that_is_not_json(client: httpx.Client, replica: Served, path: str, kind: str) -> None:
    answer = client.post(path, content=b'{"sessionId": "s"}', headers={**replica.signed_in, "Content-Type": kind})
    refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/game/session-status", {}),
        ("/api/game/session-status", {"sessionId": "a b"}),
        ("/api/game/session-status", {"sessionId": "a", "wait": "nan"}),
        ("/api/game/session-status", {"sessionId": "a", "wait": "1e999"}),
        ("/api/game/session-status", {"sessionId": "a\0"}),
        ("/api/game/history", {"page": "0"}),
        ("/api/game/history", {"page": "9" * 400}),
        ("/api/game/history", {"limit": "x"}),
        ("/api/games", {"page": "-1"}),
        ("/api/games", {"limit": "9" * 30}),
        ("/api/saves", {}),
        ("/api/saves", {"gameSlug": "A B"}),
    ],
)
def test_a_query_that_is_not_what_it_must_be(
    client: httpx.Client, replica: Served, path: str, parameters: dict[str, str]
) -> None:
    refused(client.get(path, params=parameters, headers=replica.signed_in), 400, "invalid_request")
