"""Shapes of structured concurrency that the agent needs and asyncio does not have."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import TypeVar

import structlog

log = structlog.get_logger()
_AGAIN_AFTER_S = 1.0

Result = TypeVar("Result")


async def all_or_first_error(*coroutines: Coroutine[object, object, object]) -> None:
    """Run all together. The first error cancels the others, waits for them to be gone, and is raised bare."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await cancelled(*tasks)
    for task in tasks:  # in the order of the arguments, should several have failed at once
        error = task.exception() if task in done else None
        if error is not None:
            raise error


async def cancelled(*tasks: "asyncio.Future[Result]") -> None:
    """Cancel what still runs and wait until it is gone. Their errors stay with them."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def finished_despite_cancellation(task: "asyncio.Future[Result]") -> Result:
    """Wait for `task` to its end even when the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise


async def kept_alive(loop: Callable[[], Coroutine[object, object, None]], *, until: type[Exception]) -> None:
    """Run what never returns, and again after a moment whenever it fails. Raises `until` alone."""
    while True:
        try:
            await loop()
        except until:
            raise
        except Exception:
            log.exception("loop.failed", loop=getattr(loop, "__qualname__", repr(loop)))
        await asyncio.sleep(_AGAIN_AFTER_S)
