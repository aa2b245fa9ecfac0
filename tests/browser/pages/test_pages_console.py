"""The console of a tenant on the real API: a walk through it by mouse, by keyboard and on a phone."""

import re
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from orchestrator.accounts import tokens
from tests.arena_scene import EVIL
from tests.browser.pages.fleet_house import FleetHouse, fleet_house
from tests.integration.orchestrator.webhooks.receiver import receiving

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOTS = Path("test-artifacts/console")
DESKTOP, PHONE = ViewportSize(width=1280, height=860), ViewportSize(width=360, height=780)
PAGES = ("", "/keys", "/sessions", "/sessions/{chess}", "/webhooks", "/webhooks/{hook}", "/theme")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, migrated_template: Path) -> Generator[FleetHouse]:
    with fleet_house(tmp_path_factory.mktemp("console"), migrated_template, hosts=1, sessions=0) as house:
        yield house


async def opened(browser: Browser, house: FleetHouse, viewport: ViewportSize, scheme: str = "light") -> BrowserContext:
    context = await browser.new_context(
        base_url=house.url, viewport=viewport, color_scheme="dark" if scheme == "dark" else "light"
    )
    await context.add_cookies([{"name": tokens.COOKIE, "value": house.cookie, "url": house.url}])
    context.set_default_timeout(45_000)
    return context


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, house: FleetHouse) -> AsyncGenerator[Page]:
    """A test fails when its console showed an error."""
    context = await opened(browser, house, DESKTOP)
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert problems == []
    await context.close()


async def shot(page: Page, name: str) -> None:
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


async def told(page: Page) -> str:
    """What a dialog shows this once; it is closed."""
    shown = await page.locator(".told:visible").last.inner_text()
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    return shown


async def test_a_walk_through_the_console(page: Page, house: FleetHouse) -> None:
    await page.goto("/account")
    await page.get_by_role("link", name="Console of Acme Games").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    await expect(page.get_by_text("of 1,000")).to_be_visible()
    await expect(page.get_by_text("are stopped. The target answered 410")).to_be_visible()

    await page.get_by_role("link", name="Keys", exact=True).click()
    await page.get_by_role("button", name="Replace live keys…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("60 seconds later")
    await dialog.get_by_role("button", name="Replace them").click()
    await expect(page.get_by_role("dialog", name="The new key")).to_be_visible()
    key = await told(page)
    assert re.fullmatch(r"bg_live_\w{48}", key)
    row = page.locator(".row-key", has_text=key[:12])
    await expect(row).to_contain_text("works")
    await expect(page.locator(".row-key", has_text="ends in")).to_have_count(1)
    await row.get_by_role("button").click()
    await dialog.get_by_role("button", name="Revoke it").click()
    await expect(row).to_contain_text("revoked")
    await page.get_by_label("Pages that may use a key").fill("https://games.acme.example\ngames")
    await page.get_by_role("button", name="Save origins").click()
    await expect(page.locator("#origins-note")).to_contain_text("'games' is not an origin")
    await page.get_by_label("Pages that may use a key").fill("https://games.acme.example")
    await page.get_by_role("button", name="Save origins").click()
    await expect(page.locator("#origins-note")).to_contain_text("Saved.")

    await page.get_by_role("link", name="Sessions", exact=True).click()
    await page.get_by_label("Game").select_option("chess")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".row-match")).to_have_count(1)
    await page.get_by_role("link", name="Chess").click()
    await expect(page.locator(".row-move").last).to_contain_text("Qxf7#")
    await expect(page.locator(".board-chess")).to_be_visible()
    await expect(page.get_by_text(f"{EVIL} won: checkmate.")).to_be_visible()
    await shot(page, "match")


