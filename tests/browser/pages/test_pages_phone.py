"""The play page on a phone held upright: every word has room, nothing lies on anything else, thumbs have their keys."""

from collections.abc import AsyncGenerator
from itertools import combinations
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.pages.conftest import Replica
from tests.browser.pages.pages_support import FakeApi, play, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "Bartholomew Featherstonehaugh of Cholmondeley-under-Lyme"
TOOLS = ("Fullscreen", "Sound", "Type", "Numbers", "People", "Settings", "Controls", "Leave", "Stop")
OUTSIDE_THEIR_TOOL = """() => [...document.querySelectorAll(".tool-word")].filter((word) => {
  const [inner, outer] = [word, word.parentElement].map((each) => each.getBoundingClientRect());
  return inner.left < outer.left || inner.right > outer.right || inner.bottom > outer.bottom;
}).map((word) => word.textContent)"""
BEYOND_THE_EDGE = """() => [...document.querySelectorAll("button, a, input, select, textarea")].filter((each) => {
  const { left, right, width } = each.getBoundingClientRect();
  return width > 0 && getComputedStyle(each).opacity !== "0" && (left < 0 || right > innerWidth);
}).map((each) => each.id || each.textContent)"""


@pytest_asyncio.fixture(loop_scope="session", params=[360, 390], ids=["360 wide", "390 wide"])
async def phone(
    browser: Browser, replica: Replica, api: FakeApi, seat: Page, request: pytest.FixtureRequest
) -> AsyncGenerator[Page]:
    """The play page with its picture."""
    context = await browser.new_context(
        base_url=replica.url, viewport={"width": request.param, "height": 844}, has_touch=True, is_mobile=True
    )
    await context.add_cookies(
        [{"name": name, "value": value, "url": replica.url} for name, value in replica.cookies.items()]
    )
    page = await context.new_page()
    await api.lay_under(page)
    await play(page, api)
    yield page
    await context.close()


async def received(seat: Page, kind: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await seat.evaluate("window.seat.received")
    return [message for message in messages if message["type"] == kind]


async def has_received(seat: Page, condition: str) -> None:
    await until(seat, f"window.seat.received.some((m) => {condition})")


async def box_of(page: Page, selector: str) -> dict[str, float]:
    return await page.evaluate(
        "(selector) => document.querySelector(selector).getBoundingClientRect().toJSON()", selector
    )


async def test_every_tool_has_its_word_and_room_for_it(phone: Page) -> None:
    await expect(phone.locator("#sound-hint")).to_have_text("Tap for sound")
    for word in TOOLS:
        await expect(phone.locator(".tool-word", has_text=word)).to_be_visible()
    await phone.locator("#numbers-button").tap()
    assert await phone.evaluate(OUTSIDE_THEIR_TOOL) == []
    assert await phone.evaluate(BEYOND_THE_EDGE) == []


async def test_a_phone_held_upright_is_told_to_turn_for_a_while(phone: Page) -> None:
    hint = phone.locator(".turn-hint")
    await expect(hint).to_be_visible()
    await hint.evaluate("(element) => element.getAnimations().forEach((each) => each.finish())")
    await expect(hint).to_be_hidden()
    await phone.set_viewport_size({"width": 844, "height": 390})
    await expect(hint).to_have_css("display", "none")


async def test_notes_keys_numbers_and_toolbar_lie_on_nothing_of_each_other(phone: Page, seat: Page) -> None:
    await phone.locator("#numbers-button").tap()
    await seat.evaluate("window.seat.tell({type: 'clipboard', text: 'copied'})")
    await expect(phone.locator("#copied-note")).to_be_visible()
    shown = ("#toolbar-bar", "#sound-hint", "#copied-note", ".turn-hint", "#key-bar", "#numbers")
    boxes = {name: await box_of(phone, name) for name in shown}
    for one, other in combinations(shown, 2):
        a, b = boxes[one], boxes[other]
        apart = a["right"] <= b["left"] or b["right"] <= a["left"] or a["bottom"] <= b["top"] or b["bottom"] <= a["top"]
        assert apart, f"{one} lies on {other}: {a} {b}"


async def test_however_long_a_watchers_name_is_the_controls_can_be_given(phone: Page, seat: Page) -> None:
    people = [{"id": "w1", "name": LONG}, {"id": "w2", "name": "Eve"}]
    company = {
        "type": "people",
        "player": {"id": "p1", "name": "Ada"},
        "watchers": people,
        "controls": "p1",
        "you": "p1",
    }
    await seat.evaluate("(company) => window.seat.tell(company)", company)
    await phone.locator("#people-button").tap()
    await expect(phone.get_by_role("button", name=f"Give the controls to {LONG}")).to_be_visible()
    assert await phone.evaluate(BEYOND_THE_EDGE) == []
    await phone.get_by_role("button", name="Give the controls to Eve").tap()
    await has_received(seat, "m.type === 'controls' && m.to === 'w2'")
    await phone.locator("#people .settings-close").tap()
    await expect(phone.locator("#people")).to_be_hidden()


async def test_keys_for_thumbs_and_fingers_that_click_drag_and_turn(phone: Page, seat: Page) -> None:
    await phone.locator("[data-code=ControlLeft]").tap()
    await expect(phone.locator("[data-code=ControlLeft]")).to_have_attribute("aria-pressed", "true")
    await phone.locator("[data-code=Enter]").tap()
    await expect(phone.locator("[data-code=ControlLeft]")).to_have_attribute("aria-pressed", "false")
    await has_received(seat, "m.type === 'key' && m.code === 'ControlLeft' && !m.down")
    keys = [(key["code"], key["down"]) for key in await received(seat, "key")]
    assert keys == [("ControlLeft", True), ("Enter", True), ("Enter", False), ("ControlLeft", False)]
    await phone.touchscreen.tap(200, 420)
    await has_received(seat, "m.type === 'button' && m.button === 0 && !m.down")
    box = await phone.locator(".key").first.bounding_box()
    assert box is not None
    assert box["height"] >= 44, "wide enough for a thumb"
    assert box["width"] >= 44
    cdp = await phone.context.new_cdp_session(phone)

    async def touch(kind: str, *points: tuple[int, int]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        await cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    await touch("touchStart", (150, 400))
    await has_received(seat, "m.type === 'button' && m.button === 2 && !m.down")
    await touch("touchEnd")
    await touch("touchStart", (150, 420))
    await touch("touchStart", (150, 420), (220, 420))
    await touch("touchMove", (150, 380), (220, 380))
    await has_received(seat, "m.type === 'wheel' && m.dy > 0")
    await touch("touchEnd")
