"""The loops that run beside the requests of one replica: started with it, restarted when they fail, ended with it.

What a loop does is its slice's matter; here it is only kept alive.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from orchestrator.errors import DatabaseUnavailable
from orchestrator.notices import Notices

log = structlog.get_logger()

Loop = Callable[[], Awaitable[None]]

_RESTART_AFTER_S = 1.0
_ROUND_EVERY_S = 5.0  # a notice comes sooner
_LONGEST_BACKOFF_S = 60.0
_LATER_APART_S = 1.0


@asynccontextmanager
async def running(loops: Sequence[Loop], later: Sequence[Loop] = ()) -> AsyncGenerator[None, None]:
    """Runs every loop until the block ends, then cancels them and waits for their end. Those that may begin `later` do
    so one after the other: who starts is asked enough already.
    """
    tasks = [asyncio.create_task(_keep_alive(loop)) for loop in loops]
    tasks += [asyncio.create_task(_keep_alive(loop, place * _LATER_APART_S)) for place, loop in enumerate(later, 1)]
    try:
        yield
    finally:
        await cancelled(*tasks)


async def cancelled(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel those that still run and wait until they are gone. Their errors stay with them."""
    running_ones = [task for task in tasks if task is not None]
    for task in running_ones:
        task.cancel()
    await asyncio.gather(*running_ones, return_exceptions=True)


async def _keep_alive(loop: Loop, begins_after_s: float = 0.0) -> None:
    await asyncio.sleep(begins_after_s)
    while True:
        try:
            await loop()
        except Exception:
            log.exception("loop.failed", loop=getattr(loop, "__qualname__", repr(loop)))
        await asyncio.sleep(_RESTART_AFTER_S)


async def rounds(notices: Notices, topic: str, round_: Callable[[], Awaitable[None]]) -> None:
    """A round whenever the topic has news, and now and then; more rarely while the database is away. Ends never."""
    failures = 0
    with notices.subscribe(topic) as news:
        while True:
            await news.wait(min(_LONGEST_BACKOFF_S, _ROUND_EVERY_S * 2 ** min(failures, 10)))
            try:
                await round_()
                failures = 0
            except DatabaseUnavailable:
                failures += 1


async def every(interval_s: float, round_: Callable[[], Awaitable[None]], name: str) -> None:
    """A round every so many seconds. A database that is away is said once, and once when it is back. Ends never."""
    is_away = False
    while True:
        try:
            await round_()
        except DatabaseUnavailable as error:
            if not is_away:
                log.warning("loop.put_off", loop=name, error=str(error))
            is_away = True
        else:
            if is_away:
                log.info("loop.resumed", loop=name)
            is_away = False
        await asyncio.sleep(interval_s)
