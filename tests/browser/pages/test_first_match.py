"""The guide "A first match in ten minutes", run as it is written, but for the ports and the key that it prints."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.pages.conftest import Replica

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUSE = Path(__file__).parents[3]
GUIDE = HOUSE / "docs" / "arena-first-match.md"


class Reader:
    """Whoever follows the guide in one terminal."""

    def __init__(self, replica: Replica, home: Path) -> None:
        with socket.create_server(("localhost", 0)) as free:
            self.port = free.getsockname()[1]
        text = GUIDE.read_text().replace("http://127.0.0.1:8000", replica.url).replace("5500", str(self.port))
        self.blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.script = re.findall(r'<script type="module">\n(.*?)</script>', text, re.DOTALL)[0]
        home.mkdir()
        self._environment = {**os.environ, "HOME": str(home), "ORCHESTRATOR_DATA": str(replica.data)}
        self._shell = subprocess.Popen(
            ["bash", "-e"],
            cwd=HOUSE,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def types(self, block: str) -> str:
        """What the terminal shows for one block."""
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{block}\necho 'that is all'\n")
        shell.stdin.flush()
        shown = ""
        while not shown.endswith("that is all\n"):
            line = shell.stdout.readline()
            assert line, f"it ended: {block}\n{shown}"
            shown += line
        return shown.removesuffix("that is all\n")

    def close(self) -> None:
        with self._shell:
            os.killpg(self._shell.pid, signal.SIGTERM)


@pytest_asyncio.fixture(loop_scope="session")
async def reader(replica: Replica, tmp_path: Path) -> AsyncGenerator[Reader]:
    reader = Reader(replica, tmp_path / "home")
    yield reader
    reader.close()


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
    await expect(bob.locator("#news")).to_have_text("You lost: victory")
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
