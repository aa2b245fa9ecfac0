"""A process that dies at a chosen await, as by `kill -9`, inside the process that tests it.

What a `Process` runs belongs to it, and so does every task that is started from there. Before one of its tasks is
resumed, `dies_when` is asked. Once it has said yes none of them is ever resumed: no line runs, no `except`, no
`finally`. Threads end what they are at, as system calls do. What is left is what the process had done to the outside.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")
_REAP_ROUNDS = 50

_running_in: ContextVar["Process | None"] = ContextVar("process", default=None)


class ProcessDied(Exception):
    """The process died before it gave an answer."""


class Process:
    """`reap` at the end, dead or alive: it lets every task come to its end quietly."""

    def __init__(self) -> None:
        self.awaits = 0
        self.dies_when: Callable[[], bool] = lives
        self.is_dead = False
        self.was_killed = False
        self.died = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Run `work` beside us, as a task of this process."""
        token = _running_in.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            _running_in.reset(token)

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` answers. Raises `ProcessDied` when the process dies first."""
        task, death = self.start(work), asyncio.ensure_future(self.died.wait())
        try:
            await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ProcessDied
            return task.result()
        finally:
            death.cancel()
            task.cancel()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        self._tasks.append(task)

    def must_stand_still(self) -> bool:
        """Told before a task is resumed; True once the process is dead."""
        self.awaits += 1
        if not self.is_dead and self.dies_when():
            self.is_dead = self.was_killed = True
            self.died.set()
        return self.is_dead

    async def reap(self) -> None:
        """Nothing is looked at any more: every task is cancelled, and may clean up now."""
        self.is_dead, self.dies_when = False, lives
        for _ in range(_REAP_ROUNDS):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.1)
        for task in self._tasks:
            assert task.done(), task
            if not task.cancelled():
                task.exception()


class _Mortal(Coroutine[Any, Any, Result]):
    """A task's coroutine that stands still for ever once its process is dead."""

    def __init__(self, inner: Coroutine[Any, Any, Result], process: Process) -> None:
        self._inner = inner
        self._process = process

    def send(self, value: Any) -> Any:
        return _never() if self._process.must_stand_still() else self._inner.send(value)

    def throw(self, error: Any, value: object = None, traceback: TracebackType | None = None, /) -> Any:
        assert value is None  # tasks throw an instance
        assert traceback is None
        return _never() if self._process.must_stand_still() else self._inner.throw(error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Result]:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)  # anyio looks at frames


def lives() -> bool:
    """Never dies."""
    return False


def _never() -> object:
    return next(asyncio.get_running_loop().create_future().__await__())


def let_processes_die(loop: asyncio.AbstractEventLoop) -> None:
    """From now on tasks of a `Process` are mortal on this loop."""

    def make(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **more: Any
    ) -> asyncio.Task[Any]:
        process = _running_in.get()
        if process is None or not isinstance(work, Coroutine):
            return asyncio.Task(work, loop=loop, **more)
        task = asyncio.Task(_Mortal(work, process), loop=loop, **more)
        process.adopt(task)
        return task

    loop.set_task_factory(make)
