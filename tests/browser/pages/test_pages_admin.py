"""The admin pages on the real API, with a fleet in the database: by mouse, by keyboard alone, on a phone."""

import re
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from orchestrator.accounts import tokens
from orchestrator.fleet.fleet_map import Question
from orchestrator.fleet.operations import HostChange
from orchestrator.services import Services, open_services
from tests.browser.pages.conftest import PASSWORD
from tests.browser.pages.fleet_house import FleetHouse, fleet_house
from tests.fleet_scene import EVIL, spare_host

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOTS = Path("test-artifacts/admin")
DESKTOP, PHONE = ViewportSize(width=1360, height=900), ViewportSize(width=360, height=780)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, migrated_template: Path) -> Generator[FleetHouse]:
    with fleet_house(tmp_path_factory.mktemp("admin"), migrated_template, hosts=12, sessions=60) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def behind(house: FleetHouse) -> AsyncGenerator[Services]:
    """The same house from behind."""
    async with open_services(house.settings) as services:
        yield services


async def open_context(
    browser: Browser, house: FleetHouse, viewport: ViewportSize, scheme: str = "light"
) -> BrowserContext:
    context = await browser.new_context(
        base_url=house.url, viewport=viewport, color_scheme="dark" if scheme == "dark" else "light"
    )
    await context.add_cookies([{"name": tokens.COOKIE, "value": house.cookie, "url": house.url}])
    context.set_default_timeout(45_000)
    return context


def complaints(page: Page) -> list[str]:
    """What its console says that is wrong."""
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
    return problems


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, house: FleetHouse) -> AsyncGenerator[Page]:
    """A page of the admin's. A test fails when its console showed an error."""
    context = await open_context(browser, house, DESKTOP)
    page = await context.new_page()
    problems = complaints(page)
    yield page
    assert problems == []
    await context.close()


async def test_the_whole_fleet_is_seen_at_once(page: Page, behind: Services) -> None:
    fleet = await behind.fleet_maps.draw(Question())
    await page.goto("/")
    await page.get_by_role("link", name="Administration").click()
    await expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    await expect(page.locator(".host")).to_have_count(12)
    await expect(page.locator(".stall.cover")).to_have_count(fleet.sessions)
    first = page.locator(".host").first
    await expect(first).to_contain_text("lost")  # trouble stands first
    await expect(page.get_by_role("heading", name=EVIL)).to_be_visible()
    await page.get_by_role("link", name="1 draining").click()
    await expect(page.locator(".host")).to_have_count(1)


async def test_what_changes_is_shown_without_being_asked_and_focus_stays(
    page: Page, house: FleetHouse, behind: Services
) -> None:
    await page.clock.install()
    await page.goto("/admin/fleet?order=name")
    name = "host-009"
    link = page.get_by_role("link", name=name)
    await link.focus()
    tile = page.locator(".host", has=link)
    await expect(tile.locator(".state")).to_have_text("ready")
    host_id = await tile.get_attribute("data-key") or ""
    await behind.fleet_operations.change(host_id, HostChange(is_draining=True))
    await page.clock.run_for(5100)
    await expect(tile.locator(".state")).to_have_text(re.compile("drain"))
    await expect(link).to_be_focused()
    await behind.fleet_operations.change(host_id, HostChange(is_draining=False))


