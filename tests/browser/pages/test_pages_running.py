"""What the play page says and does while a session runs and something is not as it should be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.pages.pages_support import (
    PLAY,
    SESSION,
    FakeApi,
    ask,
    play,
    seated,
    status,
    until,
    until_called,
    why,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEEPALIVE = "/api/game/keepalive"
NOW_MS = 1_800_000_000_000


def later(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_a_lost_seat_is_connected_to_again(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    api.connect_failures = 1000
    await seat.evaluate("window.seat.peers.forEach((peer) => peer.close())")
    await expect(page.locator("#connection-hint")).to_contain_text("Reconnecting")
    await api.push(seated("running", "ready", paused=True))
    await expect(page.get_by_text("The game stands still while nobody watches.")).to_be_visible()
    api.connect_failures = 0
    await until(page, "window.playhouse.connections === 2 && window.playhouse.connectionState === 'connected'")
    await expect(page.locator("#connection-hint")).to_be_hidden()
    await api.push(seated("running", "ready"))
    await expect(page.locator("#veil")).to_be_hidden()


async def test_a_lost_machine_moves_the_game_and_the_page_connects_there_by_itself(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    await api.push(status("starting", "placing", error=why("host_lost", "It went away.", "orchestrator")))
    await expect(page.locator("#progress-sentence")).to_contain_text(
        "Your game's machine went away. Moving your game to another one from the last save."
    )
    await api.push(seated("starting", "booting"))
    await until(page, "window.playhouse.connections === 2")
    await expect(page.locator("#curtain")).to_be_hidden()


async def test_a_page_opened_while_the_game_moves_says_so_too(page: Page, api: FakeApi) -> None:
    await api.push(status("starting", "restoring", error=why("host_lost", "It went away.", "orchestrator")))
    await page.goto(PLAY)
    await expect(page.locator("#progress-sentence")).to_contain_text("goes on from the last save")


async def test_while_the_machine_is_silent_the_page_reports_its_frames_every_three_seconds(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    await api.push(seated("running", "ready", hostSilent=True))
    await expect(page.locator("#connection-hint")).to_contain_text("Play on while you see the picture")
    first, second = (await until_called(page, api, KEEPALIVE, times=2))[:2]
    assert first["sessionId"] == second["sessionId"] == SESSION
    assert first["framesDecoded"] > 0
    assert 0 < second["framesDecoded"] < 200, "frames since the last report, not since the beginning"
    await api.push(seated("running", "ready"))
    await expect(page.locator("#connection-hint")).to_be_hidden()


async def test_keepalives_go_out_each_half_minute_and_an_ended_session_is_noticed(page: Page, api: FakeApi) -> None:
    await api.push(status("starting", "placing"))
    await page.clock.install()
    await page.goto(PLAY)
    await expect(page.locator("[aria-current=step]")).to_be_visible()
    await page.clock.run_for(30_500)
    calls = await until_called(page, api, KEEPALIVE)
    assert calls == [{"sessionId": SESSION, "framesDecoded": 0}]
    api.keepalive = (409, {"error": "session_ended", "message": "It is over."})
    looks = len(api.called("/api/game/session-status"))
    await page.clock.run_for(30_500)
    await until_called(page, api, "/api/game/session-status", times=looks + 1)


async def test_a_nearly_full_save_is_told_once_until_it_is_full(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api, save={"usedBytes": 61_000_000, "limitBytes": 64_000_000})
    note = page.locator("#notes .note")
    await expect(note).to_contain_text("nearly full: 61 MB of 64 MB")
    await note.get_by_role("button", name="Dismiss").click()
    await expect(note).to_have_count(0)
    await expect(page.locator("#stage")).to_be_focused()
    await api.push(seated("running", "ready", save={"usedBytes": 62_000_000, "limitBytes": 64_000_000}))
    await until(page, "window.playhouse.status.save.usedBytes === 62_000_000")
    await expect(note).to_have_count(0)
    await api.push(seated("running", "ready", save={"usedBytes": 64_000_000, "limitBytes": 64_000_000}))
    await expect(note).to_contain_text("The game cannot save any more.")


async def test_the_longest_time_is_announced_in_time(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api, endsAt=later(9.5 * 60))
    await expect(page.locator("#notes .note")).to_contain_text("ends in 10 minutes")
    await page.get_by_role("button", name="Dismiss").click()
    await api.push(seated("running", "ready", endsAt=later(50)))
    await expect(page.locator("#notes .note")).to_contain_text("less than a minute")


async def test_the_servers_clock_tells_when_the_end_is_near(page: Page, api: FakeApi, seat: Page) -> None:
    api.clock_ahead = timedelta(hours=3)
    await play(page, api, endsAt=later(3 * 3600 + 8 * 60 - 10))
    await expect(page.locator("#notes .note")).to_contain_text("ends in 8 minutes")


def running(**more: Any) -> dict[str, Any]:
    far = {"endsAt": in_ms(8 * 3_600_000), "expiresAt": in_ms(1_800_000)}
    return {"status": "running", "save": None, **far, **more}


def in_ms(milliseconds: float) -> str:
    return datetime.fromtimestamp((NOW_MS + milliseconds) / 1000, UTC).isoformat()


async def test_what_is_worth_a_note(page: Page) -> None:
    cases = [
        (running(), []),
        (running(endsAt=in_ms(600_001)), []),
        (running(endsAt=in_ms(600_000)), ["cap-10"]),
        (running(endsAt=in_ms(60_000), expiresAt=in_ms(60_000)), ["cap-1"]),
        (running(expiresAt=in_ms(240_000)), ["idle"]),
        (running(save={"usedBytes": 89, "limitBytes": 100}), []),
        (running(save={"usedBytes": 90, "limitBytes": 100}), ["save-90"]),
        (running(save={"usedBytes": 100, "limitBytes": 100}), ["save-full"]),
        (running(save={"usedBytes": 5, "limitBytes": 0}), []),
        ({"status": "starting"}, []),
        ({"status": "running"}, []),
    ]
    keys = f"given.map((answer) => m.warningsFor(answer, {NOW_MS}).map((note) => note.key))"
    assert await ask(page, "notes", keys, [answer for answer, _ in cases]) == [expected for _, expected in cases]


async def test_one_sentence_about_the_connection(page: Page) -> None:
    silent = {"status": {"status": "running", "hostSilent": True}}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"isOnline": False}, "This device is offline"),
        ({"hasTrouble": True}, "Your game goes on"),
        ({"hasTrouble": True, "streamState": "reconnecting"}, "Trying again"),
        ({"streamState": "reconnecting"}, "Reconnecting"),
        (silent, "Play on while you see the picture"),
        ({**silent, "streamState": "reconnecting"}, "moves to another one"),
    ]
    usual = {
        "status": {"status": "running"},
        "streamState": "connected",
        "hasPicture": True,
        "hasTrouble": False,
        "isOnline": True,
    }
    notes = await ask(page, "notes", "given.map(m.connectionNote)", [{**usual, **facts} for facts, _ in cases])
    assert [words for note, (_, words) in zip(notes, cases, strict=True) if words not in note] == []
    silence: list[dict[str, Any]] = [
        {},
        {"status": {"status": "stopped"}, "hasTrouble": True},
        {"streamState": "replaced", "hasTrouble": True},
    ]
    assert (
        await ask(page, "notes", "given.map(m.connectionNote)", [{**usual, **facts} for facts in silence]) == [""] * 3
    )


async def test_frames_are_counted_anew_with_each_connection(page: Page) -> None:
    counts = [
        [None, {"connection": 1, "frames": 40}],
        [{"connection": 1, "frames": 40}, {"connection": 1, "frames": 100}],
        [{"connection": 1, "frames": 100}, {"connection": 2, "frames": 7}],
        [{"connection": 2, "frames": 7}, None],
    ]
    assert await ask(page, "keepalive", "given.map((pair) => m.framesBetween(...pair))", counts) == [40, 60, 7, 0]


async def test_without_the_server_the_picture_goes_on_and_the_page_recovers(
    page: Page, api: FakeApi, seat: Page
) -> None:
    await play(page, api)
    api.status_failure = (500, {"error": "internal_error", "message": ""})
    await api.push(seated("running", "ready"))
    await expect(page.locator("#connection-hint")).to_contain_text("Your game goes on")
    before = await page.evaluate("window.playhouse.frames")
    await until(page, f"window.playhouse.frames > {before} + 5")
    api.status_failure = None
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(page.locator("#connection-hint")).to_be_hidden()


async def test_looks_at_a_server_that_is_away_come_rarer(page: Page, api: FakeApi) -> None:
    api.status_failure = (500, {"error": "internal_error", "message": ""})
    await page.clock.install()
    await page.goto(PLAY)
    await expect(page.locator("#connection-hint")).to_contain_text("cannot be reached")
    for _ in range(30):
        await page.clock.run_for(2000)
    assert 4 <= len(api.called("/api/game/session-status")) <= 12
    api.status_failure = None
    for _ in range(8):
        await page.clock.run_for(2000)
    await expect(page.locator("[aria-current=step]")).to_contain_text("Finding a machine")
    await expect(page.locator("#connection-hint")).to_be_hidden()


async def test_another_tab_wins_until_the_player_wants_it_back(page: Page, api: FakeApi, seat: Page) -> None:
    await play(page, api)
    await seat.evaluate("window.seat.tell({type: 'replaced'})")
    await expect(page.get_by_role("heading", name="You are playing on another tab or device")).to_be_visible()
    assert len(api.called("connect")) == 1
    await page.get_by_role("button", name="Play here").click()
    await until(page, "window.playhouse.connections === 2")
    await expect(page.locator("#curtain")).to_be_hidden()
