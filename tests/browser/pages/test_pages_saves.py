"""The saves on a game's page: their pictures, the earlier ones, and going back to one."""

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.pages.pages_support import FakeApi, save, until, until_called, version

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERSIONS = [
    version("v3", "2026-11-20T19:30:00Z", is_head=True, is_side=True),
    version("v2", "2026-11-20T18:00:00Z", is_side=True),
    version("v1", "2026-11-19T20:00:00Z"),
]


async def open_earlier(page: Page, api: FakeApi) -> Locator:
    api.saves = [save(1, picture="/api/saves/cls1/versions/v3/picture")]
    api.versions = VERSIONS
    await page.goto("/games/the-question")
    await page.get_by_role("button", name="Earlier saves of slot 1").click()
    dialog = page.get_by_role("dialog", name="Earlier saves of slot 1")
    await expect(dialog.get_by_role("listitem")).to_have_count(3)
    return dialog


async def test_a_slot_shows_the_picture_of_its_newest_save(page: Page, api: FakeApi) -> None:
    api.saves = [save(1, picture="/api/saves/cls1/versions/v3/picture"), save(2)]
    await page.goto("/games/the-question")
    await until(page, "document.querySelector('.ticket img')?.naturalWidth > 0")
    await expect(page.locator(".ticket img")).to_have_count(1)
    await expect(page.locator(".ticket").nth(2)).not_to_contain_text("Earlier saves")


async def test_earlier_saves_are_listed_with_their_marks(page: Page, api: FakeApi) -> None:
    dialog = await open_earlier(page, api)
    rows = dialog.get_by_role("listitem")
    await expect(rows.nth(0).locator(".mark")).to_have_text("Current")
    await expect(rows.nth(0).get_by_role("button")).to_have_count(0)
    await expect(rows.nth(1).locator(".mark")).to_have_text("Arrived late")
    await expect(rows.nth(2).locator(".mark")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Earlier saves of slot 1")).to_be_focused()


async def test_a_slot_that_is_being_played_offers_no_way_back(page: Page, api: FakeApi) -> None:
    api.saves, api.versions = [save(1, in_use=True)], VERSIONS
    await page.goto("/games/the-question")
    await page.get_by_role("button", name="Earlier saves of slot 1").click()
    dialog = page.get_by_role("dialog", name="Earlier saves of slot 1")
    await expect(dialog.get_by_role("listitem")).to_have_count(3)
    await expect(dialog.get_by_text("being played from this slot")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Go back to the save")).to_have_count(0)


async def test_going_back_asks_first_and_then_says_that_it_did(page: Page, api: FakeApi) -> None:
    dialog = await open_earlier(page, api)
    await dialog.get_by_role("button", name="Go back to the save").nth(1).click()
    await expect(dialog.get_by_role("button", name="No, keep the current one")).to_be_focused()
    assert api.called("/api/saves/cls1/restore") == []
    await dialog.get_by_role("button", name="No, keep the current one").click()
    await dialog.get_by_role("button", name="Go back to the save").nth(1).click()
    await dialog.get_by_role("button", name="Yes, go back").click()
    await expect(dialog.get_by_text("Done. This slot goes on from the save")).to_be_visible()
    assert api.called("/api/saves/cls1/restore") == [{"versionId": "v1"}]
    asked = len(api.called("/api/saves"))
    await dialog.get_by_role("button", name="Close").click()
    await until_called(page, api, "/api/saves", times=asked + 1)
    await expect(page.get_by_role("button", name="Earlier saves of slot 1")).to_be_focused()


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((409, {"error": "slot_in_use", "message": ""}), "Stop the running game first"),
        ((409, {"error": "version_damaged", "message": ""}), "Choose another one"),
        ((503, {"error": "store_unavailable", "message": ""}), "Nothing was changed. Try again in a moment."),
    ],
)
async def test_a_refused_way_back_says_why(
    page: Page, api: FakeApi, refusal: tuple[int, dict[str, Any]], words: str
) -> None:
    api.restore = refusal
    dialog = await open_earlier(page, api)
    await dialog.get_by_role("button", name="Go back to the save").nth(0).click()
    await dialog.get_by_role("button", name="Yes, go back").click()
    await expect(dialog.get_by_role("alert")).to_contain_text(words)
    await dialog.get_by_role("button", name="Back to the list").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(3)


async def test_a_slot_with_one_save_says_that_more_will_come(page: Page, api: FakeApi) -> None:
    api.saves, api.versions = [save(1)], VERSIONS[:1]
    await page.goto("/games/the-question")
    await page.get_by_role("button", name="Earlier saves of slot 1").click()
    await expect(page.get_by_text("There is only this one so far.")).to_be_visible()
