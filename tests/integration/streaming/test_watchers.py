"""Several people at one seat: one plays, others watch, and the controls go from hand to hand."""

import asyncio
import json

import pytest
from playwright.async_api import Browser, Page

from bench.bad_network import PLAIN, looking, moving
from bench.shaper import LinkQuality
from streaming.audience import WATCHERS_LIMIT, Role
from streaming.errors import SeatError
from streaming.protocol import Introduction, SessionDescription
from streaming.viewers import CONNECT_EVERY_S
from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.seat_support import Seat, click, heard, open_page, shows, tell, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def watching(browser: Browser, seat: Seat, name: str, epoch: int = 0) -> Page:
    who = Introduction(name=name, person=name, epoch=epoch)
    return await open_page(browser, seat, Role.WATCHER, who)


async def hears(page: Page, **wanted: object) -> dict[str, object]:
    """The newest list of people, once it says this."""

    async def is_said() -> bool:
        people = await heard(page, "people")
        return all(people[key] == value for key, value in wanted.items())

    await until(is_said, f"the page hears {json.dumps(wanted)}")
    return await heard(page, "people")


async def test_watchers_see_and_only_who_holds_the_controls_plays(seat: Seat, page: Page, browser: Browser) -> None:
    async with seat.drawing() as drawing:
        watcher = await watching(browser, seat, "Ben")
        await shows(page, COLOURS[0])
        await shows(watcher, COLOURS[0])
        me = (await heard(watcher, "people"))["you"]
        player = (await hears(page, watchers=[{"id": me, "name": "Ben"}]))["you"]
        assert (await seat.client.status()).peers == 2

        await tell(watcher, type="key", code="KeyW", down=True)
        await tell(watcher, type="controls", to=me)
        await tell(watcher, type="ping", t=1)
        await heard(watcher, "pong")  # what the watcher said was heard, and moved nothing
        await click(page)
        assert await drawing.feels("key|button") == "button 1 down 320 360"
        await shows(watcher, COLOURS[1])

        await tell(page, type="key", code="KeyQ", down=True)
        await drawing.feels("key 24 down")
        await tell(page, type="controls", to=me)
        await hears(watcher, controls=me)
        await drawing.feels("key 24 up")
        await tell(watcher, type="key", code="KeyE", down=True)
        await drawing.feels("key 26 down")
        await tell(page, type="key", code="KeyR", down=True)
        await tell(page, type="controls", to=None)
        await hears(watcher, controls=player)
        assert await drawing.feels("key") == "key 26 up 0x65"  # and nothing of what the player pressed meanwhile

        await tell(page, type="controls", to=me)
        await hears(page, controls=me)
        await tell(watcher, type="key", code="KeyE", down=True)
        await drawing.feels("key 26 down")
        await watcher.close()
        await drawing.feels("key 26 up")
        await hears(page, controls=player, watchers=[])
        await click(page)
        await shows(page, COLOURS[2])


async def test_revoking_ends_the_watchers_at_once_and_the_player_plays_on(
    seat: Seat, page: Page, browser: Browser
) -> None:
    async with seat.drawing():
        old, new = await watching(browser, seat, "Ben", epoch=1), await watching(browser, seat, "Eve", epoch=2)
        await seat.client.revoke(2)
        await heard(old, "revoked")
        await hears(page, watchers=[{"id": (await heard(new, "people"))["you"], "name": "Eve"}])
        await click(page)
        await shows(page, COLOURS[1])
        await shows(new, COLOURS[1])
        offer = await old.evaluate("seat.pc.localDescription.toJSON()")
        with pytest.raises(SeatError) as refused:
            await seat.client.connect(
                SessionDescription.model_validate(offer), role=Role.WATCHER, who=Introduction(epoch=1)
            )
        assert refused.value.code == "revoked"
        await old.close()
        await new.close()


async def test_a_watcher_who_comes_again_replaces_itself_and_a_ninth_is_refused(
    seat: Seat, page: Page, browser: Browser
) -> None:
    async with seat.drawing():
        first = await watching(browser, seat, "Ben")
        await asyncio.sleep(CONNECT_EVERY_S)  # sooner nobody comes again
        second = await watching(browser, seat, "Ben")
        await heard(first, "replaced")
        await shows(second, COLOURS[0])
        await shows(page, COLOURS[0])
        offer = SessionDescription.model_validate(await page.evaluate("seat.pc.localDescription.toJSON()"))
        for _ in range(WATCHERS_LIMIT - 1):  # about to come: their places are taken
            await seat.client.connect(offer, role=Role.WATCHER)
        with pytest.raises(SeatError) as refused:
            await seat.client.connect(offer, role=Role.WATCHER)
        assert refused.value.code == "watchers_full"
        assert (await seat.client.status()).peers == 2
        await first.close()
        await second.close()


async def test_a_slow_watcher_costs_the_player_neither_rate_nor_pictures(seat: Seat, browser: Browser) -> None:
    """A twentieth of the player's rate is all that the watcher's link carries; its queue overflows, and it sees on."""
    slow = LinkQuality(rate_bps=400_000, rtt_s=0.05, queue_bytes=30_000)
    async with moving(seat), looking(browser, seat, PLAIN) as player:

        async def rate_and_pictures() -> tuple[float, int]:
            (began_s, before), seen, (ended_s, after) = (
                await player.received(),
                await player.seen(2.0),
                await player.received(),
            )
            return (after - before) * 8 / (ended_s - began_s), len(seen)

        await player.seen(2.0)
        alone_bps, alone_pictures = await rate_and_pictures()
        async with looking(browser, seat, slow, Role.WATCHER) as watcher:

            async def has_overflowed() -> bool:
                return watcher.shaper.dropped_packets > 20

            await until(has_overflowed, "the watcher's link is too slow")
            together_bps, together_pictures = await rate_and_pictures()
            assert watcher.shaper.carried_bytes > 0
    assert together_bps > 0.4 * alone_bps
    assert together_pictures > 0.4 * alone_pictures
