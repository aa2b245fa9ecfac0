"""The end of a replica ends every wait for news, once."""

import asyncio
import time

from orchestrator.notices import Notices


async def test_the_end_lets_go_of_who_waits_and_of_who_comes_later() -> None:
    notices = Notices()
    with notices.subscribe("host:a") as early:
        waiting = asyncio.create_task(early.wait(60))
        await asyncio.sleep(0)
        notices.close()
        assert await waiting is False
    with notices.subscribe("session:b") as late:
        began = time.monotonic()
        assert await late.wait(60) is False
        assert time.monotonic() - began < 30


async def test_a_loop_that_waits_does_not_spin_after_the_end() -> None:
    notices = Notices()
    with notices.subscribe("placing") as news:
        notices.close()
        assert await news.wait(60) is False
        waiting = asyncio.create_task(news.wait(60))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        notices.hear("placing")
        assert await waiting is True
