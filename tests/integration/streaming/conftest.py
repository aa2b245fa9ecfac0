"""A seat as it runs in production: a worker under a uid that nobody has heard of, its client, and a browser."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from streaming.protocol import SeatConfig
from tests.integration.streaming.seat_support import Seat, new_seat_folder, open_page, running_chromium, running_seat


@pytest.fixture
def seat_folder() -> Iterator[Path]:
    with new_seat_folder() as folder:
        yield folder


@pytest.fixture
def config() -> SeatConfig:
    return SeatConfig(width=1280, height=720, fps=60, ice_addresses=("127.0.0.1",), bitrate_bps=8_000_000)


@pytest_asyncio.fixture(loop_scope="module")
async def seat(seat_folder: Path, config: SeatConfig) -> AsyncIterator[Seat]:
    async with running_seat(seat_folder, config) as seat:
        yield seat


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, seat: Seat) -> AsyncIterator[Page]:
    page = await open_page(browser, seat)
    yield page
    await page.close()
