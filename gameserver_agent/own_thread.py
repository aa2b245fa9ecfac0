"""Work that a disk which hangs may hold for ever: in a thread that nobody has to wait for, not even the process's end.

Whoever begins one asks first whether too many hang already: at most `MOST_STUCK` do.
"""

import asyncio
import contextlib
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from gameserver_agent.tasks import finished_despite_cancellation

MOST_STUCK = 16
LET_GO_AFTER_S = 5.0
NAME = "own thread"
Result = TypeVar("Result")
_stuck: list[Thread] = []


def are_too_many_stuck() -> bool:
    """True while no other may be begun."""
    _stuck[:] = [thread for thread in _stuck if thread.is_alive()]
    return len(_stuck) >= MOST_STUCK


async def in_own_thread(work: Callable[[], Result], *, deadline_s: float, end: Callable[[], None]) -> Result:
    """What `work` returns or raises. Past the deadline, and when the caller is cancelled, `end` is called, which should
    make `work` return. `TimeoutError` when it does not within `LET_GO_AFTER_S`: it is left to itself then.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Result] = loop.create_future()
    finished.add_done_callback(lambda done: done.exception())  # heard, whoever still waits for it

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            _tell(loop, finished.set_exception, error)
        else:
            _tell(loop, finished.set_result, result)

    thread = Thread(target=run, name=NAME, daemon=True)
    thread.start()
    try:
        await asyncio.wait({finished}, timeout=deadline_s)
    finally:
        if not finished.done():
            end()
            await finished_despite_cancellation(asyncio.ensure_future(asyncio.wait({finished}, timeout=LET_GO_AFTER_S)))
            if not finished.done():
                _stuck.append(thread)
    if not finished.done():
        raise TimeoutError
    return finished.result()


Value = TypeVar("Value")


def _tell(loop: asyncio.AbstractEventLoop, set_it: Callable[[Value], None], value: Value) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(set_it, value)
