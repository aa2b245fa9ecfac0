"""What a bot plays, without keeping the loop from its work."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

import structlog

from matches.bots import chess, learned
from matches.bots.habits import Scored
from matches.bots.learned import Tried
from matches.bots.levels import Level, thinking_ms
from matches.state import Match
from matches.values import Game, Json, Ply
from orchestrator.arena.bots import stockfish, worker
from orchestrator.arena.bots.workers import WorkerFailed, Workers, WorkersBusy

__all__ = ["BotMove", "Bots", "WorkersBusy", "running"]

log = structlog.get_logger()

_DEADLINE_S: Final = 15.0  # a search takes a second at most, on a core of its own
_MOST_WAITING: Final = 1_000


@dataclass(frozen=True, slots=True)
class BotMove:
    """`payload` is what a player's client would send as `game:move`; it is played after `thinking_ms`."""

    payload: Mapping[str, Json]
    thinking_ms: int


class Bots:
    """Every bot of one replica. Make it with `running`."""

    def __init__(self, chance: Random, engine: Path | None, size: int) -> None:
        self._chance = chance
        limits = {"size": size, "most_waiting": _MOST_WAITING}
        self._searches: Workers[worker.Question, dict[str, Json]] = Workers(
            (sys.executable, "-m", worker.__name__), worker.ask, deadline_s=_DEADLINE_S, **limits
        )
        self._engines: Workers[stockfish.Question, Sequence[Scored[str]]] | None = (
            Workers((str(engine),), stockfish.ask, deadline_s=_DEADLINE_S, **limits) if engine else None
        )

    async def choose(self, match: Match, level: str) -> BotMove:
        """A move for the player on the move, in a match that goes on. `level` is `easy`, `medium` or `hard`.

        Takes milliseconds to a second, and longer where many wait. Raises `WorkersBusy` when too many do: ask again
        later. A process that fails is survived: what a quicker bot would play comes instead.
        """
        game, at = match.terms.game, Level(level)
        return BotMove(await self._payload(game, match.plies, at), thinking_ms(game, at, self._chance))

    async def choose_learned(self, match: Match, tried: Mapping[str, Tried], stars: float) -> BotMove:
        """The same of a bot of 3 to 5 stars that learned: `tried` is what it knows of this position, empty where it
        knows nothing or the match has been here before.
        """
        game = match.terms.game
        payload = learned.chosen(tried, self._chance)
        if payload is None:
            payload = await self._payload(game, match.plies, learned.fallback(stars, self._chance))
        return BotMove(payload, thinking_ms(game, learned.usual(stars), self._chance))

    async def _payload(self, game: Game, line: Sequence[Ply], level: Level) -> dict[str, Json]:
        if game == Game.CHESS and self._engines is not None:
            try:
                found = await self._engines.answer((line, level))
            except WorkerFailed as failed:
                log.warning("bots.engine_failed", error=repr(failed.__cause__))
            else:
                return chess.chosen(found, level, self._chance)
        question = worker.Question(game, line, level, self._chance.getrandbits(53))
        try:
            return await self._searches.answer(question)
        except WorkerFailed as failed:
            log.warning("bots.search_failed", game=game, error=repr(failed.__cause__))
            return await asyncio.to_thread(worker.answer, replace(question, level=Level.EASY))

    async def close(self) -> None:
        """Ends the processes."""
        await self._searches.close()
        if self._engines is not None:
            await self._engines.close()


@asynccontextmanager
async def running(chance: Random, size: int | None = None) -> AsyncGenerator[Bots, None]:
    """The bots, until the block ends. With Stockfish where it is installed; `size` processes of each kind at most, or
    as many as there are cores but one.
    """
    bots = Bots(chance, stockfish.find(), size or max(1, len(os.sched_getaffinity(0)) - 1))
    try:
        yield bots
    finally:
        await bots.close()
