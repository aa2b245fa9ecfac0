"""A match as JSON and back, exactly: what a row or a message between replicas holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from matches.reading import flag, items, mapping, text, whole
from matches.rules import RULES
from matches.state import End, Match
from matches.terms import Afk, Terms
from matches.values import Game, Json, Ply, Reason, Seat

VERSION: Final = 1
"""Grows when an older program could misread a row."""

_LONGEST: Final = 2**53
_MOST_PLIES: Final = 20_000
_LONGEST_TEXT: Final = 1_000

T = TypeVar("T")


def to_row(match: Match) -> dict[str, Json]:
    """The match as JSON: objects, lists, text, whole numbers, booleans and nulls."""
    terms, end = match.terms, match.end
    return {
        "version": VERSION,
        "game": terms.game.value,
        "afk": None if terms.afk is None else [terms.afk.timeout_ms, terms.afk.warn_ms],
        "clockMs": terms.clock_ms,
        "botSeat": terms.bot_seat,
        "players": list(match.players),
        "startedMs": match.started_ms,
        "changedMs": match.changed_ms,
        "turnMs": match.turn_ms,
        "plies": line_row(match.plies),
        "clocksMs": None if match.clocks_ms is None else list(match.clocks_ms),
        "awayMs": match.away_ms,
        "awaySinceMs": list(match.away_since_ms),
        "isWarned": match.is_warned,
        "drawOffer": match.draw_offer,
        "offeredAtPly": list(match.offered_at_ply),
        "end": None if end is None else [end.winner, end.reason.value, end.at_ms, list(end.cells)],
    }


def from_row(row: object) -> Match:
    """The match that `to_row` described, equal to it. Raises `ValueError` for anything else."""
    fields = mapping(row)
    whole(fields.get("version"), VERSION, VERSION)
    terms = _terms(fields)
    first, second = items(fields.get("players"), 2)
    clocks = _optional(fields.get("clocksMs"), lambda value: _pair(value, _number))
    return Match(
        terms=terms,
        players=(text(first, _LONGEST_TEXT), text(second, _LONGEST_TEXT)),
        started_ms=_number(fields.get("startedMs")),
        changed_ms=_number(fields.get("changedMs")),
        turn_ms=_number(fields.get("turnMs")),
        plies=line_from(terms.game, fields.get("plies")),
        clocks_ms=clocks,
        away_ms=_number(fields.get("awayMs")),
        away_since_ms=_pair(fields.get("awaySinceMs"), _optional_number),
        is_warned=flag(fields.get("isWarned")),
        draw_offer=_optional(fields.get("drawOffer"), _seat),
        offered_at_ply=_pair(fields.get("offeredAtPly"), _optional_number),
        end=_optional(fields.get("end"), _end),
    )


def line_row(line: Sequence[Ply]) -> list[Json]:
    """The plies alone, as they are in the match's row."""
    return [{"move": ply.move.row(), "after": ply.after, "atMs": ply.at_ms} for ply in line]


def line_from(game: Game, row: object) -> tuple[Ply, ...]:
    """The plies that `line_row` described. Raises `ValueError` for anything else."""
    return tuple(_ply(game, ply) for ply in items(row, _MOST_PLIES))


def _terms(fields: Mapping[str, object]) -> Terms:
    afk = _optional(fields.get("afk"), lambda value: Afk(*_pair(value, _number)))
    clock_ms = _optional_number(fields.get("clockMs"))
    return Terms(Game(text(fields.get("game"), _LONGEST_TEXT)), afk, clock_ms, _optional(fields.get("botSeat"), _seat))


def _ply(game: Game, row: object) -> Ply:
    fields = mapping(row)
    move = RULES[game].move_from(fields.get("move"))
    return Ply(move, text(fields.get("after"), _LONGEST_TEXT), _number(fields.get("atMs")))


def _end(row: object) -> End:
    winner, reason, at_ms, cells = items(row, 4)
    return End(
        _optional(winner, _seat),
        Reason(text(reason, _LONGEST_TEXT)),
        _number(at_ms),
        tuple(_number(cell) for cell in items(cells, 4)),
    )


def _number(value: object) -> int:
    return whole(value, -_LONGEST, _LONGEST)


def _optional_number(value: object) -> int | None:
    return _optional(value, _number)


def _seat(value: object) -> Seat:
    return 1 if whole(value, 0, 1) else 0


def _optional(value: object, read: Callable[[object], T]) -> T | None:
    return None if value is None else read(value)


def _pair(value: object, read: Callable[[object], T]) -> tuple[T, T]:
    first, second = items(value, 2)
    return read(first), read(second)
