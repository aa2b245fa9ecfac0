"""An API that answers what a test wants, laid under real pages, and a seat that is a page of the same browser."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, Request, Route, expect

SEAT_PAGE = Path(__file__).with_name("seat.html")
PICTURE = Path(__file__).parent.parent / "house" / "title.jpg"
SESSION = "ses0123456789"
PLAY = f"/play/{SESSION}"
WATCH = f"/watch/{SESSION}#the-secret"
INVITE_URL = f"http://127.0.0.1:8000{WATCH}"
FIRST_PICTURE = "window.playhouse && window.playhouse.firstPictureAt !== null"
FIGURES = {"duration": 754, "cpuSeconds": 120.4, "peakMemoryMb": 412}
CONTAINER_URL = f"http://127.0.0.1:9/session/{SESSION}/"

THE_QUESTION: dict[str, Any] = {
    "id": "clxquestion",
    "slug": "the-question",
    "title": "The Question",
    "developer": "Ren'Py Team",
    "description": "You have been friends with Sylvie for years.\n\nToday you will ask her.",
    "tags": ["Romance", "Visual Novel"],
    "thumbnail": None,
    "releaseDate": "2015-01-01",
    "isFavorite": False,
    "screenshots": [],
    "contentRating": "Everyone",
    "languages": ["en", "ja"],
    "needsCode": False,
    "inLibrary": True,
}


def save(
    number: int,
    label: str | None = None,
    played: str = "2026-11-20T19:30:00Z",
    picture: str | None = None,
    *,
    in_use: bool = False,
    play_seconds: int = 0,
) -> dict[str, Any]:
    return {
        "id": f"cls{number}",
        "gameSlug": "the-question",
        "slot": number,
        "label": label,
        "lastPlayedAt": played,
        "sizeBytes": 184_320,
        "picture": picture,
        "inUse": in_use,
        "playSeconds": play_seconds,
    }


def deleted(number: int, label: str | None = None, picture: str | None = None) -> dict[str, Any]:
    return {
        **save(number, label, picture=picture),
        "id": f"clsgone{number}",
        "deletedAt": "2026-11-20T20:00:00Z",
        "goneAt": "2026-12-20T20:00:00Z",
    }


def running(session_id: str = SESSION, slug: str = "the-question", title: str = "The Question") -> dict[str, Any]:
    """An entry of the list of active sessions."""
    return {
        "sessionId": session_id,
        "gameSlug": slug,
        "gameTitle": title,
        "status": "running",
        "startedAt": "2026-11-21T10:00:00Z",
    }


def version(
    name: str, created: str, *, is_head: bool = False, is_side: bool = False, is_uploaded: bool = False
) -> dict[str, Any]:
    return {
        "id": name,
        "createdAt": created,
        "sizeBytes": 184_320,
        "isHead": is_head,
        "isSide": is_side,
        "isUploaded": is_uploaded,
        "picture": f"/api/saves/cls1/versions/{name}/picture",
    }


def ended(number: int, code: str = "stopped", **more: Any) -> dict[str, Any]:
    """An entry of the history."""
    return {
        "sessionId": f"ses{number}",
        "gameSlug": "the-question",
        "gameTitle": "The Question",
        "status": "stopped",
        "startedAt": f"2026-11-{21 - number % 20:02}T18:30:00Z",
        "endedAt": f"2026-11-{21 - number % 20:02}T18:42:34Z",
        "duration": 754,
        "cpuSeconds": 120.4,
        "peakMemoryMb": 412,
        "saveSlot": 1,
        "end": why(code),
        **more,
    }


def why(code: str, message: str = "", by: str = "player", next_step: str = "", *lines: str) -> dict[str, Any]:
    """Why a session is over, as session-status and the history tell it."""
    return {"code": code, "message": message, "by": by, "nextStep": next_step, "logTail": list(lines)}


def status(name: str, phase: str | None = None, **more: Any) -> dict[str, Any]:
    """An answer of session-status."""
    return {
        "sessionId": SESSION,
        "status": name,
        "serverUrl": None,
        "containerUrl": None,
        "gameTitle": "The Question",
        "gameSlug": "the-question",
        "startedAt": "2026-11-21T10:00:00Z",
        "phase": phase,
        "progress": None,
        "queuePosition": None,
        "streamToken": None,
        "iceServers": [],
        "expiresAt": "2036-11-21T10:30:00Z",
        "endsAt": "2036-11-21T18:00:00Z",
        "paused": False,
        "hostSilent": False,
        "save": None,
        "relocation": None,
        "error": None,
        "statistics": None,
        **more,
    }


def seated(name: str, phase: str, **more: Any) -> dict[str, Any]:
    """An answer that says where the seat is."""
    return status(name, phase, containerUrl=CONTAINER_URL, streamToken="a.b.c", **more)


def watched(**more: Any) -> dict[str, Any]:
    """What an invitation opens."""
    return {
        "sessionId": SESSION,
        "status": "running",
        "gameTitle": "The Question",
        "playerName": "Ada",
        "containerUrl": CONTAINER_URL,
        "streamToken": "w.b.c",
        "iceServers": [],
        "person": "wat1",
        "paused": False,
        "expiresAt": "2036-11-21T18:00:00Z",
        **more,
    }


class FakeApi:
    """What `/api` answers; a test changes its attributes. Every call is kept in `calls` as `(method, path, body)`."""

    def __init__(self) -> None:
        self.games: list[dict[str, Any]] = [dict(THE_QUESTION)]
        self.redeem: tuple[int, dict[str, Any]] = (400, {"error": "code_invalid", "message": ""})
        self.saves: list[dict[str, Any]] = []
        self.deleted: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.slot_refusal: tuple[int, dict[str, Any]] | None = None
        self.restore: tuple[int, dict[str, Any]] = (200, {})
        self.history: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.probes: list[dict[str, Any]] = []
        self.launch: list[tuple[int, dict[str, Any]]] = []
        self.stop: tuple[int, dict[str, Any]] = (
            200,
            {"status": "stopped", "duration": 754, "cpuSeconds": 120.4, "peakMemoryMb": 412},
        )
        self.after_stop: dict[str, Any] | None = None
        self.keepalive: tuple[int, dict[str, Any]] = (200, {"status": "ok", "expiresAt": "2036-11-21T10:30:00Z"})
        self.watch: tuple[int, dict[str, Any]] = (200, watched())
        self.connect_refusal = "seat_not_ready"
        self.status_failure: tuple[int, dict[str, Any]] | None = None
        self.clock_ahead = timedelta()
        self.calls: list[tuple[str, str, Any]] = []
        self.headers: dict[str, dict[str, str]] = {}
        self._pushes = 0
        self._status = {**status("starting", "placing"), "revision": "0"}
        self._news = asyncio.Condition()
        self.connect_failures = 0
        self.seat: Page | None = None

    async def push(self, answer: dict[str, Any]) -> None:
        """The session changed: held requests are answered now."""
        async with self._news:
            self._pushes += 1
            self._status = {**answer, "revision": str(self._pushes)}
            self._news.notify_all()

    def called(self, path: str) -> list[Any]:
        """The bodies of all calls of a path."""
        return [body for _, called, body in self.calls if called == path]

    async def lay_under(self, page: Page) -> None:
        await page.route("**/api/games**", self._answer)
        await page.route("**/api/saves**", self._answer)
        await page.route("**/api/library/**", self._answer)
        await page.route("**/api/game/**", self._answer)
        await page.route(f"{CONTAINER_URL}connect", self._connect)

    async def _answer(self, route: Route, request: Request) -> None:
        address = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        is_json = "json" in request.headers.get("content-type", "")
        body = (request.post_data_json if is_json else request.post_data_buffer) if request.post_data_buffer else query
        self.calls.append((request.method, address.path, body))
        self.headers[address.path] = await request.all_headers()
        if address.path.endswith("/picture"):
            await route.fulfill(status=200, content_type="image/jpeg", body=PICTURE.read_bytes())
            return
        code, answer = await self.result(request.method, address.path, query)
        headers = {"date": format_datetime(datetime.now(UTC) + self.clock_ahead, usegmt=True)}
        if code in {429, 503}:
            headers["retry-after"] = "7"
        await route.fulfill(status=code, json=answer, headers=headers)

    async def result(self, method: str, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        if path.endswith("/favorite"):
            self.games[0]["isFavorite"] = method == "PUT"
            return 200, {"slug": self.games[0]["slug"], "isFavorite": method == "PUT"}
        if path == "/api/library/redeem":
            self.games[0]["inLibrary"] = self.games[0]["inLibrary"] or self.redeem[0] == 200
            return self.redeem
        if path.startswith("/api/games/"):
            found = [each for each in self.games if path.endswith(f"/{each['slug']}")]
            return (200, found[0]) if found else (404, {"error": "not_found", "message": "there is no such game"})
        if path == "/api/game/session-status":
            return await self._session_status(query)
        if path == "/api/game/launch":
            return self.launch.pop(0) if self.launch else (202, {"sessionId": SESSION, "status": "starting"})
        if path.endswith("/versions"):
            return 200, {"versions": self.versions}
        if path.endswith("/restore"):
            return self.restore
        if path.startswith("/api/saves/"):
            return self._change_slot(method, path)
        if path == "/api/game/stop" and self.after_stop is not None:
            await self.push(self.after_stop)
        if path == "/api/game/history":
            return 200, self._page_of_history(int(query["page"]), int(query["limit"]))
        return {
            "/api/saves": (200, {"saves": self.saves, "slots": 3, "deleted": self.deleted}),
            "/api/game/sessions": (200, {"sessions": self.sessions}),
            "/api/game/probes": (200, {"probes": self.probes}),
            "/api/game/stop": self.stop,
            "/api/game/keepalive": self.keepalive,
            "/api/game/invites": (201, {"inviteUrl": INVITE_URL, "expiresAt": "2036-11-21T18:00:00Z"}),
            "/api/game/invites/revoke": (200, {"status": "ok"}),
            "/api/game/watch": self.watch,
        }[path]

    def _change_slot(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Names, deletes and brings back, so that the page finds it changed when it looks again."""
        if self.slot_refusal is not None:
            return self.slot_refusal
        slot_id = path.split("/")[3]
        if method == "DELETE":
            [gone] = [each for each in self.saves if each["id"] == slot_id]
            self.saves = [each for each in self.saves if each["id"] != slot_id]
            self.deleted = [{**deleted(gone["slot"], gone["label"]), "id": slot_id}, *self.deleted]
            return 200, self.deleted[0]
        if path.endswith("/undelete"):
            [back] = [each for each in self.deleted if each["id"] == slot_id]
            self.deleted = [each for each in self.deleted if each["id"] != slot_id]
            self.saves = [*self.saves, {**save(back["slot"], back["label"]), "id": slot_id}]
            return 200, self.saves[-1]
        [slot] = [each for each in self.saves if each["id"] == slot_id]
        if method == "PATCH":
            slot["label"] = self.calls[-1][2]["label"].strip() or None
        return 200, slot

    def _page_of_history(self, page: int, limit: int) -> dict[str, Any]:
        total = len(self.history)
        pagination = {"page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}
        return {"sessions": self.history[(page - 1) * limit : page * limit], "pagination": pagination}

    async def _session_status(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.status_failure is not None:
            return self.status_failure
        if "wait" in query and query["after"] == self._status["revision"]:
            async with self._news:
                try:
                    async with asyncio.timeout(60):
                        await self._news.wait()
                except TimeoutError:
                    pass
        return 200, self._status

    async def _connect(self, route: Route, request: Request) -> None:
        headers = {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}
        if request.method == "OPTIONS":
            await route.fulfill(status=204, headers=headers)
            return
        body: dict[str, Any] = json.loads(request.post_data or "{}")
        self.calls.append(("POST", "connect", body))
        if self.connect_failures > 0 or self.seat is None:
            self.connect_failures -= 1
            await route.fulfill(
                status=409, headers=headers, body=json.dumps({"error": self.connect_refusal, "message": ""})
            )
            return
        answer = await self.seat.evaluate("offer => window.seat.answer(offer)", body["offer"])
        await route.fulfill(status=200, headers=headers, json={"answer": answer})


async def until(page: Page, condition: str, deadline_s: float = 15) -> None:
    """Waits until a JavaScript expression is true. (Playwright's own wait uses eval, which our pages forbid.)"""
    expression = f"""async () => {{
        const end = performance.now() + {deadline_s * 1000};
        while (performance.now() < end) {{
            if ({condition}) return true;
            await new Promise((resolve) => setTimeout(resolve, 20));
        }}
        return false;
    }}"""
    assert await page.evaluate(expression), f"never came true: {condition}"


async def play(page: Page, api: FakeApi, **more: Any) -> None:
    """Opens the page of a running session and waits for its picture."""
    await api.push(seated("running", "ready", **more))
    await page.bring_to_front()
    await page.goto(PLAY)
    await until(page, FIRST_PICTURE)
    await expect(page.locator("#curtain")).to_be_hidden()


async def press_stop(page: Page) -> None:
    """In the toolbar, wherever the pointer is."""
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#stop-button").click()


async def stop(page: Page) -> None:
    """Stops a game that is played, and says yes to the question whether."""
    await press_stop(page)
    await page.get_by_role("button", name="Stop it").click()


async def until_called(page: Page, api: FakeApi, path: str, times: int = 1) -> list[Any]:
    """The bodies of the calls of a path, once there are so many."""
    for _ in range(500):
        if len(api.called(path)) >= times:
            return api.called(path)
        await page.evaluate("new Promise((resolve) => setTimeout(resolve, 10))")
    raise AssertionError(f"{path} was called {len(api.called(path))} times, not {times}")


async def blank(page: Page) -> None:
    """Opens an empty page of the replica's origin, with no policy of its own."""
    await page.route("**/blank", lambda route: route.fulfill(content_type="text/html", body=""))
    await page.goto("/blank")


async def ask(page: Page, module: str, expression: str, argument: Any = None) -> Any:
    """What a pure module of the pages answers: `expression` of the module `m` and the argument `given`."""
    await blank(page)
    return await page.evaluate(
        f"async (given) => {{ const m = await import('/static/js/{module}.js'); return {expression}; }}", argument
    )
