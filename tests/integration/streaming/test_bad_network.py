"""Full motion through a bad link: the picture follows what the link carries. The limits are wide, for a machine that
has other work; without a controller none of them holds.
"""

import pytest
from playwright.async_api import Browser

from bench.bad_network import BAD, longest_freeze_s, watching
from bench.results import percentile

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTLES_S, WATCHED_S = 5.0, 8.0


async def test_a_game_stays_playable_at_2_mbit_with_losses(browser: Browser) -> None:
    async with watching(browser, BAD) as page:
        await page.seen(SETTLES_S)
        seen = await page.seen(WATCHED_S)
    assert len(seen) / WATCHED_S >= 12
    assert longest_freeze_s(seen) <= 1.5
    assert percentile([each.delay_s for each in seen], 0.95) <= 0.45
