"""Dropping cached images from the engine, one at a time, as `eviction` decides.

The disk is looked at again after each: what an image gives up is known only then, since images share layers. An image
that is being dropped is waited for by whoever wants it, and never given to a session half gone.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection

import structlog

from gameserver_agent.errors import EngineError
from gameserver_agent.eviction import Disk, next_to_go, wanted_free_bytes
from gameserver_agent.image_list import cached
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.tasks import finished_despite_cancellation

log = structlog.get_logger()


class Evicting:
    """`wanted` names the images that nobody may drop now, beside what any container has. `disk` reads the engine's
    volume.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        uses: ImageUses,
        wanted: Callable[[], Collection[str]],
        disk: Callable[[], Disk],
    ) -> None:
        self._runtime = runtime
        self._uses = uses
        self._wanted = wanted
        self._disk = disk
        self._one_at_a_time = asyncio.Lock()
        self._going: dict[str, asyncio.Event] = {}

    async def until_settled(self, image_id: str) -> None:
        """Return once this image is not being dropped."""
        while (going := self._going.get(image_id)) is not None:
            await going.wait()

    async def make_room(self, needed_bytes: int = 0) -> int:
        """Drop images until `needed_bytes` are free, and the disk is not too full; how many went. An engine that does
        not answer keeps them all.
        """
        if not wanted_free_bytes(self._disk(), needed_bytes):
            return 0
        dropped = 0
        async with self._one_at_a_time:
            wanted = wanted_free_bytes(self._disk(), needed_bytes)
            with contextlib.suppress(EngineError):
                used = {container.image_id for container in await self._runtime.list_containers({})}
                images = [cached(image, self._uses) for image in await self._runtime.list_images()]
                refused: set[str] = set()
                while self._disk().free_bytes < wanted:
                    image_id = next_to_go(images, used | refused | set(self._wanted()))
                    if image_id is None:
                        log.warning("images.nothing_to_drop", free_bytes=self._disk().free_bytes, wanted_bytes=wanted)
                        break
                    refused.add(image_id)
                    dropped += await self._drop(image_id)
        return dropped

    async def _drop(self, image_id: str) -> bool:
        """Nothing is awaited between the decision and the mark: whoever comes later waits."""
        going = self._going[image_id] = asyncio.Event()
        try:
            has_gone = await finished_despite_cancellation(asyncio.ensure_future(self._runtime.remove_image(image_id)))
        finally:
            del self._going[image_id]
            going.set()
        if has_gone:
            log.info("image.dropped", image=image_id)
        return has_gone
