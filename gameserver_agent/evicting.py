"""Dropping cached images from the engine, one at a time, as `eviction` decides.

Engine and disk are looked at again after each: what an image gives up is known only then, since images share layers.
An image that is being dropped is waited for by whoever wants it, and never given to a session half gone.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection

import structlog

from gameserver_agent.errors import EngineError
from gameserver_agent.eviction import Disk, evictable_bytes, kept_free_bytes, next_to_go, relief_bytes
from gameserver_agent.image_list import cached
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.runtime.port import Image, Runtime
from gameserver_agent.tasks import finished_despite_cancellation

log = structlog.get_logger()


class Evicting:
    """`wanted` names the images that nobody may drop now, beside what any container has, and `spare` those that go
    first. `disk` reads the engine's volume. An engine that does not answer keeps all its images.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        uses: ImageUses,
        wanted: Callable[[], Collection[str]],
        spare: Callable[[], Collection[str]],
        disk: Callable[[], Disk],
    ) -> None:
        self._runtime = runtime
        self._uses = uses
        self._wanted = wanted
        self._spare = spare
        self._disk = disk
        self._one_at_a_time = asyncio.Lock()
        self._going: dict[str, asyncio.Event] = {}
        self._stays_full = False

    async def until_settled(self, image_id: str) -> None:
        """Return once this image is not being dropped."""
        while (going := self._going.get(image_id)) is not None:
            await going.wait()

    async def relieve(self) -> int:
        """Drop images from a disk that is too full until it is relieved; how many went."""
        wanted = relief_bytes(self._disk())
        dropped = await self._drop_until(wanted)
        disk = self._disk()
        stays_full = relief_bytes(disk) > 0
        if stays_full and not self._stays_full:
            log.warning("images.disk_stays_full", free_bytes=disk.free_bytes, wanted_bytes=wanted)
        elif self._stays_full and not stays_full:
            log.info("images.disk_relieved", free_bytes=disk.free_bytes)
        self._stays_full = stays_full
        return dropped

    async def make_room(self, needed_bytes: int) -> None:
        """Drop images until so many bytes are free, or none is left that may go."""
        await self._drop_until(needed_bytes)

    async def make_room_unasked(self, needed_bytes: int) -> bool:
        """The same for what nobody waits for, which must not make the disk too full. Where all that may go would not
        be enough nothing goes: False.
        """
        wanted = needed_bytes + kept_free_bytes(self._disk())
        if self._disk().free_bytes < wanted:
            with contextlib.suppress(EngineError):
                images, used = await self._look()
                kept = used | set(self._wanted())
                evictable = evictable_bytes((cached(image, self._uses) for image in images), kept)
                if self._disk().free_bytes + evictable >= wanted:
                    await self._drop_until(wanted)
        return self._disk().free_bytes >= wanted

    async def _drop_until(self, wanted_bytes: int) -> int:
        """The turn is given away after each image: whoever needs little does not wait for whoever needs much."""
        dropped, refused = 0, set[str]()
        with contextlib.suppress(EngineError):
            while self._disk().free_bytes < wanted_bytes:
                async with self._one_at_a_time:
                    if self._disk().free_bytes >= wanted_bytes:
                        break
                    images, used = await self._look()
                    kept = used | refused | set(self._wanted())
                    image_id = next_to_go((cached(image, self._uses) for image in images), kept, self._spare())
                    if image_id is None:
                        break
                    refused.add(image_id)
                    names = {image.image_id: image.names for image in images}
                    try:
                        dropped += await self._drop(image_id, names[image_id])
                    except EngineError as error:  # of this image alone, when the next look is answered
                        log.warning("image.not_dropped", image=image_id, reason=str(error))
        return dropped

    async def _look(self) -> tuple[tuple[Image, ...], set[str]]:
        """The engine's images, and the ids of those that containers have."""
        used = {container.image_id for container in await self._runtime.list_containers({})}
        return await self._runtime.list_images(), used

    async def _drop(self, image_id: str, names: Collection[str]) -> bool:
        """Nothing is awaited between the decision and the mark: whoever comes later waits."""
        going = self._going[image_id] = asyncio.Event()
        removing = asyncio.ensure_future(self._runtime.remove_image(image_id, names))
        try:
            has_gone = await finished_despite_cancellation(removing)
        finally:
            del self._going[image_id]
            going.set()
        if has_gone:
            log.info("image.dropped", image=image_id)
        return has_gone
