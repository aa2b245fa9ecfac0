"""Loops live as long as the replica, and a failing one is started again."""

import asyncio
import itertools

import pytest

from orchestrator import background


async def test_a_loop_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_RESTART_AFTER_S", 0)
    attempts = itertools.count(1)
    ran_again = asyncio.Event()

    async def fails_at_first() -> None:
        if next(attempts) == 1:
            raise RuntimeError("once")
        ran_again.set()
        await asyncio.Event().wait()

    async with background.running([fails_at_first]), asyncio.timeout(5):
        await ran_again.wait()


async def test_loops_have_ended_when_the_block_has() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def waits_for_ever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background.running([waits_for_ever]), asyncio.timeout(5):
        await started.wait()
    assert ended.is_set()
