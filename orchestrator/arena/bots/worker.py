"""A process that searches: `python -m orchestrator.arena.bots.worker`. Question and answer are lines of JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from matches.bots import BOTS
from matches.bots.levels import Level
from matches.rows import line_from, line_row
from matches.values import Game, Json, Ply
from orchestrator.arena.bots.workers import Lines


@dataclass(frozen=True, slots=True)
class Question:
    """What would a bot play here? The same seed has the same answer."""

    game: Game
    line: Sequence[Ply]
    level: Level
    seed: int


async def ask(lines: Lines, question: Question) -> dict[str, Json]:
    """Puts a question to such a process."""
    asked = {"game": question.game, "line": line_row(question.line), "level": question.level, "seed": question.seed}
    await lines.tell(json.dumps(asked))
    return json.loads(await lines.hear())


def answer(question: Question) -> dict[str, Json]:
    """Thinks, for up to about a second."""
    return BOTS[question.game].choose(question.line, question.level, Random(question.seed))  # noqa: S311 - a game's


def _read(text: str) -> Question:
    asked = json.loads(text)
    game = Game(asked["game"])
    return Question(game, line_from(game, asked["line"]), Level(asked["level"]), asked["seed"])


def main() -> None:
    """Answers until its input ends."""
    for text in sys.stdin:
        print(json.dumps(answer(_read(text))), flush=True)  # noqa: T201 - this is how it speaks


if __name__ == "__main__":
    main()
