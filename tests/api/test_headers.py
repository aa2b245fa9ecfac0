"""Whatever is asked of a replica, by whomever: the answer has the headers that guard it, and a page holds no code."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.routes import BaseRoute, HTTPRoute

from orchestrator.app import create_app
from orchestrator.settings import Settings
from tests.api.served import PLAIN, Served

ASKERS = ("nobody", "player", "admin")
SCHEMES_OF_CODE = re.compile(r"\s*(javascript|data|vbscript):", re.IGNORECASE)
SOURCES = {"src", "href", "action", "formaction", "poster", "data", "srcset"}
PAGES_THAT_PLAY = ("/games/", "/play/", "/watch/", "/embed")
UNKNOWN = [("GET", "/nowhere"), ("GET", "/api/nowhere"), ("POST", "/"), ("DELETE", "/signin"), ("GET", "/static/x.js")]
OTHERS = [
    *UNKNOWN,
    ("GET", "/static/css/base.css"),
    ("GET", "/static/js/play.js"),
    ("GET", "/socket.io/?EIO=4&transport=polling"),
    ("GET", "/api/socket/io/?EIO=4&transport=polling"),
    ("GET", "/games/%00"),
    ("GET", "/api/games?limit=x"),
]


def requests() -> Iterator[tuple[str, str]]:
    """Each method of each route, asked of something that is there or not."""
    app: Litestar = create_app(Settings())
    for route in app.routes:
        address = re.sub(r"\{slug:\w+\}", "the-question", route.path)
        address = re.sub(r"\{\w+:\w+\}", "x1", address)
        for method in sorted(_methods(route)):
            yield method, address
    yield from OTHERS


def _methods(route: BaseRoute) -> set[str]:
    return set(route.methods) if isinstance(route, HTTPRoute) else {"GET"}


ALL = list(requests())


class Code(HTMLParser):
    """What a page would run, or fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        is_data = named.get("type") == "application/json"
        self._inside = tag if tag in {"script", "style"} and "src" not in named and not is_data else ""
        self.found += [f"<{tag} {name}>" for name in named if name == "style" or name.startswith("on")]
        for name in SOURCES & set(named):
            value = named[name] or ""
            if SCHEMES_OF_CODE.match(value) or (tag in {"script", "link", "img"} and re.match(r"(https?:)?//", value)):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.found.append(f"<{self._inside}>{data[:40]}")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def code_in(page: str) -> list[str]:
    reader = Code()
    reader.feed(page)
    return reader.found


def policy_of(answer: httpx.Response) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: sources for name, _, sources in parts}


@pytest.mark.parametrize("asker", ASKERS)
def test_every_answer_is_guarded_and_no_page_holds_code(replica: Served, asker: str) -> None:
    proof = {"nobody": {}, "player": replica.signed_in, "admin": replica.as_admin}[asker]
    pages = 0
    with httpx.Client(base_url=replica.url, headers=proof | {"Accept": "text/html"}, **PLAIN) as client:
        for method, path in ALL:
            answer = client.request(method, path)
            told = (method, path, answer.status_code)
            assert answer.headers["x-content-type-options"] == "nosniff", told
            assert answer.headers["referrer-policy"] in {"same-origin", "no-referrer"}, told
            assert "cross-origin-resource-policy" in answer.headers, told
            assert "unsafe" not in answer.headers["content-security-policy"], told
            policy = policy_of(answer)
            is_page = answer.headers.get("content-type", "").startswith("text/html") and not answer.is_redirect
            if not is_page or path.startswith(
                "/schema"
            ):  # where the framework has a page of its own for a wrong address
                assert policy["default-src"] == "'none'", told
                continue
            pages += 1
            assert not code_in(answer.text), told
            assert answer.headers.get("cache-control") == "private, no-store", told
            assert policy["script-src"] == policy["style-src"] == "'self'", told
            assert policy["object-src"] == policy["base-uri"] == policy["frame-src"] == "'none'", told
            assert answer.headers["cross-origin-opener-policy"] == "same-origin", told
            if path.startswith("/embed"):
                continue  # who may frame it is the tenant's to say
            assert policy["frame-ancestors"] == "'none'", told
            assert answer.headers["x-frame-options"] == "DENY", told
            if not path.startswith(PAGES_THAT_PLAY):
                assert policy["connect-src"] == "'self'", told
    assert pages > 10


def test_the_reader_of_pages_finds_code() -> None:
    """What is looked for is found where it is."""
    for page in (
        "<p onclick='x()'>", "<p style='color: red'>", "<script>alert(1)</script>", "<style>p {}</style>",
        "<a href=' javascript:alert(1)'>", "<script src='https://evil.example/x.js'></script>", "<img src='//evil/x'>",
    ):  # fmt: skip
        assert code_in(page), page
    data = "<script type='application/json'>{}</script>"
    assert not code_in("<script type='module' src='/static/x.js'></script><a href='/games'>on=1</a>" + data)


@pytest.mark.parametrize(("url", "is_told"), [("https://play.example", True), ("http://127.0.0.1:8000", False)])
async def test_browsers_that_reach_us_by_tls_are_told_to_stay_there(url: str, is_told: bool) -> None:
    app: Any = create_app(Settings(public_url=url))  # httpx and Litestar name the same interface by different types
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        answer = await client.get("/health/live")
    assert ("strict-transport-security" in answer.headers) is is_told
