"""Loops live as long as the replica, and a failing one is started again."""

import asyncio
import itertools
from functools import partial

import pytest
from structlog.testing import capture_logs

from orchestrator import background
from orchestrator.errors import DatabaseUnavailable


async def test_a_loop_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_RESTART_AFTER_S", 0)
    attempts = itertools.count(1)
    ran_again = asyncio.Event()

    async def fails_at_first() -> None:
        if next(attempts) == 1:
            raise RuntimeError("once")
        ran_again.set()
        await asyncio.Event().wait()

    async with background.running([fails_at_first]), asyncio.timeout(60):
        await ran_again.wait()


async def test_loops_have_ended_when_the_block_has() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def waits_for_ever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background.running([waits_for_ever]), asyncio.timeout(60):
        await started.wait()
    assert ended.is_set()


async def test_rounds_go_on_after_the_database_was_away() -> None:
    answers = iter([DatabaseUnavailable(), DatabaseUnavailable(), None])
    told = asyncio.Event()

    async def round_() -> None:
        if (answer := next(answers, None)) is not None:
            raise answer
        told.set()

    with capture_logs() as logs:
        async with background.running([lambda: background.every(0, round_, "counting")]), asyncio.timeout(60):
            await told.wait()
            await asyncio.sleep(0)
    said = [line["event"] for line in logs]
    assert said == ["loop.put_off", "loop.resumed"]


async def test_what_may_begin_later_begins_after_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[str] = []
    all_began = asyncio.Event()

    async def begin(name: str) -> None:
        began.append(name)
        if name == "last":
            all_began.set()
        await asyncio.Event().wait()

    at_once, later = partial(begin, "at once"), [partial(begin, "next"), partial(begin, "last")]
    monkeypatch.setattr(background, "_LATER_APART_S", 3600)
    async with background.running([at_once], later):
        for _ in range(10):
            await asyncio.sleep(0)
    assert began == ["at once"]
    began.clear()
    monkeypatch.setattr(background, "_LATER_APART_S", 0.01)
    async with background.running([at_once], later), asyncio.timeout(60):
        await all_began.wait()
    assert began == ["at once", "next", "last"]
