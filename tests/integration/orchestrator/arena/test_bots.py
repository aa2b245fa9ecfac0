"""Bots that think in processes of their own, real ones: Stockfish, our own search, and children that misbehave."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from matches.bots.learned import MOST_RECORDS
from matches.bots.levels import Level
from matches.events import MoveSent
from matches.rows import line_row
from matches.state import Match, started
from matches.step import step
from matches.terms import documented_terms
from matches.values import Game, Seat
from orchestrator.arena.bots import schooling, stockfish
from orchestrator.arena.bots.service import Bots, running
from orchestrator.arena.bots.trainer import record_line
from orchestrator.arena.bots.workers import Ask, Lines, WorkerFailed, Workers, WorkersBusy
from tests.unit.matches.boards import random_game

SLEEPS = "import os, sys, time\nfor line in sys.stdin: time.sleep(float(line)); print(os.getpid(), flush=True)"
HANGS = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
DIES = "import sys; open(sys.argv[1], 'a').write('born\\n'); sys.stdin.readline()"


async def ask(lines: Lines, question: str) -> str:
    """Of `SLEEPS`: for how long, and its process is the answer."""
    await lines.tell(question)
    return await lines.hear()


@asynccontextmanager
async def children(
    *program: str, ask: Ask[str, str] = ask, most_waiting: int = 10, deadline_s: float = 10
) -> AsyncGenerator[Workers[str, str], None]:
    command = (sys.executable, "-c", *program)
    workers = Workers(command, ask, size=1, most_waiting=most_waiting, deadline_s=deadline_s)
    try:
        yield workers
    finally:
        await workers.close()


@asynccontextmanager
async def bots(engine: Path | None = None) -> AsyncGenerator[Bots, None]:
    made = Bots(Random(1), engine, 2)
    try:
        yield made
    finally:
        await made.close()


def programs(folder: Path, text: str) -> Path:
    program = folder / "engine"
    program.write_text(f"#!{sys.executable}\n{text}\n")
    program.chmod(0o755)
    return program


def is_alive(pid: str) -> bool:
    """A process that ended and that nobody waited for has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_text())
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], bool], deadline_s: float = 10) -> None:
    give_up_at = monotonic() + deadline_s
    while not condition():
        assert monotonic() < give_up_at
        await asyncio.sleep(0.01)


def new(game: Game) -> Match:
    return started(documented_terms(game), ("ann", "bot"), 0)


async def played(made: Bots, game: Game, levels: Sequence[Level]) -> Match:
    match = new(game)
    while match.end is None:
        chosen = await made.choose(match, levels[match.turn])
        match, _ = step(match, MoveSent(match.turn, chosen.payload), 0)
    return match


async def test_hard_beats_easy_in_every_game() -> None:
    """Of what can be lost: tic-tac-toe may be drawn."""

    async def winner(game: Game, hard: Seat) -> Seat | None:
        match = await played(made, game, (Level.EASY, Level.HARD) if hard else (Level.HARD, Level.EASY))
        assert match.end is not None
        return match.end.winner

    assert stockfish.find() is not None
    async with running(Random(2), size=2) as made:
        assert await asyncio.gather(
            winner(Game.CHESS, 1), winner(Game.CHECKERS, 0), winner(Game.CONNECT4, 1), winner(Game.CONNECT4, 0)
        ) == [1, 0, 1, 0]
        assert await winner(Game.TICTACTOE, 0) in {0, None}
        assert await winner(Game.TICTACTOE, 1) in {1, None}


async def test_the_loop_goes_on_while_bots_think() -> None:
    async with bots() as made:
        await made.choose(new(Game.CHESS), "easy")
        assert await goes_on_beside(
            lambda: asyncio.gather(*(made.choose(new(Game.CHECKERS), "hard") for _ in range(4)))
        )


async def test_the_loop_goes_on_while_a_bot_learns() -> None:
    """Of as many matches as any does."""
    games = [random_game(Game.CONNECT4, seed)[0] for seed in range(20)]
    told = [record_line(1, [json.dumps(row) for row in line_row(line)]) for line in games]
    records = told * (MOST_RECORDS // len(told))
    assert await goes_on_beside(lambda: schooling.learn(Game.CONNECT4, records))


async def goes_on_beside(work: Callable[[], Awaitable[object]]) -> bool:
    """Work that held up the loop would do so each time; a crowded machine does now and then."""
    for _ in range(3):
        if await _longest_wait(work()) < 0.05:
            return True
    return False


async def _longest_wait(work: Awaitable[object]) -> float:
    """Seconds between two turns of the loop meanwhile."""
    longest = 0.0
    working = asyncio.ensure_future(work)
    while not working.done():
        before = monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, monotonic() - before)
    await working
    return longest


