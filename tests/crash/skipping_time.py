"""A loop on which waiting costs nothing: when nobody can go on, the clock is moved to the next timer.

Threads do their work at once, inside the call that asks for them, so every run goes the same way.
"""

import asyncio
import selectors
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Skipping(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits for somebody else")
        self.now_s += timeout
        return super().select(0)


class _AtOnce(ThreadPoolExecutor):
    def submit(
        self, fn: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> "Future[Result]":
        done: Future[Result] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # it belongs to whoever waits for the result
            done.set_exception(error)
        return done


class ThreadAtOnce(threading.Thread):
    """Does its work inside `start`: this clock would not wait for another thread."""

    def start(self) -> None:
        self.run()


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)
        self.set_default_executor(_AtOnce())
        self.set_exception_handler(_forgive)

    def time(self) -> float:
        return self._skipping.now_s


def _forgive(_loop: asyncio.AbstractEventLoop, _context: Mapping[str, Any]) -> None:
    """What nobody asked after died with its process."""
