"""Watching together: the player's panel, the invitation's page, and the controls between them. The seat is a page."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.pages.pages_support import INVITE_URL, WATCH, FakeApi, play, until, until_called, watched

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEN = {"id": "w1", "name": "Ben"}
POINTER_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def tell(seat: Page, **message: Any) -> None:
    await seat.evaluate("message => window.seat.tell(message)", message)


async def tell_people(
    seat: Page, you: str, controls: str = "p1", watchers: tuple[dict[str, str], ...] = (BEN,)
) -> None:
    player = {"id": "p1", "name": "Ada"}
    await tell(seat, type="people", player=player, watchers=list(watchers), controls=controls, you=you)


async def received(seat: Page, kind: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await seat.evaluate("window.seat.received")
    return [message for message in messages if message["type"] == kind]


async def until_received(page: Page, seat: Page, kind: str, times: int = 1) -> list[dict[str, Any]]:
    for _ in range(500):
        if len(found := await received(seat, kind)) >= times:
            return found
        await page.evaluate("new Promise((resolve) => setTimeout(resolve, 10))")
    raise AssertionError(f"{kind} was never sent")


async def come_in(page: Page, api: FakeApi) -> None:
    await page.bring_to_front()
    await page.goto(WATCH)
    await page.get_by_label("Your name").fill("Ben")
    await page.get_by_role("button", name="Watch").click()
    await expect(page.locator("#curtain")).to_be_hidden()


async def open_people(page: Page) -> None:
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#people-button").click()


async def test_a_player_invites_hands_over_takes_back_and_revokes(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await open_people(page)
    await page.get_by_role("button", name="Make an invitation link").click()
    await expect(page.get_by_label("Invitation link")).to_have_value(INVITE_URL)
    await tell_people(seat, "p1")
    await expect(page.locator("#people-count")).to_have_text("1")
    await page.get_by_role("button", name="Give the controls to Ben").click()
    assert (await until_received(page, seat, "controls"))[0]["to"] == "w1"
    await tell_people(seat, "p1", controls="w1")
    await page.get_by_role("button", name="Take back").click()
    assert (await until_received(page, seat, "controls", 2))[1]["to"] is None
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Ben has the controls").click()
    assert (await until_received(page, seat, "controls", 3))[2]["to"] is None
    await tell_people(seat, "p1")
    await expect(page.locator("#controls-note")).to_be_hidden()
    await open_people(page)
    await page.get_by_role("button", name="Take all invitations back").click()
    await until_called(page, api, "/api/game/invites/revoke")
    await expect(page.get_by_label("Invitation link")).to_be_hidden()


async def test_a_watcher_comes_in_by_name_and_plays_only_with_the_controls(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await come_in(page, api)
    exchanged = api.called("/api/game/watch")[-1]
    assert (exchanged["secret"], exchanged["name"]) == ("the-secret", "Ben")
    assert api.called("connect")[0]["token"] == "w.b.c"
    await tell_people(seat, "w1")
    await expect(page.locator("#who-plays")).to_have_text("Ada plays")
    await tell(seat, type="cursor", visible=True, png=POINTER_PNG, hot_x=0, hot_y=0, width=1, height=1)
    await tell(seat, type="pointer", x=0.5, y=0.5)
    await expect(page.locator("#remote-pointer")).to_be_visible()
    await page.keyboard.press("KeyW")
    await page.mouse.click(640, 400)
    await tell_people(seat, "w1", controls="w1")
    await expect(page.locator("#who-plays")).to_have_text("You have the controls")
    await expect(page.locator("#remote-pointer")).to_be_hidden()
    await page.keyboard.press("KeyQ")
    keys = await until_received(page, seat, "key", 2)
    assert {key["code"] for key in keys} == {"KeyQ"}
    assert await received(seat, "button") == []
    await page.get_by_role("button", name="Give back").click()
    assert (await until_received(page, seat, "controls"))[0]["to"] is None
    await page.reload()
    await expect(page.locator("#curtain")).to_be_hidden()
    assert api.called("/api/game/watch")[-1]["person"] == "wat1"


@pytest.mark.parametrize(
    ("status", "code", "heading"),
    [
        (403, "forbidden", "This invitation opens nothing"),
        (409, "session_ended", "The game has ended"),
        (429, "rate_limited", "A little too fast"),
    ],
)
async def test_a_door_that_stays_closed_says_why(
    page: Page, api: FakeApi, status: int, code: str, heading: str
) -> None:
    api.watch = (status, {"error": code, "message": ""})
    await page.goto(WATCH)
    await expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    await expect(page.get_by_role("button", name="Fullscreen")).to_be_hidden()


async def test_a_full_house_may_be_tried_again(page: Page, api: FakeApi, seat: Page) -> None:
    api.connect_failures, api.connect_refusal = 1, "watchers_full"
    await page.bring_to_front()
    await page.goto(WATCH)
    await page.get_by_role("button", name="Watch").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Every seat is taken")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#curtain")).to_be_hidden()


async def test_revoked_and_ended_are_told_apart(page: Page, api: FakeApi, seat: Page) -> None:
    await come_in(page, api)
    await page.locator("#typing-button").evaluate("(button) => { button.hidden = false; }")
    await expect(page.get_by_role("button", name="Fullscreen")).to_be_visible()
    await tell(seat, type="revoked")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This invitation was taken back")
    await expect(page.get_by_role("button", name="Fullscreen")).to_be_hidden()
    await expect(page.locator("#typing-button")).to_be_hidden()
    await page.reload()
    await expect(page.locator("#curtain")).to_be_hidden()
    api.watch = (409, {"error": "session_ended", "message": ""})
    await seat.evaluate("window.seat.peers.forEach((peer) => peer.close())")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The game has ended")


async def test_before_there_is_a_seat_a_watcher_waits(page: Page, api: FakeApi, seat: Page) -> None:
    api.watch = (200, watched(containerUrl=None, streamToken=None, status="starting"))
    await page.bring_to_front()
    await page.goto(WATCH)
    await page.get_by_role("button", name="Watch").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ada's game is on its way")
    api.watch = (200, watched())
    await until(page, "document.getElementById('curtain').hidden")
