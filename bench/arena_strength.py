"""`python -m bench.arena_strength`: how strong the bots of each level are. Writes bench/results/arena-strength.json.

Every game, each level against the one below it, sides alternating and no thinking time: the processes that search and
the match that is played are the product's own. A score is 1 for a win and 0.5 for a draw; its bound is the lower end of
Wilson's interval at 95 %. Chess is played by Stockfish, and a few games without one. Goes on where it was left, as long
as the commit is the same.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import sqrt
from pathlib import Path
from random import Random

from bench.results import Row, commit, write
from matches.bots.levels import Level
from matches.events import MoveSent
from matches.state import Match, started
from matches.step import step
from matches.terms import documented_terms
from matches.values import Game, Seat
from orchestrator.arena.bots import stockfish
from orchestrator.arena.bots.service import Bots

GAMES = 200
GAMES_WITHOUT_ENGINE = 20
PLAYED = Path("test-artifacts/arena-strength.jsonl")
_AT_ONCE = 8
_Z = 1.959964  # of two-sided 95 %
_STRONG = {Game.CHESS, Game.CHECKERS, Game.CONNECT4}


@dataclass(frozen=True)
class Tally:
    """How it went for the higher level."""

    wins: int
    draws: int
    losses: int

    @property
    def games(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """The share of the points, 0 to 1."""
        return (self.wins + self.draws / 2) / self.games

    @property
    def lower_bound(self) -> float:
        """Wilson's, which takes a draw for half a win and half a loss, and so errs on the safe side."""
        spread = _Z**2 / self.games
        middle = self.score + spread / 2
        return (middle - _Z * sqrt(self.score * (1 - self.score) / self.games + spread / self.games / 4)) / (1 + spread)


async def played(bots: Bots, game: Game, levels: tuple[Level, Level]) -> Match:
    """A whole match between these levels, by their seats. Time stands still."""
    match = started(documented_terms(game), ("first", "second"), 0)
    while match.end is None:
        before, chosen = match, await bots.choose(match, levels[match.turn])
        match, effects = step(match, MoveSent(match.turn, chosen.payload), 0)
        assert len(match.plies) == len(before.plies) + 1, effects
    return match


async def tallied(bots: Bots, name: str, game: Game, levels: tuple[Level, Level], games: int) -> Tally:
    """So many games of the first level, which begins every other, with those that were played before."""
    turnstile, before = asyncio.Semaphore(_AT_ONCE), _played_before(name)

    async def one(number: int) -> None:
        seat: Seat = 1 if number % 2 else 0
        async with turnstile:
            match = await played(bots, game, (levels[1], levels[0]) if seat else levels)
        assert match.end is not None
        _keep(name, number, 0.5 if match.end.winner is None else float(match.end.winner == seat))

    await asyncio.gather(*(one(number) for number in range(games) if number not in before))
    points = [points for number, points in _played_before(name).items() if number < games]
    return Tally(points.count(1), points.count(0.5), points.count(0))


@cache
def _commit() -> str:
    return commit()


def _keep(name: str, number: int, points: float) -> None:
    with PLAYED.open("a") as file:
        file.write(json.dumps({"commit": _commit(), "pair": name, "number": number, "points": points}) + "\n")


def _played_before(name: str) -> dict[int, float]:
    lines = [json.loads(line) for line in PLAYED.read_text().splitlines()] if PLAYED.exists() else []
    return {line["number"]: line["points"] for line in lines if (line["commit"], line["pair"]) == (_commit(), name)}


def rows(name: str, tally: Tally, goal: str | None) -> Sequence[Row]:
    """The bound with its goal, and what it comes of."""
    print(f"{name}: {tally}", flush=True)
    return [
        Row(f"{name}, lower bound of the score", tally.lower_bound, "", goal),
        Row(f"{name}, score", tally.score, ""),
        Row(f"{name}, drawn", tally.draws, f"of {tally.games}"),
        Row(f"{name}, lost", tally.losses, f"of {tally.games}", _losses_goal(name)),
    ]


def _losses_goal(name: str) -> str | None:
    return "<= 0" if name == f"{Game.TICTACTOE}, {Level.HARD} against {Level.MEDIUM}" else None


async def measured(games: int) -> list[Row]:
    """Every pair, one after another."""
    found: list[Row] = []
    cores = len(os.sched_getaffinity(0))
    bots = Bots(Random(), stockfish.find(), cores)
    without = Bots(Random(), None, cores)
    try:
        for game in Game:
            for lower, higher in pairwise(Level):
                is_strong = game in _STRONG and higher == Level.HARD
                name = f"{game}, {higher} against {lower}"
                tally = await tallied(bots, name, game, (higher, lower), games)
                found += rows(name, tally, ">= 0.75" if is_strong else "> 0.5")
        for lower, higher in pairwise(Level):
            name = f"chess without Stockfish, {higher} against {lower}"
            tally = await tallied(without, name, Game.CHESS, (higher, lower), min(games, GAMES_WITHOUT_ENGINE))
            found += rows(name, tally, None)
    finally:
        await bots.close()
        await without.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=GAMES, help="for each pair")
    games: int = parser.parse_args().games
    if stockfish.find() is None:
        raise SystemExit("Stockfish is missing: deploy/setup test installs it.")
    PLAYED.parent.mkdir(exist_ok=True)
    write("arena-strength", asyncio.run(measured(games)))
    PLAYED.unlink()


if __name__ == "__main__":
    main()
