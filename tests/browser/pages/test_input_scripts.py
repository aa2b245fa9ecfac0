"""Whatever happens in the middle of held keys, in the end nothing is down: random scripts through a real seat.

`make test` plays a few seeds, `make input-scripts` a hundred, going on where it was left (`script_progress.py`).
"""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from streaming.audience import Role
from streaming.protocol import Introduction, SeatConfig, SessionDescription
from streaming.seat_client import SeatClient
from streaming.xconnection import XConnection
from tests.browser.pages.input_script import TROUBLES, Step, script
from tests.browser.pages.pages_support import FIRST_PICTURE, PLAY, FakeApi, seated
from tests.browser.pages.pages_support import until as until_on
from tests.browser.pages.script_progress import Played, remember, waiting
from tests.integration.streaming.seat_support import (
    Seat,
    open_page,
    seat_uid,
    start_worker,
    until,
    until_listening,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

A_FEW = 4
WANTED = int(os.environ.get("INPUT_SCRIPTS", "0"))

PADS_AND_CHANNELS = """
window.padBits = 0;
navigator.getGamepads = () => [{
  index: 0, connected: true, mapping: 'standard', id: 'Test pad', timestamp: performance.now(), axes: [0, 0, 0, 0],
  buttons: Array.from({length: 17}, (_, button) => {
    const value = window.padBits >> button & 1;
    return {pressed: value === 1, value};
  }),
}];
window.channels = {};
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.peers.push(this); }
  createDataChannel(label, ...given) {
    return window.channels[label] = super.createDataChannel(label, ...given);
  }
};
"""


class Hands:
    """One player's browser tab on a real seat, and an X client that looks at what is down."""

    def __init__(self, page: Page, watcher: Page, seat: Seat, eye: XConnection) -> None:
        self.page = page
        self.watcher = watcher
        self.seat = seat
        self.eye = eye

    async def down(self) -> list[str]:
        """Keycodes and buttons that are down on the display now."""
        keys = list(self.eye.core.QueryKeymap().reply().keys)
        mask = int(self.eye.core.QueryPointer(self.eye.root).reply().mask)
        buttons = [f"button {button}" for button in range(1, 6) if mask & 0x80 << button]
        return buttons + [f"key {8 * at + bit}" for at, byte in enumerate(keys) for bit in range(8) if byte >> bit & 1]

    async def nothing_is_down(self) -> bool:
        return await self.down() == []

    async def until_playing(self) -> None:
        await until_on(self.page, FIRST_PICTURE)
        await until_on(
            self.page, "window.playhouse.connectionState === 'connected' && !document.getElementById('stage').inert"
        )
        await self.page.evaluate("document.getElementById('stage').focus()")

    async def do(self, step: Step) -> None:
        page, mouse, keyboard = self.page, self.page.mouse, self.page.keyboard
        match step.kind:
            case "key_down":
                await keyboard.down(step.name)
            case "key_up":
                await keyboard.up(step.name)
            case "button_down" | "button_up":
                button: Any = step.name
                await (mouse.down(button=button) if step.kind == "button_down" else mouse.up(button=button))
            case "move":
                await mouse.move(step.x, step.y)
            case "wheel":
                await mouse.wheel(0, step.x - 600)
            case "text":
                await keyboard.insert_text("aÄ1")
            case "pad":
                await page.evaluate("(bits) => { window.padBits = bits; }", int(step.name))
            case "pause":
                await asyncio.sleep(step.x / 2000)
            case "blur":
                await page.evaluate("window.dispatchEvent(new Event('blur'))")
            case "hide":
                await page.evaluate(SHOW_AS, "hidden")
                await page.evaluate(SHOW_AS, "visible")
            case "toolbar":
                await page.evaluate("document.getElementById('settings-button').focus()")
                await page.evaluate("document.getElementById('stage').focus()")
            case "capture":
                await page.evaluate("document.getElementById('capture-button').click()")
            case "reload":
                await page.reload()
                await self.until_playing()
            case "lose_channel":
                await page.evaluate("window.channels.control.close()")
            case "lose_connection":
                await page.evaluate(
                    "window.peers.at(-1).close(); window.channels.control.dispatchEvent(new Event('close'))"
                )
            case "hand_over":
                you = await self.watcher.evaluate("seat.messages.findLast((m) => m.type === 'people').you")
                await self._hand(you)
            case "take_back":
                await self._hand(None)

    async def until_heard(self) -> None:
        """The seat hears this page: a key that goes down here is down there."""

        async def is_down() -> bool:
            await self.page.keyboard.down("KeyP")
            await asyncio.sleep(0.05)
            is_seen = await self.down() != []
            await self.page.keyboard.up("KeyP")
            return is_seen

        await until(is_down, "a key that is pressed is down on the display")

    async def _hand(self, to: str | None) -> None:
        say = """(to) => window.channels.control.readyState === 'open'
            && window.channels.control.send(JSON.stringify({type: 'controls', to}))"""
        await self.page.evaluate(say, to)

    async def play(self, steps: list[Step]) -> None:
        """Ends with the hands off everything."""
        await self.page.mouse.move(600, 400)
        await self.until_heard()
        for step in steps:
            await self.do(step)
        await self._hand(None)
        for key in {step.name for step in steps if step.kind == "key_down"}:
            await self.page.keyboard.up(key)
        for button in {step.name for step in steps if step.kind == "button_down"}:
            given: Any = button
            await self.page.mouse.up(button=given)
        await self.page.evaluate("window.padBits = 0")


SHOW_AS = """(state) => {
  Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module")
def seat_folder() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="seat-", dir="/tmp"))
    folder.chmod(0o700)
    os.chown(folder, seat_uid(), seat_uid())
    yield folder
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def real_seat(seat_folder: Path) -> AsyncGenerator[Seat]:
    folder = seat_folder
    config = SeatConfig(width=640, height=360, fps=30, ice_addresses=("127.0.0.1",), bitrate_bps=1_000_000)
    process = await start_worker(folder, config)
    try:
        await until_listening(folder, process)
        client = await SeatClient.open(folder / "control.sock")
        yield Seat(folder, process, client, await client.hello())
        await client.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def eye(real_seat: Seat) -> AsyncGenerator[XConnection]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XAUTHORITY", real_seat.hello.xauthority)
        eye = XConnection(f":{real_seat.hello.display}")
    yield eye
    eye.close()


@pytest_asyncio.fixture(loop_scope="session")
async def hands(context: BrowserContext, browser: Browser, real_seat: Seat, eye: XConnection) -> AsyncGenerator[Hands]:
    api, page = FakeApi(), await context.new_page()
    await page.add_init_script(PADS_AND_CHANNELS)
    await api.lay_under(page)

    async def connect(route: Route) -> None:
        headers = {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}
        if route.request.method == "OPTIONS":
            await route.fulfill(status=204, headers=headers)
            return
        offer = SessionDescription.model_validate(json.loads(route.request.post_data or "{}")["offer"])
        answer = await real_seat.client.connect(offer)
        await route.fulfill(status=200, headers=headers, json={"answer": answer.model_dump()})

    await page.route("**/session/*/connect", connect)
    async with real_seat.drawing("--animate"):
        await api.push(seated("running", "ready"))
        await page.goto(PLAY)
        watcher = await open_page(browser, real_seat, Role.WATCHER, Introduction(name="Eve"))
        hands = Hands(page, watcher, real_seat, eye)
        await hands.until_playing()
        yield hands
        await watcher.close()
        await page.close()


@pytest.mark.parametrize("seed", waiting(range(WANTED)) if WANTED else range(A_FEW))
async def test_in_the_end_nothing_is_down(hands: Hands, seed: int) -> None:
    steps = script(seed)
    await hands.play(steps)
    off_at = time.monotonic()
    with contextlib.suppress(pytest.fail.Exception):  # told below, with the story
        await until(hands.nothing_is_down, "nothing is down")
    still_down = await hands.down()
    if WANTED:
        troubles = sum(step.kind in TROUBLES for step in steps)
        remember(Played(seed, troubles, time.monotonic() - off_at, still_down))
    assert still_down == [], f"after seed {seed}: {[(step.kind, step.name) for step in steps]}"
