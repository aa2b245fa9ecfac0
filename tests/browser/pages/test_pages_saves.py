"""The saves on a game's page: their pictures, the earlier ones, and going back to one."""

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.pages.pages_support import FakeApi, deleted, save, until, until_called, version

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


async def manage(page: Page, number: int = 1) -> Locator:
    await page.goto("/games/the-question")
    await page.get_by_role("button", name=f"Manage slot {number}").click()
    dialog = page.get_by_role("dialog", name=f"Slot {number}")
    await expect(dialog).to_be_visible()
    return dialog


async def test_a_slot_says_its_name_when_it_was_played_and_how_long(page: Page, api: FakeApi) -> None:
    api.saves = [save(1, "Before the fight", play_seconds=3725), save(2, play_seconds=30), save(3)]
    await page.goto("/games/the-question")
    tickets = page.locator(".ticket")
    await expect(tickets.nth(0).get_by_role("heading")).to_have_text("Before the fight")
    await expect(tickets.nth(0)).to_contain_text("1 h 2 min in all, 184 kB")
    await expect(tickets.nth(1)).to_contain_text("under a minute in all")
    await expect(tickets.nth(2)).not_to_contain_text("in all")


async def test_a_slot_is_named_by_keyboard_alone(page: Page, api: FakeApi) -> None:
    api.saves = [save(1)]
    dialog = await manage(page)
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("Before the fight")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("status")).to_have_text("The name is saved.")
    assert [body for method, _, body in api.calls if method == "PATCH"] == [{"label": "Before the fight"}]
    await page.keyboard.press("Escape")
    await expect(page.locator(".ticket").nth(0).get_by_role("heading")).to_have_text("Before the fight")
    await expect(page.get_by_role("button", name="Manage slot 1")).to_be_focused()


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "שלום עולם", "😀🏳️‍🌈 ✍️", "W" * 60])
async def test_a_name_is_text_whatever_it_contains(page: Page, api: FakeApi, text: str) -> None:
    api.saves, api.deleted = [save(1, text)], [deleted(2, text)]
    await page.set_viewport_size({"width": 320, "height": 640})
    dialog = await manage(page)
    await expect(dialog.get_by_label("Name")).to_have_value(text)
    await dialog.get_by_role("button", name="Close").click()
    await page.locator("#deleted-saves summary").click()
    await expect(page.locator(".ticket").nth(0).get_by_role("heading")).to_have_text(text)
    await expect(page.locator("#deleted-saves strong")).to_have_text(text)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_a_deleted_save_can_be_brought_back_at_once(page: Page, api: FakeApi) -> None:
    api.saves = [save(1, "Old love"), save(2)]
    dialog = await manage(page)
    await dialog.get_by_role("button", name="Delete this save").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("status").get_by_text("Old love is deleted.")).to_be_visible()
    await expect(page.locator(".ticket").nth(0)).to_contain_text("Empty")
    await expect(page.get_by_role("button", name="Undo")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Old love is back.")).to_be_visible()
    await expect(page.locator(".ticket").nth(0).get_by_role("heading")).to_have_text("Old love")
    await expect(page.get_by_role("button", name="Manage slot 1")).to_be_focused()
    await expect(page.locator("#deleted-saves")).to_have_count(0)


async def test_deleted_saves_are_listed_and_come_back(page: Page, api: FakeApi) -> None:
    api.saves = [save(1)]
    api.deleted = [deleted(2, "Lost", picture="/api/saves/clsgone2/versions/v/picture"), deleted(3)]
    await page.goto("/games/the-question")
    await page.get_by_text("2 deleted saves").click()
    shelf = page.locator("#deleted-saves")
    await expect(shelf).to_contain_text("Gone for good on December 20.")
    await shelf.get_by_role("button", name="Bring back Lost").click()
    await expect(page.locator(".ticket").nth(1).get_by_role("heading")).to_have_text("Lost")
    await expect(page.get_by_text("One deleted save")).to_be_visible()


async def test_where_no_slot_is_free_nothing_comes_back(page: Page, api: FakeApi) -> None:
    api.saves, api.deleted = [save(1), save(2), save(3)], [deleted(1, "Lost")]
    await page.goto("/games/the-question")
    await page.get_by_text("One deleted save").click()
    await expect(page.get_by_role("button", name="Bring back Lost")).to_be_disabled()
    await expect(page.get_by_text("delete another one first")).to_be_visible()


async def test_a_refused_return_says_why(page: Page, api: FakeApi) -> None:
    api.saves, api.deleted = [save(1)], [deleted(2, "Lost")]
    await page.goto("/games/the-question")
    await page.get_by_text("One deleted save").click()
    api.slot_refusal = (409, {"error": "slots_full", "message": ""})
    await page.get_by_role("button", name="Bring back Lost").click()
    await expect(page.locator("#deleted-saves").get_by_role("alert")).to_contain_text("All three slots are in use")
    await expect(page.get_by_role("button", name="Bring back Lost")).to_be_enabled()


async def test_a_copy_is_downloaded_and_handed_in(page: Page, api: FakeApi) -> None:
    api.saves = [save(1)]
    dialog = await manage(page)
    await expect(dialog.get_by_role("link", name="Download")).to_have_attribute("href", "/api/saves/cls1/download")
    async with page.expect_file_chooser() as choosing:
        await dialog.get_by_role("button", name="Hand in a copy").click()
    chooser = await choosing.value
    await chooser.set_files({"name": "my.tar.zst", "mimeType": "application/zstd", "buffer": b"a save"})
    await expect(dialog.get_by_role("status")).to_contain_text("This slot goes on from your copy")
    assert api.called("/api/saves/cls1/upload") == [b"a save"]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((400, {"error": "not_a_save", "message": ""}), "This is no save of this game"),
        ((400, {"error": "save_too_large", "message": ""}), "This file is too large"),
        ((409, {"error": "slot_in_use", "message": ""}), "Stop the running game first"),
        ((503, {"error": "store_unavailable", "message": ""}), "Nothing was changed."),
    ],
)
async def test_a_refused_copy_says_why(
    page: Page, api: FakeApi, refusal: tuple[int, dict[str, Any]], words: str
) -> None:
    api.saves, api.slot_refusal = [save(1)], refusal
    dialog = await manage(page)
    await dialog.locator("#slot-file").set_input_files({"name": "x", "mimeType": "text/plain", "buffer": b"no save"})
    await expect(dialog.get_by_role("alert")).to_contain_text(words)
    await expect(dialog.get_by_role("button", name="Hand in a copy")).to_be_enabled()


async def test_a_slot_that_is_being_played_is_neither_deleted_nor_replaced(page: Page, api: FakeApi) -> None:
    api.saves = [save(1, in_use=True)]
    dialog = await manage(page)
    await expect(dialog.get_by_role("button", name="Delete this save")).to_be_disabled()
    await expect(dialog.get_by_role("button", name="Hand in a copy")).to_be_disabled()
    await expect(dialog.get_by_role("link", name="Download")).to_be_visible()


async def test_each_earlier_save_can_be_downloaded(page: Page, api: FakeApi) -> None:
    dialog = await open_earlier(page, api)
    links = dialog.get_by_role("link", name="Download the save")
    await expect(links).to_have_count(3)
    await expect(links.nth(2)).to_have_attribute("href", "/api/saves/cls1/download?versionId=v1")
