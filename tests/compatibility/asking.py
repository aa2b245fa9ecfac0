"""A client that knows nothing of ours: it asks over HTTP, and says in words where an answer differs from what is
documented.

It decides nothing about which answers are right; the checks beside it do.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

SESSION_COOKIE = "next-auth.session-token"


class Differs(Exception):
    """An answer is not what the documentation says."""


def expect(is_so: bool, otherwise: str) -> None:
    """Raises Differs with the words in `otherwise` unless it is so."""
    if not is_so:
        raise Differs(otherwise)


Kind = Callable[[object], bool]


def _matches(pattern: str) -> Kind:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_text_or_null(value: object) -> bool:
    return value is None or isinstance(value, str)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_list(value: object) -> bool:
    return isinstance(value, list)


def is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


is_id = _matches(r"[A-Za-z0-9_-]{4,64}")
is_day = _matches(r"\d{4}-\d\d-\d\d")
is_time_in_seconds = _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
is_time_in_milliseconds = _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
is_address = _matches(r"(https?:/)?/\S+")

Shape = Mapping[str, Kind]


def expect_shape(value: object, shape: Shape, what: str) -> None:
    """Every field of the shape is there and of its kind. More may be there: clients ignore what they do not know."""
    if not isinstance(value, dict):
        raise Differs(f"{what} is not an object")
    for name, is_kind in shape.items():
        expect(name in value, f"{what} has no `{name}`")
        expect(is_kind(value[name]), f"`{name}` of {what} is {value[name]!r}")


def _below(value: object, step: str | int) -> object:
    if isinstance(value, dict):
        return value[step]
    if isinstance(value, list) and isinstance(step, int):
        return value[step]
    raise TypeError


@dataclass(frozen=True)
class Answer:
    """What came back: a status, headers, and a body that may be JSON."""

    asked: str
    status: int
    headers: Mapping[str, str]
    set_cookies: tuple[str, ...]
    text: str

    def body(self) -> object:
        try:
            return json.loads(self.text)
        except ValueError:
            raise Differs(f"{self.asked} answered {self.status} with what is no JSON") from None

    def ok(self, shape: Shape, status: int = HTTPStatus.OK) -> "Answer":
        """The documented status, and every documented field."""
        expect(self.status == status, f"{self.asked} answered {self.status} instead of {status}: {self.text[:200]}")
        expect_shape(self.body(), shape, f"the answer to {self.asked}")
        return self

    def refused(self, status: int, code: str, *, naming: str = "") -> "Answer":
        """The one form of every error, with this status and code; `naming` stands in its text for people."""
        expect(self.status == status, f"{self.asked} answered {self.status} instead of {status}: {self.text[:200]}")
        expect_shape(self.body(), {"error": is_text, "message": is_text}, f"the refusal of {self.asked}")
        expect(self.at("error") == code, f"{self.asked} was refused as {self.at('error')!r} instead of {code!r}")
        message = self.word("message")
        expect(bool(message.strip()), f"{self.asked} was refused without a word for people")
        expect(naming in message, f"the text {message!r} does not name {naming!r}")
        return self

    def at(self, *path: str | int) -> object:
        """What stands at this place of the body. Raises Differs where there is nothing."""
        value = self.body()
        for step in path:
            try:
                value = _below(value, step)
            except (KeyError, IndexError, TypeError):
                raise Differs(f"the answer to {self.asked} has nothing at {path}") from None
        return value

    def word(self, *path: str | int) -> str:
        value = self.at(*path)
        if not isinstance(value, str):
            raise Differs(f"{path} in the answer to {self.asked} is no text")
        return value

    def number(self, *path: str | int) -> float:
        value = self.at(*path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Differs(f"{path} in the answer to {self.asked} is no number")
        return value

    def rows(self, *path: str | int) -> list[object]:
        value = self.at(*path)
        if not isinstance(value, list):
            raise Differs(f"{path} in the answer to {self.asked} is no list")
        return list(value)


class Client:
    """One visitor: cookies of its own, and whatever headers it always sends."""

    def __init__(self, base: str, *, bearer: str = "") -> None:
        self._base = base
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=60)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json_body: object = None,
        form: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        content_type: str = "",
    ) -> Answer:
        """One request; redirects are not followed, since the documentation speaks of them."""
        headers = dict(self._headers)
        if content_type:
            headers["Content-Type"] = content_type
        async with self._http.request(
            method,
            urljoin(self._base, path),
            params=query,
            json=json_body,
            data=form if form is not None else raw,
            headers=headers,
            allow_redirects=False,
        ) as response:
            return Answer(
                f"{method} {path}",
                response.status,
                {name.lower(): value for name, value in response.headers.items()},
                tuple(response.headers.getall("Set-Cookie", [])),
                await response.text(),
            )

    async def get(self, path: str, **query: str) -> Answer:
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, body: object) -> Answer:
        return await self.ask("POST", path, json_body=body)

    async def csrf_token(self) -> str:
        return (await self.get("/api/auth/csrf")).ok({"csrfToken": is_text}).word("csrfToken")

    async def sign_in(self, email: str, password: str) -> Answer:
        form = {"email": email, "password": password, "csrfToken": await self.csrf_token()}
        return await self.ask("POST", "/api/auth/callback/credentials", form=form)

    async def sign_out(self) -> Answer:
        return await self.ask("POST", "/api/auth/signout", form={"csrfToken": await self.csrf_token()})

    def token(self) -> str:
        """The session token that this visitor holds, or ``""``."""
        held = self._http.cookie_jar.filter_cookies(URL(self._base)).get(SESSION_COOKIE)
        return held.value if held is not None else ""

    def hold(self, token: str) -> None:
        """Come with this session token from now on."""
        self._http.cookie_jar.update_cookies({SESSION_COOKIE: token}, URL(self._base))
