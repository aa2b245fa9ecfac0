"""Debian's Firefox by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/): a page, its scripts, a person's input."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

COMMAND = ("firefox-esr", "--no-remote", "--remote-debugging-port=0")
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)\n")
START_S, ANSWER_S = 60.0, 60.0
SIZE = {"MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "800"}
A_MOMENT = {"type": "pause", "duration": 50}
PREFERENCES = {
    "media.peerconnection.ice.loopback": True,  # candidates on 127.0.0.1, and as they are
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "permissions.default.camera": 1,  # whoever has none is given the default route alone
    "media.autoplay.default": 0,  # sound needs no gesture
    "network.captive-portal-service.enabled": False,  # nobody else is asked for anything
    "network.connectivity-service.enabled": False,
}


class Firefox:
    """One tab. Errors that the browser answers are raised as `RuntimeError`."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._tab = ""

    async def begin(self) -> None:
        await self._ask("session.new", capabilities={})
        self._tab = (await self._ask("browsingContext.getTree"))["contexts"][0]["context"]

    async def go(self, url: str) -> None:
        await self._ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def before_pages(self, script: str) -> None:
        """From now on this runs in each page before its own scripts."""
        await self._ask("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def evaluate(self, expression: str) -> Any:
        """The expression's value, awaited, as JSON carries it."""
        script = f"(async () => JSON.stringify((await ({expression})) ?? null))()"
        target = {"context": self._tab}
        answer = await self._ask("script.evaluate", expression=script, target=target, awaitPromise=True)
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def click(self, x: int, y: int) -> None:
        """Moves the mouse there, in pixels of the page, and presses its first button for a moment."""
        move = {"type": "pointerMove", "x": x, "y": y}
        press, release = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        await self._perform("pointer", [move, press, A_MOMENT, release])

    async def press(self, key: str) -> None:
        """A key by the character that it gives on a US keyboard."""
        down, up = ({"type": kind, "value": key} for kind in ("keyDown", "keyUp"))
        await self._perform("key", [down, A_MOMENT, up])

    async def _perform(self, kind: str, actions: Sequence[Mapping[str, object]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        await self._ask("input.performActions", context=self._tab, actions=[source])

    async def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_S):
            answer: dict[str, Any] = await self._socket.receive_json()
            while answer.get("id") != self._number:  # an event
                answer = await self._socket.receive_json()
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]


@asynccontextmanager
async def firefox(display: Mapping[str, str] | None = None) -> AsyncGenerator[Firefox]:
    """A fresh browser program in a profile that is gone afterwards; without a window, or on the display that these
    variables lead to.
    """
    profile = Path(tempfile.mkdtemp(prefix="firefox-", dir="/tmp"))
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    with (profile / "said").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, *(["--headless"] if display is None else []), "--profile", profile, "about:blank"),
            stdout=said,
            stderr=said,
            env={**os.environ, **SIZE, "HOME": str(profile), **(display or {})},
            start_new_session=True,  # its own processes are ended with it
        )
    try:
        address = await _address(profile / "said")
        async with ClientSession() as client, client.ws_connect(f"{address}/session") as socket:
            browser = Firefox(socket)
            await browser.begin()
            yield browser
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _address(said: Path) -> str:
    """Where it listens; raises `TimeoutError` with what it said when it never does."""
    try:
        async with asyncio.timeout(START_S):
            while (found := LISTENING.search(said.read_text())) is None:  # noqa: ASYNC110, ASYNC240 - a short file
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        error.add_note(said.read_text())  # noqa: ASYNC240 - as above
        raise
    return found[1]
