"""A process that learns: `python -m orchestrator.arena.bots.trainer`. It hears a line of JSON with the game and how
many matches follow, and a line for each; it answers how many positions it learned, and a line for each.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from matches.bots import learned
from matches.bots.learned import Lessons, Record
from matches.rows import line_from
from matches.values import Game, Seat
from orchestrator.arena.bots.workers import Lines

_LINES_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Question:
    """What do these matches teach? Each is a line of `record_line`."""

    game: Game
    records: Sequence[str]


def record_line(winner: Seat | None, plies: Sequence[str]) -> str:
    """A match as the process hears it: each ply is its row of `matches.rows`, in JSON without line breaks."""
    return f"[{json.dumps(winner)},[{','.join(plies)}]]"


async def ask(lines: Lines, question: Question) -> Lessons:
    """Puts a question to such a process."""
    await lines.tell(json.dumps({"game": question.game, "matches": len(question.records)}))
    for record in question.records:
        await lines.tell(record)
    told = json.loads(await lines.hear())
    moves: dict[str, dict[str, learned.Tried]] = {}
    for number in range(told["positions"]):
        position, tried = _position(await lines.hear())
        moves[position] = tried
        if number % _LINES_AT_ONCE == 0:
            await asyncio.sleep(0)  # lines that are there already are heard without waiting, and others want to work
    return Lessons(question.game, told["matches"], moves)


def answer(question: Question) -> Lessons:
    """Learns, for up to some seconds."""
    return learned.learned(question.game, (_record(question.game, line) for line in question.records))


def _record(game: Game, line: str) -> Record:
    winner, plies = json.loads(line)
    return Record(line_from(game, plies), winner)


def _position(line: str) -> tuple[str, dict[str, learned.Tried]]:
    position, tried = json.loads(line)
    return position, learned.tried_from(tried)


def _read(told: str, records: Iterator[str]) -> Question:
    asked = json.loads(told)
    return Question(Game(asked["game"]), [next(records) for _ in range(asked["matches"])])


def main() -> None:
    """Answers until its input ends."""
    heard = iter(sys.stdin)
    for told in heard:
        lessons = answer(_read(told, heard))
        lines = [json.dumps({"matches": lessons.matches, "positions": len(lessons.moves)})]
        lines += [json.dumps([where, learned.tried_row(tried)]) for where, tried in lessons.moves.items()]
        print("\n".join(lines), flush=True)  # noqa: T201 - this is how it speaks


if __name__ == "__main__":
    main()
