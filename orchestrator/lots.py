"""One piece of work for many who ask at the same time: whoever comes while a lot is under way is in the next one.

Nobody waits for others to come. While little is asked every lot is of one; the more is asked, the more share one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

Work = Callable[[Sequence[Q]], Awaitable[Sequence[A]]]
"""The answers to a lot, in its order."""


class Lots(Generic[Q, A]):
    """At most `most` in a lot, and none with the `key` of another: that one waits for the next."""

    def __init__(self, work: Work[Q, A], key: Callable[[Q], str], most: int) -> None:
        self._work = work
        self._key = key
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._working: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Its answer, or what the work on its lot raised."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._working is None:
            self._working = asyncio.create_task(self._run())
        return await answer

    async def close(self) -> None:
        """Returns when nobody waits any longer."""
        if self._working is not None:
            await self._working

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._one(self._next())
        finally:
            self._working = None

    async def _one(self, lot: Sequence[tuple[Q, "asyncio.Future[A]"]]) -> None:
        try:
            answers = await self._work([question for question, _ in lot])
        except Exception as error:
            for _, waiting in lot:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(lot, answers, strict=True):
            if not waiting.done():  # whoever asked may be gone
                waiting.set_result(answer)

    def _next(self) -> Sequence[tuple[Q, "asyncio.Future[A]"]]:
        lot: dict[str, tuple[Q, asyncio.Future[A]]] = {}
        later: list[tuple[Q, asyncio.Future[A]]] = []
        for each in self._waiting:
            key = self._key(each[0])
            if key in lot or len(lot) == self._most:
                later.append(each)
            else:
                lot[key] = each
        self._waiting = later
        return list(lot.values())