async def test_a_webhook_is_added_tested_stopped_restarted_and_removed(page: Page, house: FleetHouse) -> None:
    async with receiving() as receiver:
        await page.goto(f"/console/{house.tenant.tenant_id}/webhooks")
        await page.get_by_label("URL").fill("https://10.0.0.1/hook")
        await page.get_by_role("button", name="Add it").click()
        await expect(page.locator("#add-note")).to_contain_text("Nothing is sent to private addresses.")
        await page.get_by_label("URL").fill(receiver.url)
        await page.get_by_label("game.ended").check()
        await page.get_by_role("button", name="Add it").click()
        await expect(page.get_by_role("dialog", name="The signing secret")).to_be_visible()
        secret = await told(page)
        await expect(page.get_by_role("heading", name=receiver.url)).to_be_visible()
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.locator(".row-delivery")).to_have_count(1)
        await expect(page.locator(".row-delivery")).to_contain_text("delivered")
        assert receiver.received[0].is_signed_by(secret)
        await page.get_by_text("Tries and data").click()
        await expect(page.locator(".row-more .told")).to_contain_text("This is how news of your sessions arrives.")
        await page.get_by_role("button", name="Send webhook.test again").click()
        await expect(page.locator(".row-delivery")).to_contain_text("2 tries")
        await expect(page.locator(".row-more .told")).to_be_visible()  # what was opened stays open

        await page.get_by_role("button", name="New secret…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Make it").click()
        await expect(page.get_by_role("dialog", name="The signing secret")).to_be_visible()
        assert await told(page) != secret
        await expect(page.get_by_text("The former secret signs until")).to_be_visible()
        await page.get_by_role("button", name="Stop…").click()
        await dialog.get_by_role("button", name="Stop it").click()
        await expect(page.get_by_text("Its owner stopped it.")).to_be_visible()
        await page.get_by_role("button", name="Restart…").click()
        await dialog.get_by_role("checkbox").check()
        await dialog.get_by_role("button", name="Restart it").click()
        await expect(page.get_by_text("It gets its news again.")).to_be_visible()
        await page.get_by_text("Change URL and events").click()
        await page.get_by_label("chess.check").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#change-note")).to_contain_text("Saved.")
        await page.get_by_role("button", name="Remove…").click()
        await dialog.get_by_role("button", name="Remove it").click()
        await expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
        await expect(page.get_by_text(receiver.url)).to_have_count(0)


async def test_a_theme_is_seen_while_it_is_made(page: Page, house: FleetHouse) -> None:
    await page.goto(f"/console/{house.tenant.tenant_id}/theme")
    shown = "getComputedStyle(document.querySelector('.preview-button')).backgroundColor"
    accent = page.get_by_label("Accent", exact=False).and_(page.locator(".theme-code"))
    await accent.fill("#0a6")
    assert await page.evaluate(shown) == "rgb(0, 170, 102)"
    await expect(page.locator(".theme-token").first.locator(".theme-picker")).to_have_value("#00aa66")
    await accent.fill("#0a6b")  # half typed
    assert await page.evaluate(shown) == "rgb(0, 170, 102)"
    await page.locator("#textColor").fill("#dddddd")
    await expect(page.locator("#theme-hints")).to_contain_text("Text on the page is hard to read: 1.2 to 1.")
    await page.get_by_role("button", name="Default for Text").click()
    await expect(page.locator("#theme-hints li")).to_have_count(0)
    ground = "getComputedStyle(document.getElementById('theme-preview')).backgroundColor"
    await page.get_by_label("Scheme").select_option("dark")
    assert await page.evaluate(ground) == "rgb(19, 16, 31)"
    await expect(page.locator("#backgroundColor")).to_have_attribute("placeholder", "#13101f")
    await expect(page.locator("#theme-hints li")).to_have_count(0)
    await page.get_by_label("Pick: Page").fill("#e4f2ea")
    await expect(page.locator("#theme-hints")).to_have_text(
        "Your background makes the page light, whatever the scheme is."
    )
    await accent.fill("#0a6644")
    await page.get_by_role("button", name="Save the theme").click()
    await expect(page.locator("#theme-note")).to_contain_text("Saved.")
    await page.reload()
    await expect(accent).to_have_value("#0a6644")
    await expect(page.get_by_label("Scheme")).to_have_value("dark")
    assert await page.evaluate(ground) == "rgb(228, 242, 234)"
    await shot(page, "theme-made")


async def test_by_keyboard_alone_a_key_is_added(page: Page, house: FleetHouse) -> None:
    await page.goto(f"/console/{house.tenant.tenant_id}/keys")
    add = page.get_by_role("button", name="Add a test key…")
    await add.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(add).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="The new key")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(
        page.locator("section", has=page.get_by_role("heading", name="Test keys")).locator(".row-key")
    ).to_have_count(2)


async def test_an_operator_adds_a_member(page: Page, house: FleetHouse) -> None:
    await page.goto("/admin/tenants")
    await page.get_by_role("button", name="Add a member of Acme Games").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("E-mail address").fill("nobody@acme.example")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("There is no account of nobody@acme.example.")
    await dialog.get_by_role("button", name="Cancel").click()
    await page.get_by_role("link", name="Acme Games").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_nothing_is_cut_off(browser: Browser, house: FleetHouse, viewport: ViewportSize, scheme: str) -> None:
    context = await opened(browser, house, viewport, scheme)
    page = await context.new_page()
    tenant = house.tenant
    for path in PAGES:
        way = path.format(chess=tenant.sessions["chess"], hook=tenant.webhook_id)
        await page.goto(f"/console/{tenant.tenant_id}{way}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), way
        name = re.sub(r"[{}/]", "", path) or "overview"
        await shot(page, f"{name}-{viewport['width']}-{scheme}")
    await page.goto("/admin/tenants")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shot(page, f"tenants-{viewport['width']}-{scheme}")
    await context.close()
