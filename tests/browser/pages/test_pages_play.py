"""The play page: the curtain while a session starts, and the stage. The seat is a browser page."""

import re
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import FloatRect, Page, expect

from tests.browser.pages.pages_support import FIRST_PICTURE, PLAY, FakeApi, play, seated, status, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def box_of(page: Page, selector: str) -> FloatRect:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box


async def received(seat: Page, kind: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = await seat.evaluate("window.seat.received")
    return [message for message in messages if message["type"] == kind]


async def test_the_lamps_follow_the_phases_and_bytes_are_told(page: Page, api: FakeApi) -> None:
    await api.push(status("starting", "placing", queuePosition=2))
    await page.goto(PLAY)
    await expect(page.locator("#progress-sentence")).to_contain_text("number 2 in the queue")
    await api.push(status("starting", "pulling", progress={"done": 112_400_000, "total": 245_000_000, "unit": "bytes"}))
    bar = page.get_by_role("progressbar")
    await expect(bar).to_have_attribute("aria-valuenow", "46")
    await expect(page.get_by_text("112 MB of 245 MB")).to_be_visible()
    await expect(page.locator("[aria-current=step]")).to_contain_text("Fetching the game")
    await api.push(status("starting", "restoring"))
    await expect(page.locator("[aria-current=step]")).to_contain_text("Setting the stage")
    await expect(bar).to_be_hidden()
    await api.push(status("starting", "booting"))
    await expect(page.locator("[aria-current=step]")).to_contain_text("Starting the game")
    assert set(await page.evaluate("Object.keys(window.playhouse.phases)")) == {
        "placing",
        "pulling",
        "restoring",
        "booting",
    }


async def test_it_connects_while_the_game_boots_and_opens_at_the_first_picture(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await api.push(status("starting", "placing"))
    await page.bring_to_front()
    await page.goto(PLAY)
    await expect(page.locator("#curtain")).to_be_visible()
    await api.push(seated("starting", "booting"))
    await until(page, FIRST_PICTURE)
    await expect(page.locator("#curtain")).to_be_hidden()
    await expect(page.locator("#stage")).to_be_focused()
    marks = await page.evaluate("({...window.playhouse, state: window.playhouse.connectionState})")
    assert marks["state"] == "connected"
    assert marks["firstFrameAt"] <= marks["firstPictureAt"]
    assert marks["status"]["status"] == "starting"
    assert api.called("connect")[0]["token"] == "a.b.c"


async def test_a_seat_that_is_not_ready_is_tried_again_with_a_new_token(page: Page, api: FakeApi, seat: Page) -> None:
    api.connect_failures = 2
    await play(page, api)
    assert len(api.called("connect")) == 3
    plain_looks = [query for query in api.called("/api/game/session-status") if "wait" not in query]
    assert len(plain_looks) >= 3


async def test_pointer_keys_and_wheel_reach_the_seat(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.mouse.move(640, 400)
    await page.mouse.down()
    await page.mouse.up()
    await page.mouse.wheel(0, 120)
    await page.keyboard.press("KeyA")
    await page.keyboard.press("Tab")
    await until(seat, "window.seat.received.filter((m) => m.type === 'key').length === 4")
    presses = await received(seat, "button")
    assert [press["down"] for press in presses] == [True, False]
    assert presses[0]["button"] == 0
    assert (presses[0]["x"], presses[0]["y"]) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.5, abs=0.01))
    assert (await received(seat, "wheel"))[0]["dy"] == 100, "a notch, whatever the browser makes of it"
    assert [(key["code"], key["down"]) for key in await received(seat, "key")][:2] == [("KeyA", True), ("KeyA", False)]
    pointers = await seat.evaluate("window.seat.pointers")
    sizes = {1: 9, 2: 13, 3: 20}
    assert all(len(pointer) == sizes[pointer[0]] for pointer in pointers)
    assert any(pointer[0] == 1 for pointer in pointers)


async def test_what_is_held_is_repeated_and_released_on_leaving_the_stage(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.keyboard.down("ArrowLeft")
    await until(seat, "window.seat.received.filter((m) => m.type === 'held' && m.codes[0] === 'ArrowLeft').length >= 2")
    await page.keyboard.press("Control+Alt+Enter")
    await until(seat, "window.seat.received.some((m) => m.type === 'release_all')")
    await expect(page.locator("#fullscreen-button")).to_be_focused()


async def test_the_toolbar_goes_and_comes_back_by_keyboard(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.mouse.move(400, 500)
    await until(page, "document.getElementById('toolbar').classList.contains('is-tucked')")
    await page.keyboard.press("Control+Alt+Enter")
    await expect(page.locator("#fullscreen-button")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#stage")).to_be_focused()


async def test_the_mouse_on_its_handle_opens_the_toolbar_and_a_click_there_presses_nothing(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    await page.mouse.move(400, 500)
    await until(page, "document.getElementById('toolbar').classList.contains('is-tucked')")
    handle = await box_of(page, "#toolbar-handle")
    await page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] - 6)
    await expect(page.locator("#stop-button")).to_be_visible()
    await page.mouse.move(400, 500)
    await until(page, "document.getElementById('toolbar').classList.contains('is-tucked')")
    is_tucked = await page.evaluate(
        """() => {
            const mouse = new PointerEvent("pointerenter", { pointerType: "mouse" });
            document.getElementById("toolbar-handle").dispatchEvent(mouse);
            document.getElementById("stop-button").click(); // it still slides: nobody can mean it
            return document.getElementById("toolbar").classList.contains("is-tucked");
        }"""
    )
    assert not is_tucked
    assert await page.evaluate("document.querySelector('dialog[open]')") is None
    assert api.called("/api/game/stop") == []


async def test_who_has_just_begun_to_play_reads_how_to_leave(page: Page, api: FakeApi, seat: Page) -> None:
    await page.clock.install()
    await play(page, api)
    handle = page.get_by_role("button", name="Menu · leave, stop and more")
    await expect(handle).to_be_in_viewport(ratio=1)
    said = await box_of(page, "#toolbar-handle")
    assert said["width"] > 150
    await page.clock.run_for(9000)
    await until(page, "document.getElementById('toolbar-handle').offsetWidth < 110")
    shorter = await box_of(page, "#toolbar-handle")
    assert shorter["height"] <= 28
    await handle.click()
    await expect(page.locator("#stop-button")).to_be_visible()
    await expect(page.locator("#leave-link")).to_be_visible()


async def test_the_toolbar_covers_nothing_of_the_game_once_it_is_there(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    assert await page.evaluate("document.getElementById('toolbar').classList.contains('is-tucked')"), "at once"
    await page.mouse.move(300, 400)
    await page.mouse.move(300, 2)
    await expect(page.locator("#stop-button")).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(page.locator("#toolbar-handle")).to_be_hidden()
    video, bar = await box_of(page, "#game-video"), await box_of(page, "#toolbar-bar")
    picture_top = video["y"] + (video["height"] - video["width"] * 9 / 16) / 2
    assert bar["y"] + bar["height"] <= picture_top, "where there is room above the picture, the toolbar stays there"


async def test_sound_is_silent_until_the_first_gesture(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    assert await page.evaluate("document.getElementById('game-audio').muted") is True
    await expect(page.locator("#sound-hint")).to_be_visible()
    await page.mouse.click(500, 500)
    await until(page, "!document.getElementById('game-audio').muted")
    await expect(page.locator("#sound-hint")).to_be_hidden()
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#sound-button").click()
    await expect(page.locator("#sound-button")).to_have_attribute("aria-pressed", "false")
    assert await page.evaluate("document.getElementById('game-audio').muted") is True


async def test_the_games_cursor_is_drawn_by_the_browser(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await seat.evaluate(
        "window.seat.tell({type: 'cursor', visible: true, png: 'aGk=', hot_x: 3, hot_y: 4, width: 16, height: 16})"
    )
    await until(page, "document.getElementById('stage').style.cursor.includes('base64,aGk=') ")
    await seat.evaluate("window.seat.tell({type: 'cursor', visible: false})")
    await until(page, "document.getElementById('stage').style.cursor === 'none'")


async def test_the_numbers_tell_host_network_and_decoder_apart(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await seat.evaluate(
        "window.seat.tell({type: 'stats', fps: 60, bitrate_bps: 1e6, encode_ms: 2.5, capture_ms: 1, loss: 0})"
    )
    await until(page, "(await window.playhouse.stats()).host !== null")
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#numbers-button").click()
    await expect(page.locator("#numbers")).to_contain_text("3.5 ms")
    await expect(page.locator("#numbers")).to_contain_text("Mbit/s")
    stage, numbers = await box_of(page, "#stage"), await box_of(page, "#numbers")
    assert stage["y"] + stage["height"] <= numbers["y"], "the picture makes room"
    await until(page, "document.querySelectorAll('#numbers .graph-line[d*=L]').length === 6")
    await page.reload()
    await expect(page.locator("#numbers")).to_be_visible()
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#numbers-button").click()
    await page.reload()
    await until(page, "document.getElementById('curtain').hidden")
    await expect(page.locator("#numbers")).to_be_hidden()


async def test_the_seat_is_told_each_second_what_was_seen(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.bring_to_front()
    await until(seat, "window.seat.received.filter((m) => m.type === 'shown').length >= 2")
    newest = (await received(seat, "shown"))[-1]
    assert set(newest) == {"type", "seconds", "frames", "decoded"}
    assert newest["seconds"] > 0
    assert newest["decoded"] > 0


async def test_the_picture_chosen_is_told_at_once_and_of_each_new_connection(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#settings-button").press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Quality")).to_be_focused()
    assert await page.get_by_label("Quality").locator("option").all_text_contents() == [
        "Automatic",
        "720p, 60 pictures a second",
        "720p, 30 pictures a second",
    ]
    await page.get_by_label("Quality").select_option("720p30")
    await page.get_by_label("Data").select_option("2000000")
    await until(seat, "window.seat.received.filter((m) => m.type === 'quality').length === 2")
    chosen = {"type": "quality", "height": 720, "fps": 30, "bitrate_bps": 2_000_000}
    assert (await received(seat, "quality"))[-1] == chosen
    await seat.evaluate(
        "window.seat.tell({type: 'picture', width: 1280, height: 720, fps: 30, bitrate_bps: 2e6, codec: 'h264'})"
    )
    await expect(page.locator("#picture-now")).to_contain_text("up to 30 pictures a second and 2.0 Mbit/s")
    await page.reload()
    await until(page, FIRST_PICTURE)
    await until(seat, "window.seat.received.filter((m) => m.type === 'quality').length === 3")
    assert (await received(seat, "quality"))[-1] == chosen
    await expect(page.locator("#picture-choice")).to_have_value("720p30")


async def test_the_volume_is_remembered_and_moving_it_is_a_wish_to_hear(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.mouse.click(500, 500)
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#sound-button").click()
    await expect(page.locator("#sound-button")).to_have_attribute("aria-pressed", "false")
    await page.locator("#settings-button").click()
    await page.get_by_label("Volume").fill("35")
    await expect(page.locator("#sound-button")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("document.getElementById('game-audio').volume") == pytest.approx(0.35)
    await page.keyboard.press("Escape")
    await expect(page.locator("#settings")).to_be_hidden()
    await page.reload()
    await until(page, FIRST_PICTURE)
    assert await page.evaluate("document.getElementById('game-audio').volume") == pytest.approx(0.35)


async def test_a_screenshot_is_the_games_picture_alone(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await seat.evaluate("window.seat.tell({type: 'cursor', visible: false})")
    await page.keyboard.press("Control+Alt+Enter")
    await page.locator("#settings-button").click()
    async with page.expect_download() as coming:
        await page.get_by_role("button", name="Save a screenshot").click()
    download = await coming.value
    assert re.fullmatch(r"The Question \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png", download.suggested_filename)
    with Image.open(await download.path()) as saved:
        size = await page.evaluate(
            "[document.getElementById('game-video').videoWidth, document.getElementById('game-video').videoHeight]"
        )
        assert saved.format == "PNG"
        assert list(saved.size) == size
        ground = saved.convert("RGB").crop((0, saved.height - 10, saved.width, saved.height)).resize((1, 1))
        assert list(ground.tobytes()) == pytest.approx([13, 23, 48], abs=12), "the ground at the foot of the picture"


async def test_a_reload_comes_back_to_the_same_session(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.reload()
    await until(page, FIRST_PICTURE)
    assert len(api.called("connect")) == 2
    assert api.called("/api/game/stop") == []


@pytest.mark.parametrize(("code", "words"), [(404, "There is no such session"), (403, "This is not your session")])
async def test_a_session_that_is_not_ours_is_not_shown(page: Page, api: FakeApi, code: int, words: str) -> None:
    api.status_failure = (code, {"error": "not_found", "message": ""})
    await page.goto(PLAY)
    await expect(page.get_by_role("heading", name=words)).to_be_visible()


async def test_leaving_the_page_stops_nothing(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await page.goto("/")
    await expect(page.get_by_role("link", name="The Question")).to_be_visible()
    assert api.called("/api/game/stop") == []