async def test_by_keyboard_alone_a_host_is_drained_and_resumed(page: Page) -> None:
    await page.goto("/admin/fleet?order=name&search=host-010")
    await page.get_by_role("searchbox").focus()
    for _ in range(6):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "host-010":
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="host-010")).to_be_visible()
    await page.get_by_role("button", name="Drain…").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Drain host-010?")
    await expect(dialog).to_contain_text("It gets no new session.")
    await expect(dialog.get_by_role("checkbox")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Drain…")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("host-010 gets no new session.")).to_be_visible()
    again = page.get_by_role("button", name="Take sessions again")
    await again.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Drain…")).to_be_visible()
    await page.get_by_role("link", name="What operators did to it").click()
    await expect(page.locator(".row-log").first).to_contain_text("Boss ended the draining of the host host-010")
    await expect(page.locator(".row-log").nth(1)).to_contain_text("moves: yes")
    await expect(page.locator(".row-log").first).to_contain_text("from 127.0.0.1")


async def test_a_host_is_removed_after_a_warning(page: Page, behind: Services) -> None:
    busiest = max((await behind.fleet_maps.draw(Question())).hosts, key=lambda host: len(host.sessions))
    await page.goto(f"/admin/fleet/{busiest.id}")
    await page.get_by_role("button", name="Remove…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("go on elsewhere from the newest save")
    await dialog.get_by_role("button", name="Cancel").click()
    async with behind.database.write() as session:
        session.add(spare_host("host-spare"))
    await page.goto("/admin/fleet?search=host-spare")
    await page.get_by_role("link", name="host-spare").click()
    await page.get_by_role("button", name="Remove…").click()
    await dialog.get_by_role("button", name="Remove it").click()
    await expect(page.get_by_text("host-spare was removed.")).to_be_visible()
    await expect(page.get_by_role("button", name="Remove…")).to_have_count(0)
    await page.goto("/admin/fleet")
    await expect(page.locator(".host")).to_have_count(12)


async def test_a_join_token_is_told_once(page: Page) -> None:
    await page.goto("/admin/fleet")
    await page.get_by_role("button", name="Add a host…").click()
    dialog = page.get_by_role("dialog", name="Add a host")
    await expect(dialog.locator(".told")).to_have_text(
        re.compile(r"^PLAYHOUSE_HOST_TOKEN=join_\S+ gameserver-agent run --orchestrator http://\S+ --port 9100")
    )
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_be_hidden()


async def test_a_session_is_found_and_stopped_with_a_reason(page: Page, behind: Services) -> None:
    await page.goto("/admin/sessions")
    await expect(page.locator(".row-session")).to_have_count(50)
    await expect(page.get_by_text("Page 1 of 2")).to_be_visible()
    await page.get_by_role("searchbox", name="Search players").fill("player0004@")
    await page.keyboard.press("Enter")
    row = page.locator(".row-session")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("running")
    await row.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Why").fill("Too\u202eloud")
    await dialog.get_by_role("button", name="Stop it").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("reason")
    await dialog.get_by_label("Why").fill(f"Too loud {EVIL} שלום 🎭")
    await dialog.get_by_role("button", name="Stop it").click()
    await expect(row).to_contain_text("stopping")
    await expect(row).to_contain_text(f"They say: Too loud {EVIL} שלום 🎭")
    await expect(row.get_by_role("button")).to_have_count(0)


async def test_codes_are_made_shown_once_and_revoked(page: Page) -> None:
    await page.goto("/admin/codes")
    await page.get_by_role("searchbox").fill("salt")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Salt and Stars").click()
    await expect(page.get_by_text("Everybody.")).to_be_visible()
    await page.get_by_role("button", name="Ask for a code").click()
    await page.get_by_role("dialog").get_by_role("button", name="Ask for a code").click()
    await expect(page.get_by_text("Those alone who have redeemed a code.")).to_be_visible()
    await page.get_by_label("How many").fill("3")
    await page.get_by_label("Note").fill(f"Friends {EVIL}")
    await page.get_by_role("button", name="Make them").click()
    dialog = page.get_by_role("dialog", name="3 new codes")
    codes = (await dialog.locator(".told").inner_text()).split()
    assert [len(code) for code in codes] == [19, 19, 19]
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.get_by_text(f"Friends {EVIL}")).to_be_visible()
    shown = await page.content()
    assert not any(code in shown for code in codes)
    await page.get_by_role("link", name="Friends").click()
    await expect(page.locator(".row-code")).to_have_count(3)
    await page.get_by_role("button", name=f"Revoke the code that ends with {codes[0][-4:]}").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.locator(".row-code", has_text="Revoked just now")).to_have_count(1)
    await page.get_by_role("button", name="Revoke the rest…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.locator(".row-code", has_text="Revoked just now")).to_have_count(3)


async def test_somebody_is_suspended_and_let_in_again(page: Page, behind: Services) -> None:
    await behind.accounts.create("loud@example.org", PASSWORD, "Loud <i>One</i>")
    await page.goto("/admin/users?search=LOUD@")
    row = page.locator(".row-user")
    await row.get_by_role("button", name="Suspend").click()
    await page.get_by_role("dialog").get_by_role("button", name="Suspend").click()
    await expect(row).to_contain_text("suspended")
    await expect(page.get_by_text("Loud <i>One</i> is suspended.")).to_be_visible()
    await row.get_by_role("button", name="in again").click()
    await page.get_by_role("dialog").get_by_role("button", name="Let in").click()
    await expect(row.locator(".look")).to_have_text("active")
    await page.goto("/admin/users?search=boss")
    await expect(row).to_contain_text("You")
    await expect(row.get_by_role("button")).to_have_count(0)


async def test_the_log_is_followed_by_its_links(page: Page) -> None:
    await page.goto("/admin/log?action=session.stop")
    await expect(page.locator(".row-log").first).to_contain_text(EVIL)
    await page.locator(".row-log").last.get_by_role("link", name="Ada").click()
    await expect(page).to_have_url(re.compile(r"action=session.stop&actor=clx"))
    await page.get_by_label("What was done").select_option("game.access")
    await page.get_by_label("Who did it").fill("command-line")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".row-log").first).to_contain_text("The command line changed who may play moss")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_every_page_fits_and_reads(
    browser: Browser, house: FleetHouse, viewport: ViewportSize, scheme: str
) -> None:
    """With pictures that were looked at: desktop and phone, light and dark."""
    context = await open_context(browser, house, viewport, scheme)
    page = await context.new_page()
    problems = complaints(page)
    pages = {
        "fleet": "/admin/fleet",
        "host": f"/admin/fleet/{house.scene.host_ids[0]}",
        "sessions": "/admin/sessions",
        "ended": "/admin/sessions?state=ended",
        "profiles": "/admin/profiles",
        "codes": "/admin/codes?search=the",
        "game": f"/admin/codes?game={house.scene.game_slug}",
        "batch": f"/admin/codes/{house.scene.batch_id}",
        "users": "/admin/users",
        "log": "/admin/log",
    }
    size = "phone" if viewport is PHONE else "desktop"
    for name, address in pages.items():
        await page.goto(address)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
        ends = "[...document.querySelectorAll('.admin-ways a')].map((way) => way.getBoundingClientRect().right)"
        assert await page.evaluate(f"Math.max(...{ends}) <= innerWidth"), f"{name} cuts ways off"
        small = await page.evaluate(
            "[...document.querySelectorAll('main button, .admin-ways a')].filter((each) => each.checkVisibility()"
            " && each.getBoundingClientRect().height < 24).map((each) => each.textContent)"
        )
        assert small == [], f"{name} has targets that are too small"
        await page.screenshot(path=SHOTS / f"{name}-{size}-{scheme}.png", full_page=name != "users")
    assert problems == []
    await context.close()