async def test_stockfish_answers_the_same_question_alike() -> None:
    engine = stockfish.find()
    assert engine is not None
    workers = Workers((str(engine),), stockfish.ask, size=1, most_waiting=1, deadline_s=10)
    try:
        answers = [await workers.answer(((), level)) for level in (Level.HARD, Level.EASY, Level.HARD)]
    finally:
        await workers.close()
    assert answers[0] == answers[2]
    assert [len(answer) for answer in answers] == [3, 20, 3]


async def test_without_stockfish_chess_is_played_all_the_same() -> None:
    async with bots() as made:
        chosen = await made.choose(new(Game.CHESS), "medium")
    assert step(new(Game.CHESS), MoveSent(0, chosen.payload), 0).match.plies
    assert 1_000 <= chosen.thinking_ms <= 3_000


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(1)",
        "print('bestmove (none)', flush=True); input()",
        "import sys; sys.stdout.buffer.write(bytes([255, 10])); sys.stdout.flush(); input()",
    ],
)
async def test_an_engine_that_fails_is_replaced_by_our_search(tmp_path: Path, text: str) -> None:
    async with bots(programs(tmp_path, text)) as made:
        chosen = await made.choose(new(Game.CHESS), "easy")
    assert step(new(Game.CHESS), MoveSent(0, chosen.payload), 0).match.plies


async def test_an_engine_that_cannot_be_started_is_replaced_by_our_search(tmp_path: Path) -> None:
    async with bots(tmp_path / "nothing") as made:
        assert (await made.choose(new(Game.CHESS), "easy")).payload["move"]


async def test_a_child_that_was_killed_is_replaced_and_the_question_answered() -> None:
    async with children(SLEEPS) as workers:
        first = await workers.answer("0")
        assert await workers.answer("0") == first
        os.kill(int(first), signal.SIGKILL)
        assert await workers.answer("0") != first


async def test_a_child_that_hangs_is_killed_and_makes_room() -> None:
    pids: list[str] = []

    async def listen(lines: Lines, _question: str) -> str:
        pids.append(await lines.hear())
        return await lines.hear()

    async with children(HANGS, ask=listen, deadline_s=0.5) as workers:
        for _ in range(2):
            with pytest.raises(WorkerFailed):
                await workers.answer("anybody?")
            assert not is_alive(pids[-1])
    assert len(set(pids)) == 2


async def test_a_question_that_kills_is_put_twice_and_no_more(tmp_path: Path) -> None:
    births = tmp_path / "births"
    async with children(DIES, str(births)) as workers:
        with pytest.raises(WorkerFailed):
            await workers.answer("poison")
    assert births.read_text().split() == ["born", "born"]


async def test_who_waits_too_many_is_told_at_once_and_the_others_in_their_order() -> None:
    answered: list[str] = []

    async def answer(seconds: str) -> str:
        pid = await workers.answer(seconds)
        answered.append(seconds)
        return pid

    async with children(SLEEPS, most_waiting=2) as workers:
        asked = [asyncio.create_task(answer(seconds)) for seconds in ("0.1", "0.05", "0")]
        await asyncio.sleep(0)
        with pytest.raises(WorkersBusy):
            await workers.answer("0")
        assert len(set(await asyncio.gather(*asked))) == 1
        assert answered == ["0.1", "0.05", "0"]


async def test_who_goes_away_leaves_the_child_to_the_next() -> None:
    async with children(SLEEPS) as workers:
        child = await workers.answer("0")
        leaving = asyncio.create_task(workers.answer("0.1"))
        await asyncio.sleep(0.02)
        leaving.cancel()
        assert await workers.answer("0") == child


async def test_closing_ends_the_children_and_refuses_who_still_waits() -> None:
    pids: list[str] = []

    async def listen(lines: Lines, _question: str) -> str:
        pids.append(await lines.hear())
        return await lines.hear()

    async with children(HANGS, ask=listen) as workers:
        thinking, waiting = (asyncio.create_task(workers.answer("anybody?")) for _ in range(2))
        await until(lambda: bool(pids))
    with pytest.raises(asyncio.CancelledError):
        await thinking
    with pytest.raises(WorkerFailed):
        await waiting
    assert [is_alive(pid) for pid in pids] == [False]


async def test_children_end_by_themselves_when_we_are_gone() -> None:
    """Their input ends with us, however we end."""
    program = (
        "import asyncio, os, sys\n"
        "from random import Random\n"
        "from matches.state import started\n"
        "from matches.terms import documented_terms\n"
        "from matches.values import Game\n"
        "from orchestrator.arena.bots.service import running\n"
        "async def main():\n"
        "    async with running(Random(1), size=1) as bots:\n"
        "        for game in (Game.CHESS, Game.TICTACTOE):\n"
        "            await bots.choose(started(documented_terms(game), ('a', 'b'), 0), 'easy')\n"
        "        pids = [workers._idle[0].pid for workers in (bots._engines, bots._searches)]\n"
        "        print(*pids, flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    pids = output.decode().split()
    assert len(pids) == 2
    await until(lambda: not any(is_alive(pid) for pid in pids))
