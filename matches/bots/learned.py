"""Bots that a tenant trains on its own matches: they remember what was played where, and how it went.

In a position that came up often enough such a bot plays what went best; elsewhere it plays as built-in bots do. How
strong that makes it is not claimed but measured: in matches against the built-in levels, by Glicko-2.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from matches.bots.levels import Draws, Level, one_of
from matches.ratings import Rating, Result, rated
from matches.reading import items, mapping, whole
from matches.rules import RULES
from matches.values import Game, Json, Ply, Reason, Seat, turn_of

LEAST_MATCHES: Final = 3
"""In so many matches a position has to have come up, and in two of them the move."""

MOST_POSITIONS: Final = 2_000
MOST_RECORDS: Final = 500
"""Of more matches the newest are learned from."""

MEASURED_GAMES: Final = 30
"""Against each level as many, beginning every other."""

PLIES: Final = 40
"""What is learned are openings."""

_MOST_MATCHES: Final = 2**53

LEVEL_RATINGS: Final[Mapping[Level, Rating]] = {
    Level.EASY: Rating(1_200, 50),
    Level.MEDIUM: Rating(1_500, 50),
    Level.HARD: Rating(1_800, 50),
}
"""What the built-in levels count for when a bot is measured: the scale, not a claim about people."""


@dataclass(frozen=True, slots=True)
class Record:
    """A match that is over. No winner is a draw."""

    line: Sequence[Ply]
    winner: Seat | None


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a move was made in a position, and how many half points it brought."""

    times: int
    half_points: int

    @property
    def worth(self) -> float:
        """The share of points to expect, 0 to 1: a win and a loss are assumed beside what was seen."""
        return (self.half_points + 2) / (2 * self.times + 4)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned: for each position its moves, as the JSON that clients send."""

    game: Game
    matches: int
    moves: Mapping[str, Mapping[str, Tried]]


def learned(game: Game, records: Iterable[Record]) -> Lessons:
    """What these matches teach. Bounded: of more positions than `MOST_POSITIONS` the most frequent are kept."""
    found: defaultdict[str, dict[str, Tried]] = defaultdict(dict)
    matches = 0
    for record in records:
        matches += 1
        for ply, made in enumerate(record.line[:PLIES]):
            before = record.line[:ply]
            half_points = 1 if record.winner is None else 2 * (record.winner == turn_of(before))
            tried, move = found[_position(game, before)], json.dumps(made.move.wire(), sort_keys=True)
            known = tried.get(move, Tried(0, 0))
            tried[move] = Tried(known.times + 1, known.half_points + half_points)
    frequent = sorted(((_times(tried), position) for position, tried in found.items()), reverse=True)[:MOST_POSITIONS]
    return Lessons(game, matches, {where: found[where] for times, where in frequent if times >= LEAST_MATCHES})


def teaches(reason: Reason) -> bool:
    """Whether a match that ended so says something of its moves, and not only that somebody went away."""
    return reason not in {Reason.DISCONNECT, Reason.AFK_TIMEOUT}


def place(game: Game, line: Sequence[Ply]) -> str | None:
    """What lessons call the position after this line; None where the match has been before."""
    here = _position(game, line)
    has_been = any(_position(game, line[:ply]) == here for ply in range(len(line)))
    return None if has_been else here


def chosen(tried: Mapping[str, Tried], draws: Draws) -> dict[str, Json] | None:
    """The `game:move` payload of what went best of these moves of one position. None where nothing is known."""
    worths = {move: each.worth for move, each in tried.items() if each.times >= 2}
    best = [move for move, worth in worths.items() if worth == max(worths.values()) and worth >= 0.5]
    if not best:
        return None
    wire = json.loads(one_of(best, draws))
    return {"move": wire, **wire}


def usual(stars: float) -> Level:
    """The level that a bot of 3 to 5 stars plays mostly: its thinking times, and what is left of it without lessons."""
    return Level.HARD if stars >= 4 else Level.MEDIUM


def measured(number: int) -> tuple[Level, Seat]:
    """Against whom the game of this number is played when a bot is measured, and in which seat the bot sits."""
    levels = list(Level)
    return levels[number % len(levels)], 1 if number // len(levels) % 2 else 0


def fallback(stars: float, draws: Draws) -> Level:
    """At which level a bot of 3 to 5 stars plays what it has not learned: `medium` at 3, `hard` at 5, both between."""
    return Level.HARD if draws.random() < (stars - 3) / 2 else Level.MEDIUM


def strength(scores: Sequence[tuple[Level, float]]) -> Rating:
    """What matches against built-in bots say, each with 1, 0.5 or 0 for the learned one."""
    return rated(Rating(), [Result(LEVEL_RATINGS[level], score) for level, score in scores])


def stars(rating: Rating) -> float:
    """A strength in stars, 1 to 5: `easy` has one, `medium` three, `hard` five."""
    span = LEVEL_RATINGS[Level.HARD].rating - LEVEL_RATINGS[Level.EASY].rating
    return min(5.0, max(1.0, 1 + 4 * (rating.rating - LEVEL_RATINGS[Level.EASY].rating) / span))


def tried_row(tried: Mapping[str, Tried]) -> dict[str, Json]:
    """What is known of one position, as JSON."""
    return {move: [each.times, each.half_points] for move, each in tried.items()}


def tried_from(row: object) -> dict[str, Tried]:
    """The same that `tried_row` described. Raises `ValueError` for anything else."""
    return {move: _tried(counts) for move, counts in mapping(row).items()}


def _tried(row: object) -> Tried:
    times, half_points = (whole(number, 0, _MOST_MATCHES) for number in items(row, 2))
    return Tried(times, half_points)


def _times(tried: Mapping[str, Tried]) -> int:
    return sum(each.times for each in tried.values())


def _position(game: Game, line: Sequence[Ply]) -> str:
    """What makes two positions the same: the board and who is on the move; in chess also who may castle or pass."""
    after = line[-1].after if line else RULES[game].START
    return after.rsplit(" ", 2)[0] if game == Game.CHESS else f"{after} {turn_of(line)}"
