"""What a learned bot comes to: a process learns, and then the bot plays the built-in levels as it would play people."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

from matches.bots import learned
from matches.bots.learned import Lessons
from matches.bots.levels import Level
from matches.events import MoveSent
from matches.state import started
from matches.step import step
from matches.terms import documented_terms
from matches.values import Game
from orchestrator.arena.bots import trainer
from orchestrator.arena.bots.service import Bots, running
from orchestrator.arena.bots.workers import Workers

LEARNS_WITHIN_S: Final = 60.0
MEASURES_FOR_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Score:
    """One game against a level: 1, 0.5 or 0 for the learned bot."""

    level: Level
    score: float


async def learn(game: Game, records: Sequence[str]) -> Lessons:
    """What these matches, each a `trainer.record_line`, teach: in a process of its own, which ends. WorkerFailed."""
    command = (sys.executable, "-m", trainer.__name__)
    workers: Workers[trainer.Question, Lessons] = Workers(
        command, trainer.ask, size=1, most_waiting=0, deadline_s=LEARNS_WITHIN_S
    )
    try:
        return await workers.answer(trainer.Question(game, records))
    finally:
        await workers.close()


async def measure(lessons: Lessons, stars: float) -> list[Score]:
    """How the bot does against the levels, in games that ended in time: in processes of its own, which end."""
    scores: list[Score] = []
    async with running(SystemRandom(), size=1) as bots:
        with suppress(TimeoutError):
            async with asyncio.timeout(MEASURES_FOR_S):
                for number in range(learned.MEASURED_GAMES):
                    scores += [await _game(bots, lessons, stars, number)]
    return scores


async def _game(bots: Bots, lessons: Lessons, stars: float, number: int) -> Score:
    level, seat = learned.measured(number)
    match = started(documented_terms(lessons.game), ("first", "second"), 0)
    while match.end is None:
        if match.turn == seat:
            here = learned.place(lessons.game, match.plies)
            move = await bots.choose_learned(match, lessons.moves.get(here or "", {}), stars)
        else:
            move = await bots.choose(match, level)
        before, (match, effects) = match, step(match, MoveSent(match.turn, move.payload), 0)
        if len(match.plies) == len(before.plies):
            raise ValueError(f"a bot's move was refused: {effects}")
    return Score(level, 0.5 if match.end.winner is None else float(match.end.winner == seat))
