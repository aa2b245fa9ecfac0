"""Every page is for everybody: no violation of WCAG 2.2 AA that axe can find, in both schemes and at both widths, and
everything on it is reached by keyboard alone, with a focus that can be seen.
"""

import secrets
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any, TypedDict

import axe_playwright_python
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize

from orchestrator.accounts import tokens
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.browser.pages.conftest import Replica
from tests.browser.pages.every_page import SCENES, Scene, Visit
from tests.browser.pages.fleet_house import FleetHouse, fleet_house
from tests.browser.pages.pages_support import SEAT_PAGE, FakeApi, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
WALK = Path(__file__).with_name("walk.js")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
MOST_STEPS = 250
AXE_FINDS = """async (options) => {
  const looked = await axe.run(document.querySelector("dialog:modal") ?? document, options);
  return looked.violations;
}"""
NOTHING_COMES = "![...document.querySelectorAll('main [aria-busy=true]')].some((each) => each.checkVisibility())"


class Step(TypedDict):
    """What has the focus: its place in the list of what must be reached (-1 for anything else), and how it shows."""

    place: int
    name: str
    isSeen: bool
    isStage: bool


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def publisher_key(replica: Replica) -> str:
    url = f"sqlite+aiosqlite:///{replica.data / 'orchestrator.sqlite3'}"
    async with open_services(Settings(data=replica.data, database_url=url)) as services:
        return (await services.publisher_keys.create(f"Tiny Games {secrets.token_hex(3)}")).secret


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, migrated_template: Path) -> Generator[FleetHouse]:
    """Small, so that everything on its pages is reached in time."""
    with fleet_house(tmp_path_factory.mktemp("fleet"), migrated_template, hosts=6, sessions=18) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session", params=SCENES, ids=lambda scene: scene.name)
async def scene(
    request: pytest.FixtureRequest,
    browser: Browser,
    replica: Replica,
    fleet: FleetHouse,
    api: FakeApi,
    publisher_key: str,
) -> AsyncGenerator[tuple[Scene, Page]]:
    """Each scene, opened at desktop width in the light scheme."""
    scene: Scene = request.param
    url, cookies = (fleet.url, {tokens.COOKIE: fleet.cookie}) if scene.is_admins else (replica.url, replica.cookies)
    context = await browser.new_context(base_url=url, viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    if scene.is_signed_in:
        await context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    context.set_default_timeout(45_000)
    if scene.needs_seat:
        api.seat = await context.new_page()
        await api.seat.goto(SEAT_PAGE.as_uri())
        await api.seat.evaluate("window.seat.draw()")
    page = await context.new_page()
    await page.add_init_script(path=AXE)
    await page.add_init_script(path=WALK)
    await api.lay_under(page)
    scene.arrange(api)
    if scene.path:
        tenant = fleet.tenant
        await page.goto(
            scene.path.format(
                host=fleet.scene.host_ids[0],
                batch=fleet.scene.batch_id,
                console=f"/console/{tenant.tenant_id}",
                match=tenant.sessions["chess"],
                webhook=tenant.webhook_id,
                stopped=tenant.stopped_id,
            )
        )
        await until(page, NOTHING_COMES)
    await scene.act(Visit(page, api, publisher_key))
    yield scene, page
    await context.close()


async def test_a_page_is_for_everybody(scene: tuple[Scene, Page]) -> None:
    which, page = scene
    problems = await walked(page, is_stage=which.is_stage)
    for width in (DESKTOP, PHONE):
        await page.set_viewport_size(width)
        await page.emulate_media(color_scheme="light")
        problems += [
            f"at {width['width']}: {each}" for each in await violations(page, {"type": "tag", "values": LEVELS})
        ]
        await page.emulate_media(color_scheme="dark")
        dark = await violations(page, {"type": "rule", "values": COLOUR_RULES})
        problems += [f"dark, at {width['width']}: {each}" for each in dark]
    assert problems == [], "\n".join(problems)


async def violations(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe finds, one line each: the rule, where, and why."""
    await page.evaluate("window.walk.settle()")
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    if rules["type"] == "tag":
        options["rules"] = {"target-size": {"enabled": True}}
    found: list[dict[str, Any]] = await page.evaluate(AXE_FINDS, options)
    return [
        f"{each['id']}: {' '.join(node['target'])}: {' '.join(node['failureSummary'].split())}"
        for each in found
        for node in each["nodes"]
    ]


async def walked(page: Page, *, is_stage: bool) -> list[str]:
    """What Tab, and Shift + Tab for what lies behind a stage, does not reach, and where the focus cannot be seen."""
    names: list[str] = []
    reached: set[int] = set()
    problems: list[str] = []
    for key in ("Tab", "Shift+Tab"):
        if is_stage:
            await page.locator("#stage").focus()
            await page.keyboard.press("Control+Alt+Enter")
            await until(page, "document.getElementById('toolbar-bar').contains(document.activeElement)")
        await page.evaluate("window.walk.settle()")
        names = names or await page.evaluate("window.walk.begin()")
        last = -1
        for number in range(MOST_STEPS):
            if number or key != "Tab" or not is_stage:
                await page.keyboard.press(key)
            step: Step = await page.evaluate("window.walk.look()")
            if step["place"] in reached and step["place"] != last:  # a date has several stops
                break
            last = step["place"]
            if step["place"] >= 0:
                reached.add(step["place"])
                if not step["isSeen"]:
                    problems.append(f"the focus cannot be seen on {step['name']}")
            if is_stage and step["isStage"]:
                break
        if len(reached) == len(names):
            break
    await page.evaluate("document.activeElement.blur()")
    return problems + [
        f"by keyboard one never comes to {each}" for place, each in enumerate(names) if place not in reached
    ]
