"""A seat as it runs in production: a worker under a uid that nobody has heard of, its client, and a browser."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from bench.browser_player import CHROMIUM, CHROMIUM_FLAGS
from streaming.protocol import SeatConfig
from streaming.seat_client import SeatClient
from tests.integration.streaming.seat_support import (
    Seat,
    open_page,
    seat_uid,
    start_worker,
    until_listening,
)


@pytest.fixture
def seat_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="seat-", dir="/tmp"))
    folder.chmod(0o700)
    os.chown(folder, seat_uid(), seat_uid())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def config() -> SeatConfig:
    return SeatConfig(width=1280, height=720, fps=60, ice_addresses=("127.0.0.1",), bitrate_bps=8_000_000)


@pytest_asyncio.fixture(loop_scope="module")
async def seat(seat_folder: Path, config: SeatConfig) -> AsyncIterator[Seat]:
    process = await start_worker(seat_folder, config)
    try:
        await until_listening(seat_folder, process)
        client = await SeatClient.open(seat_folder / "control.sock")
        try:
            yield Seat(seat_folder, process, client, await client.hello())
        finally:
            await client.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, seat: Seat) -> AsyncIterator[Page]:
    page = await open_page(browser, seat)
    yield page
    await page.close()
