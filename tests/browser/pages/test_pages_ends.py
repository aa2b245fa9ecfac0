"""How a session ends, on the play page and in the history: what happened, who decided, what to do next."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from orchestrator.play import reasons
from tests.browser.pages.pages_support import (
    FIGURES,
    PLAY,
    SESSION,
    FakeApi,
    ask,
    ended,
    play,
    press_stop,
    seated,
    status,
    stop,
    until,
    until_called,
    why,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = [f"line {number}" for number in range(1, 21)]


@pytest.mark.parametrize(
    ("name", "end", "title", "says"),
    [
        ("stopped", why("stopped", "You stopped the game.", "player"), "Until next time", "Ended by you."),
        ("stopped", why("game_exited", "The game was closed.", "game"), "The game was closed", "by the game itself"),
        ("error", why("crashed", "The game crashed (exit code 3).", "game"), "The game crashed", "exit code 3"),
        ("error", why("out_of_memory", "It needed more than 512 MB.", "game"), "ran out of memory", "512 MB"),
        ("stopped", why("idle", "Nobody played for 30 minutes.", "orchestrator"), "while you were away", "30 minutes"),
        ("stopped", why("session_cap", "8 hours are over.", "orchestrator"), "Time for a break", "8 hours are over"),
        ("error", why("host_lost", "It went away.", "orchestrator"), "The machine went away", "Ended by Playhouse."),
        ("error", why("no_servers", "No room.", "orchestrator"), "No machine is free", "No room."),
        ("stopped", why("save_failed", "digest", "host"), "still on its way", "kept safe on the machine"),
        ("error", why("save_full", "It outgrew 64 MB.", "game"), "Your save folder is full", "64 MB"),
        ("error", why("disk_full", "Its disk is full.", "host"), "The machine has no room left", "disk is full"),
        ("error", why("host_restarted", "Started anew.", "host"), "started anew", "by the machine that ran it"),
        ("error", why("boot_timeout", "Nothing for a minute.", "orchestrator"), "no picture", "for a minute"),
        ("error", why("from_a_newer_agent", "Something else.", "host"), "could not go on", "Something else."),
    ],
)
async def test_every_end_says_what_happened_who_decided_and_what_to_do(
    page: Page, api: FakeApi, name: str, end: dict[str, Any], title: str, says: str
) -> None:
    await api.push(status(name, statistics=FIGURES, error={**end, "nextStep": "Do this next."}))
    await page.goto(PLAY)
    await expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    await expect(page.locator("#curtain")).to_contain_text(says)
    await expect(page.locator("#next-step")).to_have_text("Do this next.")
    await expect(page.locator("#figure-duration")).to_have_text("12 min 34 s")
    await expect(page.get_by_role("link", name="Library")).to_be_visible()


async def test_every_code_of_the_server_has_words(page: Page) -> None:
    codes = [str(code) for code in reasons.NEXT_STEPS]
    words = await ask(page, "ends", "given.map((code) => m.describeEnd({code, message: ''}, true))", codes)
    assert [each["code"] for each in words if each["title"] == "The game could not go on"] == []
    assert all(each["short"] and each["text"] and each["next"] for each in words)


async def test_a_cancelled_start_is_no_loss(page: Page, api: FakeApi) -> None:
    await api.push(status("stopped", error=why("stopped", "You stopped the game.", "player")))
    await page.goto(PLAY)
    await expect(page.get_by_role("heading", name="The start was cancelled")).to_be_visible()
    await expect(page.locator(".figures")).to_have_count(0)


async def test_a_line_without_end_keeps_within_a_phone(page: Page, api: FakeApi) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await api.push(status("error", error=why("crashed", "It crashed.", "game", "", "x" * 500)))
    await page.goto(PLAY)
    await expect(page.locator("pre")).to_be_visible()
    assert await page.locator("pre").evaluate("(pre) => pre.getBoundingClientRect().right") <= 390


async def test_the_last_lines_are_text_and_can_be_copied(page: Page, api: FakeApi) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lines = ("Traceback", "<b>Invalid window</b>")
    await api.push(status("error", error=why("crashed", "It crashed.", "game", "", *lines)))
    await page.bring_to_front()
    await page.goto(PLAY)
    await expect(page.get_by_role("alert")).to_have_text("It crashed.")
    await expect(page.locator("pre")).to_have_text("Traceback\n<b>Invalid window</b>")
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "\n".join(lines)


async def test_long_last_lines_are_folded(page: Page, api: FakeApi) -> None:
    await api.push(status("error", error=why("crashed", "It crashed.", "game", "", *LONG)))
    await page.goto(PLAY)
    await expect(page.locator("pre")).to_be_hidden()
    await page.get_by_text("The last 20 lines of the game").click()
    await expect(page.locator("pre")).to_be_visible()
    assert await page.evaluate(
        "(({scrollHeight, clientHeight}) => scrollHeight > clientHeight)(document.querySelector('pre'))"
    )


async def test_where_trying_again_cannot_help_it_is_not_offered(page: Page, api: FakeApi) -> None:
    await api.push(status("error", error=why("image_missing", "It is not there.", "host")))
    await page.goto(PLAY)
    await expect(page.get_by_role("link", name="Library")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)


async def test_after_a_save_that_could_not_be_opened_the_earlier_ones_are_near(page: Page, api: FakeApi) -> None:
    await api.push(status("error", error=why("restore_failed", "It was damaged.", "host")))
    await page.goto(PLAY)
    await page.get_by_role("link", name="Your saves").click()
    await expect(page.get_by_role("heading", name="Your saves")).to_be_in_viewport()


async def test_stop_shows_the_final_figures_and_play_again_takes_the_same_slot(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    order = {"order": {"saveSlotId": "cls2"}, "gameSlug": "the-question", "title": "The Question"}
    await page.evaluate(
        f"(known) => sessionStorage.setItem('playhouse:session:{SESSION}', JSON.stringify(known))", order
    )
    await stop(page)
    await expect(page.locator("#figure-duration")).to_have_text("12 min 34 s")
    await expect(page.locator("#figure-cpu")).to_have_text("120.4 s")
    await expect(page.locator("#figure-memory")).to_have_text("412 MB")
    async with page.expect_response("**/api/game/launch"):
        await page.get_by_role("button", name="Play again").click()
    [again] = api.called("/api/game/launch")
    assert (again["gameSlug"], again["saveSlotId"]) == ("the-question", "cls2")


async def test_stop_asks_first_and_the_game_notices_nothing_of_a_no(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    question = page.get_by_role("dialog", name="Stop the game?")
    for say_no in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.keyboard.press("Enter"),
        lambda: page.mouse.click(400, 500),
        lambda: page.get_by_role("button", name="Go on playing").click(),
    ):
        await press_stop(page)
        await expect(question).to_be_visible()
        await expect(page.get_by_role("button", name="Go on playing")).to_be_focused()
        await seat.evaluate("window.seat.received.length = 0")
        await say_no()
        await expect(question).to_be_hidden()
        await expect(page.locator("#stage")).to_be_focused()
        await page.keyboard.press("KeyA")
        await until(seat, "window.seat.received.some((m) => m.type === 'key' && m.code === 'KeyA' && !m.down)")
        told = await seat.evaluate("window.seat.received.filter((m) => ['key', 'button'].includes(m.type))")
        assert [(each["type"], each.get("code")) for each in told] == [("key", "KeyA")] * 2
    assert api.called("/api/game/stop") == []


async def test_a_double_click_on_stop_asks_as_well(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#stop-button").dblclick()
    await expect(page.get_by_role("dialog", name="Stop the game?")).to_be_visible()
    assert await page.evaluate("getSelection().toString()") == ""
    assert api.called("/api/game/stop") == []


async def test_stop_lets_go_of_a_captured_mouse_and_can_be_answered_by_it(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.mouse.move(600, 400)
    await page.keyboard.press("Control+Alt+KeyM")
    await until(page, "document.pointerLockElement === document.getElementById('stage')")
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#stop-button").focus()
    await page.keyboard.press("Enter")
    await until(page, "document.pointerLockElement === null")
    await page.get_by_role("button", name="Stop it").click()
    await until_called(page, api, "/api/game/stop")


async def test_a_start_is_cancelled_at_once(page: Page, api: FakeApi) -> None:
    await api.push(status("starting", "pulling"))
    await page.goto(PLAY)
    await expect(page.locator("#curtain")).to_contain_text("Fetching the game")
    await page.locator("#stop-button").click()
    await until_called(page, api, "/api/game/stop")


async def test_a_game_that_ends_meanwhile_takes_the_question_with_it(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await press_stop(page)
    await api.push(status("stopped", statistics=FIGURES, error=why("game_exited", "The game was closed.", "game")))
    await expect(page.get_by_role("heading", name="The game was closed")).to_be_focused()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert api.called("/api/game/stop") == []


async def test_a_game_that_was_played_and_moves_is_not_stopped_unasked(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    api.connect_failures = 1000
    await api.push(seated("starting", "restoring"))
    await expect(page.locator("#curtain")).to_be_visible()
    await page.locator("#stop-button").click()
    await expect(page.get_by_role("dialog", name="Stop the game?")).to_be_visible()


async def test_a_stop_whose_save_did_not_arrive_says_so(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    api.after_stop = status("stopped", statistics=FIGURES, error=why("save_failed", "", "host"))
    await stop(page)
    await expect(page.get_by_role("heading", name="Your save is still on its way")).to_be_visible()


async def test_a_slow_stop_tells_what_goes_on_and_waits_for_the_figures(page: Page, api: FakeApi, seat: Page) -> None:
    api.stop = (200, {"status": "stopping", "duration": None, "cpuSeconds": None, "peakMemoryMb": None})
    await play(page, api)
    await stop(page)
    await expect(page.get_by_role("heading", name="Keeping your saves")).to_be_visible()
    await expect(page.get_by_text("This takes longer than usual")).to_have_count(0)
    await expect(page.get_by_text("This takes longer than usual")).to_be_visible()
    await api.push(status("stopped", statistics={"duration": 61, "cpuSeconds": 9.5, "peakMemoryMb": 300}))
    await expect(page.locator("#figure-duration")).to_have_text("1 min 1 s")


async def test_the_history_tells_how_each_session_ended(page: Page, api: FakeApi) -> None:
    crash = why("crashed", "The game crashed (exit code 1).", "game", "Start it again.", "NameError")
    api.history = [ended(1), ended(2, end=crash), ended(3, duration=None, cpuSeconds=None, peakMemoryMb=None)]
    await page.goto("/")
    await page.get_by_role("link", name="History").click()
    entries = page.locator(".past")
    await expect(entries).to_have_count(3)
    await expect(entries.nth(0)).to_contain_text("You stopped it")
    await expect(entries.nth(0)).to_contain_text("12 min 34 s")
    await expect(entries.nth(2)).to_contain_text("Cancelled before it began")
    await entries.nth(1).locator("summary").first.focus()
    await page.keyboard.press("Enter")
    for words in ("exit code 1", "Start it again.", "Ended by the game itself.", "NameError"):
        await expect(entries.nth(1).get_by_text(words)).to_be_visible()


async def test_the_history_is_turned_by_pages(page: Page, api: FakeApi) -> None:
    api.history = [ended(number) for number in range(1, 46)]
    await page.goto("/history")
    await page.get_by_role("link", name="Older").click()
    await expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator(".past")).to_have_count(5)
    await expect(page.get_by_role("link", name="Older")).to_have_count(0)
    await page.go_back()
    await expect(page.get_by_text("Page 2 of 3")).to_be_visible()


async def test_an_empty_history_leads_to_the_games(page: Page) -> None:
    await page.goto("/history")
    await expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    await expect(page.get_by_role("link", name="Pick a game")).to_have_attribute("href", "/")


async def test_a_title_in_the_history_is_text(page: Page, api: FakeApi) -> None:
    api.history = [ended(1, gameTitle="<img src=x onerror=alert(1)>")]
    await page.goto("/history")
    await expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    await until(page, "document.querySelectorAll('#history img').length === 0")
