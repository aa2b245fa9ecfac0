"""A scripted player who speaks real HTTP and behaves like the page: repeats what got no answer, follows the status.

It never looks behind the house. What it was told, and when, is in the house's timeline.
"""

import asyncio
import itertools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

ACTIVE = ("starting", "running", "stopping")
ANSWER_WITHIN_S = 30.0
LOST_AFTER_S = 0.02
AGAIN_S = 0.3
PATIENCE_S = 60.0


@dataclass
class Status:
    """What the player was last told of the session."""

    session_id: str
    status: str
    revision: str
    phase: str | None
    error: dict[str, Any] | None = field(default=None)

    @property
    def is_over(self) -> bool:
        return self.status not in ACTIVE

    @property
    def code(self) -> str | None:
        """Of its end."""
        return None if self.error is None else str(self.error["code"])

    @classmethod
    def read(cls, answer: dict[str, Any]) -> Self:
        return cls(answer["sessionId"], answer["status"], answer["revision"], answer["phase"], answer["error"])


class Refused(Exception):
    """An answer that means no, and that asking again does not change now."""

    def __init__(self, status: int, code: str, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.body = body


class Player:
    """One browser. With several replicas each request goes to the next one, as behind a balancer."""

    def __init__(self, urls: list[str], note: Callable[[str], None], address: str | None = None) -> None:
        """`address` is where it comes from, since each address may make so many accounts only."""
        self._urls = itertools.cycle(urls)
        self._origin = urls[0]
        self._note = note
        self._transport = httpx.AsyncHTTPTransport(local_address=address)
        self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN_S, transport=self._transport)
        self._frames_told_s = 0.0
        self.email, self.password = f"{secrets.token_hex(4)}@example.org", secrets.token_hex(8)
        self.stop_took_s: list[float] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def next_url(self) -> str:
        """The replica whose turn it is."""
        return next(self._urls)

    async def close(self) -> None:
        await self._client.aclose()

    async def hang_up(self) -> None:
        """Close the connections that wait for more, as a browser does when its last page is closed."""
        await self._transport.aclose()

    async def register(self) -> None:
        """A new account, then out of the browser's memory and in again by its password."""
        token = (await self._ask("GET", "/api/auth/csrf"))["csrfToken"]
        account = {"email": self.email, "password": self.password, "name": "Chaos", "csrfToken": token}
        await self._ask("POST", "/api/auth/register", account)
        await self.sign_in()

    async def sign_in(self) -> None:
        """Out of the browser's memory, and in again by the password. Raises `Refused`."""
        self._client.cookies.clear()
        token = (await self._ask("GET", "/api/auth/csrf"))["csrfToken"]
        form = {"email": self.email, "password": self.password, "csrfToken": token, "json": "true"}
        headers = {"Origin": self._origin}
        answer = await self._client.post(f"{self._origin}/api/auth/callback/credentials", data=form, headers=headers)
        if answer.status_code != 200:
            content = _content(answer)
            raise Refused(answer.status_code, str(content.get("error")), content)

    async def redeem(self, code: str) -> None:
        """Raises `Refused`."""
        await self._ask("POST", "/api/library/redeem", {"code": code})

    async def launch(self, slug: str, *, loses_answer: bool = False, twice: bool = False) -> str:
        """The id of the session that was asked for once, however often the words had to be repeated."""
        key, body = secrets.token_hex(8), {"gameSlug": slug, "timezone": "Europe/Vienna"}
        if twice:
            return await self._launch_twice(body)
        if loses_answer:
            await self._lost("POST", "/api/game/launch", body, {"Idempotency-Key": key})
        answer = await self._ask("POST", "/api/game/launch", body, {"Idempotency-Key": key})
        self._note(f"player: launched {answer['sessionId']}")
        return str(answer["sessionId"])

    async def _launch_twice(self, body: dict[str, Any]) -> str:
        """Two clicks at one instant: one session, and the other click is told of it."""
        keys = (secrets.token_hex(8), secrets.token_hex(8))
        asked = [self._ask("POST", "/api/game/launch", body, {"Idempotency-Key": key}) for key in keys]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        granted = {str(answer["sessionId"]) for answer in answers if isinstance(answer, dict)}
        named = {
            str(no.body.get("sessionId")) for no in answers if isinstance(no, Refused) and no.code == "session_active"
        }
        self._note(f"player: launched twice, granted {sorted(granted)}, named {sorted(named)}")
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Refused):
                raise answer
        assert len(granted) == 1, f"two launches at once were granted {answers}"
        return granted.pop()

    async def status(self, session_id: str, wait_s: float = 0.0, after: str | None = None) -> Status:
        known = f"&after={after}" if after else ""
        answer = await self._ask("GET", f"/api/game/session-status?sessionId={session_id}&wait={wait_s:g}{known}")
        return Status.read(answer)

    async def stream_token(self, session_id: str) -> str:
        """The right to connect to the session's seat, which is there once it runs."""
        return str((await self._ask("GET", f"/api/game/session-status?sessionId={session_id}"))["streamToken"])

    async def stream_url(self, session_id: str) -> str:
        """Where offers go, once it runs; it ends with a slash."""
        return str((await self._ask("GET", f"/api/game/session-status?sessionId={session_id}"))["containerUrl"])

    async def until(
        self,
        session_id: str,
        holds: Callable[[Status], bool],
        within_s: float,
        *,
        reports_frames: bool = False,
        keeps_alive: bool = True,
    ) -> Status:
        """Follow the session, with keepalives unless the page is gone, until the status is as wanted; the last status
        when it never was.
        """
        deadline = time.monotonic() + within_s
        status = await self.status(session_id)
        told = ""
        while True:
            if told != (told := f"{status.status} {status.phase or ''} {(status.error or {}).get('code', '')}"):
                self._note(f"player: {told}")
            left = deadline - time.monotonic()
            if holds(status) or left <= 0:
                return status
            if keeps_alive and not status.is_over:
                await self._keep_alive(session_id, reports_frames=reports_frames)
            status = await self.status(session_id, wait_s=min(2.0, max(0.1, left)), after=status.revision)

    async def _keep_alive(self, session_id: str, *, reports_frames: bool) -> None:
        if time.monotonic() - self._frames_told_s < 2:
            return
        self._frames_told_s = time.monotonic()
        body: dict[str, Any] = {"sessionId": session_id}
        if reports_frames:
            body["framesDecoded"] = 30
        try:
            await self._ask("POST", "/api/game/keepalive", body)
        except Refused as refused:
            if refused.code != "session_ended":
                raise

    async def stop(self, session_id: str, *, loses_answer: bool = False) -> None:
        """Ask for the end until it was heard; what it took is kept."""
        body = {"sessionId": session_id}
        self._note("player: stops")
        if loses_answer:
            await self._lost("POST", "/api/game/stop", body, {})
        began_s = time.monotonic()
        answer = await self._ask("POST", "/api/game/stop", body)
        self.stop_took_s.append(time.monotonic() - began_s)
        self._note(f"player: stop answered {answer['status']} after {self.stop_took_s[-1]:.2f} s")

    async def history(self) -> list[dict[str, Any]]:
        """The newest sessions, as the history page shows them."""
        return list((await self._ask("GET", "/api/game/history?page=1&limit=20"))["sessions"])

    async def slots(self, slug: str) -> list[dict[str, Any]]:
        """The save slots of a game that hold something."""
        return list((await self._ask("GET", f"/api/saves?gameSlug={slug}"))["saves"])

    async def versions(self, slot_id: str) -> list[dict[str, Any]]:
        """What a slot can be taken back to, the newest first."""
        return list((await self._ask("GET", f"/api/saves/{slot_id}/versions"))["versions"])

    async def restore(self, slot_id: str, version_id: str) -> None:
        """The next launch of the slot plays on from this version. Raises `Refused`."""
        await self._ask("POST", f"/api/saves/{slot_id}/restore", {"versionId": version_id})

    async def _lost(self, method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        """Say it and hang up before the answer."""
        try:
            async with asyncio.timeout(LOST_AFTER_S):
                await self._send(method, path, body, headers)
        except (TimeoutError, httpx.HTTPError):
            self._note(f"player: lost the answer to {path}")

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Repeat until it is answered: no connection and 5xx mean later, 429 means as late as it says."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            problem, pause_s = "", AGAIN_S
            try:
                answer = await self._send(method, path, body, headers or {})
            except httpx.HTTPError as error:
                problem = type(error).__name__
            else:
                if answer.is_success:
                    return dict(answer.json())
                problem = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code < 500 and answer.status_code != 429:
                    content = _content(answer)
                    raise Refused(answer.status_code, str(content.get("error")), content)
                if answer.status_code == 429:
                    pause_s = float(answer.headers["Retry-After"])
                    deadline = max(deadline, time.monotonic() + pause_s + PATIENCE_S)
                if answer.status_code == 500:
                    self._note(f"player: BUG {method} {path}: {problem}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{method} {path} was never answered: {problem}")
            await asyncio.sleep(pause_s)

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> httpx.Response:
        return await self._client.request(
            method, f"{self.next_url()}{path}", json=body, headers={"Origin": self._origin, **headers}
        )


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        return dict(answer.json())
    except (json.JSONDecodeError, ValueError):
        return {}
