"""`python -m tests.booted.evening URL COMMAND…`: plays the tiny counter there and runs COMMAND meanwhile. It fails
unless game and picture went on, and the save is there afterwards.
"""

import asyncio
import sys

from tests.chaos.machine import SLUG
from tests.chaos.player import Player
from tests.integration.gameserver_agent.viewer import Viewer

FRAMES_AFTERWARDS = 60


async def play(url: str, command: list[str]) -> None:
    async with Player([url], print) as player:
        await player.register()
        session = await player.launch(SLUG)
        status = await player.until(session, lambda status: status.status == "running" or status.is_over, 180)
        assert status.status == "running", status
        async with Viewer(f"{await player.stream_url(session)}connect", await player.stream_token(session)) as viewer:
            await viewer.press("KeyA")
            running = await asyncio.create_subprocess_exec(*command)
            assert await running.wait() == 0
            await viewer.sees(FRAMES_AFTERWARDS)
            status = await player.until(session, lambda status: status.status == "running", 60)
            assert status.status == "running", status
        await player.stop(session)
        status = await player.until(session, lambda status: status.is_over, 60)
        assert (status.status, status.code) == ("stopped", "stopped"), status
        [slot] = await player.slots(SLUG)
        assert slot["sizeBytes"] > 0


if __name__ == "__main__":
    asyncio.run(play(sys.argv[1], sys.argv[2:]))
