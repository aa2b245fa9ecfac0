"""Child processes that answer one question at a time, by lines. They are few, and so are those who wait for them.

A child that dies is replaced and its question put once more; one that is silent for too long is killed. A child ends
by itself when its input ends, so none outlives us.
"""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

_LONGEST_LINE: Final = 2**20


class WorkersBusy(Exception):
    """Too many wait already. Ask again later."""


class WorkerFailed(Exception):
    """No child answered this question: each died over it, or took too long, or said what could not be read."""


class Lines:
    """What a child says and hears."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    async def tell(self, *lines: str) -> None:
        """Sends these lines. Raises `OSError` when the child is gone."""
        self._input.write("".join(f"{line}\n" for line in lines).encode())
        await self._input.drain()

    async def hear(self) -> str:
        """The next line, without its end. Raises `EOFError` when the child is gone."""
        line = await self._output.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line.decode().rstrip()


Ask = Callable[[Lines, Q], Awaitable[A]]
"""Puts one question to a child and reads its answer. Raises `ValueError` for what cannot be read."""


class Workers(Generic[Q, A]):
    """At most `size` children of one command, started when they are needed. At most `most_waiting` questions wait for
    one; each has `deadline_s` from when a child hears it.
    """

    def __init__(
        self, command: Sequence[str], ask: Ask[Q, A], *, size: int, most_waiting: int, deadline_s: float
    ) -> None:
        self._command = ("nice", "-n", "10", *command)
        self._ask = ask
        self._deadline_s = deadline_s
        self._free = asyncio.Semaphore(size)
        self._most_waiting = most_waiting
        self._waiting = 0
        self._idle: list[Process] = []
        self._asking: set[asyncio.Task[A]] = set()
        self._is_closed = False

    async def answer(self, question: Q) -> A:
        """A child's answer, in the order of the questions. Who is cancelled meanwhile costs no child its life.

        Raises `WorkersBusy` at once, or `WorkerFailed`.
        """
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise WorkersBusy
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        if self._is_closed:
            self._free.release()
            raise WorkerFailed
        asking = asyncio.create_task(self._answered(question))
        self._asking.add(asking)
        asking.add_done_callback(self._done)
        return await asyncio.shield(asking)

    async def close(self) -> None:
        """Ends every child. Who waits for an answer is cancelled; who asks later is refused."""
        self._is_closed = True
        asking = list(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        while self._idle:
            await _end(self._idle.pop())

    def _done(self, asking: "asyncio.Task[A]") -> None:
        self._free.release()
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # whoever asked may be gone: then nobody misses it

    async def _answered(self, question: Q) -> A:
        try:
            async with asyncio.timeout(self._deadline_s):
                try:
                    return await self._answer_of_one(question)
                except (EOFError, OSError):  # perhaps it had died long ago
                    return await self._answer_of_one(question)
        except (EOFError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            raise WorkerFailed from error

    async def _answer_of_one(self, question: Q) -> A:
        child = self._idle.pop() if self._idle else await self._started()
        try:
            answer = await self._ask(Lines(child), question)
        except BaseException:
            await _end(child)
            raise
        self._idle.append(child)
        return answer

    async def _started(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_LINE,
            env={"PATH": os.environ.get("PATH", os.defpath)},  # and none of our secrets
            start_new_session=True,
        )


async def _end(child: Process) -> None:
    assert child.stdin is not None
    child.stdin.close()
    if child.returncode is None:
        child.kill()
    await child.wait()
    with suppress(OSError):  # what it did not hear any more
        await child.stdin.wait_closed()
