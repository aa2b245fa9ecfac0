"""The connection check: findings in words, the first launch that it stops, and a network that lets no UDP through."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.pages.pages_support import PLAY, SESSION, FakeApi, ask, seated

pytestmark = pytest.mark.asyncio(loop_scope="session")

WELL = {"hasWebRtc": True, "codecs": ["H264", "VP8"], "isPairOpen": True, "roundTripMs": 20}
NO_PEERS = "delete window.RTCPeerConnection"
NO_H264 = (
    """RTCRtpReceiver.getCapabilities = () => ({ codecs: [{ mimeType: "video/VP8" }, { mimeType: "video/rtx" }] })"""
)


@pytest.mark.parametrize(
    ("facts", "levels"),
    [
        ({}, ["good", "good", "good"]),
        ({"hasWebRtc": False}, ["bad"]),
        ({"isPairOpen": False}, ["bad", "good", "good"]),
        ({"codecs": None}, ["good", "good", "good"]),
        ({"codecs": ["VP8"]}, ["good", "note", "good"]),
        ({"codecs": ["AV1"]}, ["good", "bad", "good"]),
        ({"roundTripMs": 220}, ["good", "good", "note"]),
        ({"roundTripMs": 900}, ["good", "good", "note"]),
        ({"roundTripMs": None}, ["good", "good", "note"]),
    ],
)
async def test_facts_become_findings(page: Page, facts: dict[str, Any], levels: list[str]) -> None:
    found = await ask(page, "connectionfindings", "m.findingsFrom(given)", {**WELL, **facts})
    assert [finding["level"] for finding in found] == levels
    assert all(finding["title"] and finding["text"] for finding in found)


async def test_a_well_browser_is_checked_once_and_plays(page: Page, api: FakeApi) -> None:
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    await page.wait_for_url(f"**/play/{SESSION}")
    assert await page.evaluate("localStorage.getItem('playhouse.connection-checked')") == "1"


async def test_a_browser_that_cannot_play_is_told_why_before_its_first_launch(page: Page, api: FakeApi) -> None:
    await page.add_init_script(NO_PEERS)
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    await expect(page.get_by_role("alert")).to_contain_text("cannot receive live video")
    assert api.called("/api/game/launch") == []
    await page.get_by_role("button", name="Play anyway").click()
    await page.wait_for_url(f"**/play/{SESSION}")


@pytest.mark.parametrize("lacks", ["delete AbortSignal.timeout", "delete RTCRtpReceiver.getCapabilities"])
async def test_an_older_browser_is_checked_and_plays(page: Page, api: FakeApi, lacks: str) -> None:
    await page.add_init_script(lacks)
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    await page.wait_for_url(f"**/play/{SESSION}")


async def test_the_check_is_there_for_whoever_asks(page: Page, api: FakeApi) -> None:
    await page.add_init_script(NO_H264)
    await page.goto("/games/the-question")
    await page.get_by_role("button", name="Check my connection").click()
    dialog = page.get_by_role("dialog", name="Your connection")
    await expect(dialog.get_by_text("You can play. Something could be better.")).to_be_visible()
    await expect(dialog.get_by_role("heading", name="Note: Another kind of video")).to_be_visible()
    await expect(dialog.get_by_role("heading", name="Fine: Live video works")).to_be_visible()
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("button", name="Check my connection")).to_be_focused()


async def test_a_network_without_udp_is_named_and_tried_again(page: Page, seat: Page, api: FakeApi) -> None:
    await seat.evaluate("window.seat.isUnreachable = true")
    await api.push(seated("running", "ready"))
    await page.goto(PLAY)
    hint = page.locator("#connection-hint")
    await expect(hint).to_contain_text("this network seems to block UDP")
    await seat.evaluate("window.seat.isUnreachable = false")
    await expect(hint).to_be_hidden()
