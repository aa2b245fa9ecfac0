"""Stockfish, a separate program under the GPL, spoken to by UCI. Each question is as if it were the first."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matches.bots import chess
from matches.bots.habits import Scored
from matches.bots.levels import Level
from matches.values import Ply
from orchestrator.arena.bots.workers import Lines

Question = tuple[Sequence[Ply], Level]

_DEBIANS: Final = "/usr/games"  # not always on a service's path


def find() -> Path | None:
    """The program, where it is installed."""
    found = shutil.which("stockfish", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{_DEBIANS}")
    return Path(found) if found else None


async def ask(lines: Lines, question: Question) -> Sequence[Scored[str]]:
    """What moves are worth, as far as the level looks. Never empty."""
    line, level = question
    look = chess.ENGINE_LOOKS[level]
    await lines.tell(
        "setoption name Threads value 1",
        "setoption name Hash value 8",
        f"setoption name MultiPV value {look.moves}",
        "ucinewgame",
        chess.asked(line),
        look.go,
    )
    answers: list[str] = []
    while not (answer := await lines.hear()).startswith("bestmove "):
        answers.append(answer)
    found = chess.read(answers)
    if not found:
        raise ValueError("no move")
    return found
