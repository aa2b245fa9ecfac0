"""A streamed game in a tenant's frame, on a seat that is a page of the same browser. The socket is the test's."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.pages.pages_support import CONTAINER_URL, until
from tests.browser.pages.tenant_pages import Tenant
from tests.browser.pages.test_pages_for_everybody import AXE, LEVELS, WALK, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMESPACE = "/subway-runner"
ANN = {"id": "ann", "displayName": "Ann", "username": "Ann"}


class RunSocket:
    """Socket.IO as a page sees it: what it said is in `said`."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []
        self.refused: dict[str, str] = {}
        self.connections = 0
        self._has_spoken = asyncio.Event()
        self._status: dict[str, Any] = {
            "roomId": "ses1",
            "sessionId": "ses1",
            "containerUrl": None,
            "streamToken": None,
        }

    async def lay_under(self, page: Page) -> None:
        await page.route_web_socket(re.compile(r"/socket\.io/"), self._open)

    async def joined(self) -> Any:
        """What the page sent to join."""
        async with asyncio.timeout(60):
            await self._has_spoken.wait()
        assert self.said[0][0] == "matchmaking:join"
        return self.said[0][1]

    async def heard(self, page: Page, event: str, times: int) -> None:
        """Lets the page's time pass until it has said this so often."""
        async with asyncio.timeout(60):
            while [each for each, _ in self.said].count(event) < times:
                await page.clock.run_for(500)

    async def close(self) -> None:
        await self._wire.close()

    def push(self, **change: Any) -> None:
        self._status |= change
        self.say("stream:status", self._status)

    def say(self, event: str, payload: Mapping[str, Any]) -> None:
        self._wire.send(f"42{NAMESPACE},{json.dumps([event, payload])}")

    def _open(self, wire: WebSocketRoute) -> None:
        self._wire = wire
        self.connections += 1
        wire.on_message(self._hear)
        wire.send('0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}')

    def _hear(self, text: str | bytes) -> None:
        message = str(text)
        if message.startswith(f"40{NAMESPACE}"):
            self._wire.send(f'40{NAMESPACE},{{"sid":"x"}}')
        elif message.startswith(f"42{NAMESPACE},"):
            event, payload = json.loads(message.removeprefix(f"42{NAMESPACE},"))
            self.said.append((event, payload))
            self._has_spoken.set()
            if event in self.refused:
                self.say("error", {"code": self.refused[event], "message": "No.", "roomId": None})
            elif event == "stream:check":
                self.push(streamToken="a.b.c")


async def ordered(tenant: Tenant) -> dict[str, Any]:
    """A session of the streamed game, which this replica has not."""
    session = tenant.session("chess", "ann")
    await tenant.becomes(session, game="subway-runner", match_type="bot")
    return session


async def test_a_run_is_seen_played_and_told(tenant: Tenant, page: Page, seat: Page) -> None:
    session = await ordered(tenant)
    socket = RunSocket()
    await socket.lay_under(page)
    await page.add_init_script(path=AXE)
    await page.add_init_script(path=WALK)
    await page.goto(tenant.embed(session))
    await expect(page.get_by_role("heading", name="One moment")).to_be_visible()
    assert await socket.joined() == {"username": "Ann", "playerId": "ann", "sessionId": session["sessionId"]}
    socket.push(status="starting", phase="placing", queuePosition=2)
    await expect(page.locator(".veil p")).to_have_text(re.compile("2 before you."))
    socket.push(phase="pulling", queuePosition=None, progress={"done": 30, "total": 60, "unit": "bytes"})
    await expect(page.get_by_role("progressbar")).to_have_attribute("value", "0.5")
    assert await violations(page, {"type": "tag", "values": LEVELS}) == []
    await page.bring_to_front()
    socket.push(status="running", phase="booting", progress=None, containerUrl=CONTAINER_URL)
    await expect(page.locator(".veil")).to_be_hidden()
    socket.say("game:started", {"roomId": "ses1", "playerId": "ann", "players": [ANN]})
    await page.get_by_role("application", name="The game").focus()
    await page.keyboard.press("ArrowLeft")
    await until(seat, "window.seat.received.filter((m) => m.type === 'key' && m.code === 'ArrowLeft').length === 2")
    await page.get_by_role("button", name="End the run").click()
    over = {"winner": None, "reason": "resignation", "score": 5230, "distance": 812.4, "coins": 17, "duration": 61}
    socket.say("game:over", {"roomId": "ses1", **over})
    await expect(page.get_by_role("heading", name="The run is over")).to_be_visible()
    await expect(page.locator(".figures")).to_have_text("Score5,230Metres812Coins17")
    assert await violations(page, {"type": "tag", "values": LEVELS}) == []
    assert socket.said[-1][0] == "game:resign"


async def test_a_page_that_is_refused_for_a_moment_comes_again_and_one_too_many_does_not(
    tenant: Tenant, page: Page
) -> None:
    socket = RunSocket()
    await socket.lay_under(page)
    await page.clock.install()
    await page.goto(tenant.embed(await ordered(tenant)))
    await socket.joined()
    socket.push(status="starting", phase="placing", queuePosition=2)
    veil = page.locator(".veil p")
    await expect(veil).to_have_text(re.compile("2 before you."))
    socket.refused = {"game:reconnect": "unavailable"}
    await socket.close()
    await socket.heard(page, "game:reconnect", 2)
    socket.refused = {}
    await socket.heard(page, "game:reconnect", 3)
    socket.push(queuePosition=1)
    await expect(veil).to_have_text(re.compile("1 before you."))
    socket.say("error", {"code": "unknown_room", "message": "Join first.", "roomId": None})
    await socket.heard(page, "game:reconnect", 4)
    socket.push(phase="pulling", queuePosition=None)
    await expect(page.get_by_role("heading", name="Fetching the game")).to_be_visible()
    asked = len(socket.said)
    assert asked <= 2 + await page.evaluate("performance.now()") / 3_000, "two at once, and one for three seconds"
    socket.say("error", {"code": "too_many_pages", "message": "Newer pages.", "roomId": "ses1"})
    await expect(page.get_by_role("heading", name="Open in newer pages")).to_be_visible()
    await expect(page.get_by_role("button", name="End the run")).to_be_disabled()
    await page.clock.run_for(30_000)
    assert (len(socket.said), socket.connections) == (asked, 2)
