"""The real pages of a real replica in Chromium. What the API answers is the test's to say."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from orchestrator.accounts import limits
from orchestrator.limits.throttle import Limit
from orchestrator.settings import Settings
from tests.browser.pages.catalogue import fill
from tests.browser.pages.pages_support import SEAT_PAGE, FakeApi
from tests.browser.pages.tenant_pages import Site, Tenant, new_key, site_of
from tests.serving import serving

PASSWORD = "correct horse battery"
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


@dataclass(frozen=True)
class Replica:
    """`codes` are for the game that needs one (`catalogue`)."""

    url: str
    cookies: dict[str, str]
    data: Path
    codes: list[str]


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory, migrated_template: Path) -> Generator[Replica]:
    """One replica with games and one account, served from a thread of its own."""
    data = tmp_path_factory.mktemp("pages")
    shutil.copyfile(migrated_template, data / "orchestrator.sqlite3")
    settings = Settings(data=data, database_url=f"sqlite+aiosqlite:///{data / 'orchestrator.sqlite3'}")
    codes = asyncio.run(fill(settings))
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        token = client.get("/api/auth/csrf").json()["csrfToken"]
        person = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada", "csrfToken": token}
        assert client.post("/api/auth/register", json=person).status_code == 201
        yield Replica(url, dict(client.cookies), data, codes)


@pytest.fixture(scope="session")
def site(replica: Replica) -> Generator[Site]:
    with site_of(replica.url) as site:
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tenant(replica: Replica, site: Site) -> Tenant:
    url = f"sqlite+aiosqlite:///{replica.data / 'orchestrator.sqlite3'}"
    settings = Settings(data=replica.data, database_url=url)
    return Tenant(replica.url, site, await new_key(settings, site.origin, "Acme Games"), settings)


@pytest.fixture(autouse=True)
def many_may_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """All from one address."""
    monkeypatch.setattr(limits, "REGISTRATIONS_OF_ADDRESS", Limit("registrations-of-address", 1000, timedelta(hours=1)))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser, replica: Replica) -> AsyncGenerator[BrowserContext]:
    """A browser in which Ada is signed in."""
    context = await browser.new_context(base_url=replica.url, viewport={"width": 1280, "height": 800})
    await context.add_cookies(
        [{"name": name, "value": value, "url": replica.url} for name, value in replica.cookies.items()]
    )
    context.set_default_timeout(45_000)
    yield context
    await context.close()


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, api: FakeApi) -> AsyncGenerator[Page]:
    """A page on the fake API. A test fails when its console showed an error that the test did not cause itself."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    await api.lay_under(page)
    yield page
    assert problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def seat(context: BrowserContext, api: FakeApi) -> AsyncGenerator[Page]:
    """A seat that draws and sounds as soon as the play page connects."""
    seat = await context.new_page()
    await seat.goto(SEAT_PAGE.as_uri())
    await seat.evaluate("window.seat.draw()")
    api.seat = seat
    yield seat
    await seat.close()
