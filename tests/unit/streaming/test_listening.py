"""Listening without sound: how many record at a time, and what is left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streaming.listening import Listening


class Captures:
    """Every recording that was opened; each takes a while to stop, as a recorder does."""

    def __init__(self) -> None:
        self.opened: list[FakeCapture] = []
        self.failures = 0

    def open(self, first_pts: int) -> "FakeCapture":
        if self.failures:
            self.failures -= 1
            raise OSError("no more processes")
        self.opened.append(FakeCapture(first_pts))
        return self.opened[-1]

    @property
    def going(self) -> int:
        return sum(not capture.is_stopped.is_set() for capture in self.opened)

    async def until(self, opened: int) -> None:
        async with asyncio.timeout(60):
            while len(self.opened) < opened:  # noqa: ASYNC110 -- a few turns of the loop
                await asyncio.sleep(0)


class FakeCapture:
    def __init__(self, first_pts: int) -> None:
        self.pts = first_pts
        self.broke = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.is_stopped = asyncio.Event()

    async def ended(self) -> None:
        await self.broke.wait()

    async def stop(self) -> None:
        await self.may_stop.wait()
        self.is_stopped.set()


@pytest.fixture
def captures() -> Captures:
    return Captures()


@pytest.fixture
async def listening(captures: Captures, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    monkeypatch.setattr("streaming.listening.RETRY_S", 0.0)
    listening = Listening(captures.open, 48_000)
    yield listening
    for capture in captures.opened:
        capture.may_stop.set()
    await listening.close()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_second_player_is_heard_by_the_recorder_that_is_there(listening: Listening, captures: Captures) -> None:
    listening.begin()
    await captures.until(1)
    listening.begin()
    await turns()
    assert len(captures.opened) == 1


async def test_the_next_recorder_begins_when_the_one_before_has_stopped_and_goes_on_in_time(
    listening: Listening, captures: Captures
) -> None:
    listening.begin()
    await captures.until(1)
    captures.opened[0].pts = 4800
    for _ in range(3):
        listening.end()
        listening.begin()
    await turns()
    assert len(captures.opened) == 1
    captures.opened[0].may_stop.set()
    await captures.until(2)
    assert captures.going == 1
    assert captures.opened[1].pts >= 4800


async def test_a_pause_is_not_made_up_for_later(captures: Captures, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("streaming.listening.time.monotonic", lambda: now_s)
    listening = Listening(captures.open, 48_000)
    for minutes in (0, 1):
        now_s = 100.0 + minutes * 60
        listening.begin()
        await captures.until(minutes + 1)
        captures.opened[-1].may_stop.set()
        listening.end()
        await turns()
    assert [capture.pts for capture in captures.opened] == [0, 60 * 48_000]
    await listening.close()


async def test_closing_waits_for_a_recorder_that_is_stopping_already(listening: Listening, captures: Captures) -> None:
    listening.begin()
    await captures.until(1)
    listening.end()
    closing = asyncio.create_task(listening.close())
    await turns()
    assert not closing.done()
    captures.opened[0].may_stop.set()
    await closing
    assert captures.going == 0


async def test_a_recorder_that_ends_or_cannot_start_is_tried_again(listening: Listening, captures: Captures) -> None:
    captures.failures = 2
    listening.begin()
    await captures.until(1)
    captures.opened[0].may_stop.set()
    captures.opened[0].broke.set()
    await captures.until(2)
    assert captures.going == 1
