"""The loops that run beside the requests of one replica: started with it, restarted when they fail, ended with it.

What a loop does is its slice's matter; here it is only kept alive.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()

Loop = Callable[[], Awaitable[None]]

_RESTART_AFTER_S = 1.0


@asynccontextmanager
async def running(loops: Sequence[Loop]) -> AsyncGenerator[None, None]:
    """Runs every loop until the block ends, then cancels them and waits for their end."""
    tasks = [asyncio.create_task(_keep_alive(loop)) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_alive(loop: Loop) -> None:
    while True:
        try:
            await loop()
        except Exception:
            log.exception("loop.failed", loop=getattr(loop, "__qualname__", repr(loop)))
        await asyncio.sleep(_RESTART_AFTER_S)
