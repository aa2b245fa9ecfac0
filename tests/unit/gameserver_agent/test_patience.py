"""A transfer on a slow line is waited for as long as it moves; by a clock that nobody waits for."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent_protocol import transfer_within_s
from gameserver_agent.saves.patience import PIECE_BYTES, Patience
from gameserver_agent.sessions.state import restoring_within_s
from orchestrator.play.lifecycle import TIME_LIMITS, Position
from tests.crash.skipping_time import SkippingLoop

LARGEST_BYTES = 256 * 1024**2
MEGABIT_BYTES_PER_S = 125_000


async def pieces(*pauses_s: float) -> AsyncGenerator[bytes]:
    for pause_s in pauses_s:
        await asyncio.sleep(pause_s)
        yield b"x"


async def received(total_s: float, *pauses_s: float) -> float:
    """When it was whole."""
    patience = Patience(total_s)
    async with patience.limit:
        async for _ in patience.receiving(pieces(*pauses_s)):
            pass
    return asyncio.get_running_loop().time()


async def sent(file: Path, total_s: float, pause_s: float) -> bytes:
    patience, content = Patience(total_s), b""
    async with patience.limit:
        with file.open("rb") as body:
            async for piece in patience.sending(body):
                await asyncio.sleep(pause_s)
                content += piece
    return content


def test_what_moves_has_all_its_time_and_what_does_not_has_a_minute() -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        assert runner.run(received(600, *(50.0,) * 10)) == 500
    for total_s, pauses_s, ends_s in ((600, (50.0, 200.0), 110), (100, (50.0,) * 10, 100), (10, (50.0,), 10)):
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            with pytest.raises(TimeoutError):
                runner.run(received(total_s, *pauses_s))
            assert runner.get_loop().time() == pytest.approx(ends_s)


def test_a_file_that_is_taken_slowly_is_sent_whole(tmp_path: Path) -> None:
    file = tmp_path / "archive"
    file.write_bytes(bytes(range(256)) * (PIECE_BYTES // 256) * 5 + b"end")
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        assert runner.run(sent(file, 600, 40)) == file.read_bytes()
    with asyncio.Runner(loop_factory=SkippingLoop) as runner, pytest.raises(TimeoutError):
        runner.run(sent(file, 600, 61))


def test_what_still_moves_when_the_time_is_over_changes_nothing() -> None:
    async def late() -> int:
        patience = Patience(10)
        moving = patience.receiving(pieces(0.0, 0.0))
        async with patience.limit:
            await anext(moving)
        return len([piece async for piece in moving])

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        assert runner.run(late()) == 1


def test_the_largest_save_leaves_over_a_slow_line_and_comes_within_the_orchestrators_time() -> None:
    assert transfer_within_s(LARGEST_BYTES) > LARGEST_BYTES / (1.1 * MEGABIT_BYTES_PER_S)
    assert transfer_within_s(1000) == 60
    assert restoring_within_s(0) == 60
    assert restoring_within_s(120_000_000) > 120_000_000 / (10 * MEGABIT_BYTES_PER_S)
    assert restoring_within_s(LARGEST_BYTES) < TIME_LIMITS[Position.RESTORING].total_seconds()
