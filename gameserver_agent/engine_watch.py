"""Whether the host's engine answers, and which of our images it has. One line when it goes, one when it is back."""

import asyncio
import random

import structlog

from agent_protocol import HostImage
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import EngineError
from gameserver_agent.image_list import reported
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.runtime.port import Image, Runtime

log = structlog.get_logger()


class EngineWatch:
    """`is_well`, `found` (every image) and `images` (what is told of them, with `uses`) as of the last look."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.uses = ImageUses()
        self.found: tuple[Image, ...] = ()
        self.is_well = False
        self.images: tuple[HostImage, ...] = ()

    async def until_it_answers(self) -> None:
        failures = 0
        while True:
            try:
                await self._runtime.info()
                break
            except EngineError as error:
                if failures == 0:
                    log.warning("engine.away", reason=str(error))
                failures += 1
                await asyncio.sleep(delay_s(failures, random.random, most_s=5))
        self.is_well = True

    async def look(self) -> bool:
        """True when the images have changed."""
        try:
            found = await self._runtime.list_images()
        except EngineError as error:
            if self.is_well:
                log.warning("engine.away", reason=str(error))
            self.is_well = False
            return False
        if not self.is_well:
            log.info("engine.back")
        self.is_well = True
        self.found = found
        before, self.images = self.images, reported(found, self.uses)
        return self.images != before
