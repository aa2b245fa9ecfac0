"""The guide "A first match in ten minutes", run as it is written, but for the ports and the key that it prints."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.pages.conftest import Replica
from tests.docs.reading import HOUSE, shell_blocks
from tests.docs.terminal import Terminal

pytestmark = pytest.mark.asyncio(loop_scope="session")

GUIDE = "docs/arena-first-match.md"


class Reader:
    """Whoever follows the guide in one terminal."""

    def __init__(self, replica: Replica, terminal: Terminal) -> None:
        with socket.create_server(("localhost", 0)) as free:
            self.port = free.getsockname()[1]
        self._here = {
            "http://127.0.0.1:8000": replica.url,
            "5500": str(self.port),
            ".venv/bin": str(HOUSE / ".venv/bin"),
        }
        self.blocks = [self._filled(block) for block in shell_blocks(GUIDE)]
        self.script = re.findall(r'<script type="module">\n(.*?)</script>', "".join(self.blocks), re.DOTALL)[0]
        self._terminal = terminal

    def types(self, block: str) -> str:
        """What the terminal shows for one block."""
        said = self._terminal.types(block)
        assert said.code == 0, f"{block}\n{said.text}"
        return said.text

    def _filled(self, block: str) -> str:
        for word, here in self._here.items():
            block = block.replace(word, here)
        return block


@pytest_asyncio.fixture(loop_scope="session")
async def reader(replica: Replica, tmp_path: Path) -> AsyncGenerator[Reader]:
    home = {"HOME": str(tmp_path), "ORCHESTRATOR_DATA": str(replica.data)}
    with Terminal(tmp_path, {**os.environ, **home}) as terminal:
        yield Reader(replica, terminal)


async def test_the_guide_leads_to_a_match(reader: Reader, browser: Browser) -> None:
    where, making, key, session, page, result = reader.blocks
    assert len([line for line in reader.script.splitlines() if line.strip()]) <= 20
    reader.types(where)
    [test_key] = set(re.findall(r"bg_test_\w{48}", await asyncio.to_thread(reader.types, making)))
    reader.types(key.replace("bg_test_…", test_key))
    assert json.loads(await asyncio.to_thread(reader.types, session))["matchType"] == "private"
    reader.types(page)
    contexts = [await browser.new_context() for _ in range(2)]
    ann, bob = [await context.new_page() for context in contexts]
    await _until_served(reader.port)
    await ann.goto(f"http://localhost:{reader.port}/?player=ann")
    await expect(ann.locator("#news")).to_have_text("Waiting for the other player")
    await bob.goto(f"http://localhost:{reader.port}/?player=bob")
    await expect(ann.locator("#news")).to_have_text("Your turn")
    for turn, cell in enumerate((0, 3, 1, 4, 2)):
        window = (ann, bob)[turn % 2]
        if turn == 2:
            await ann.reload()
        await window.frame_locator("iframe").locator(f".live .cell >> nth={cell}").click()
    await expect(ann.locator("#news")).to_have_text("You won")
    await expect(bob.locator("#news")).to_have_text("You lost")
    shown = await asyncio.to_thread(reader.types, result)
    told = json.loads(shown[shown.index("{") :])  # after what the web server says of itself
    assert (told["status"], told["result"]["winner"], told["result"]["reason"]) == ("ended", "ann", "victory")
    for context in contexts:
        await context.close()


async def _until_served(port: int) -> None:
    """The web server needs a moment to begin."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                break
    writer.close()
    await writer.wait_closed()
