"""One event of a match: from what it was to what it is, and what to tell whom. The only way a match changes.

What has come by itself before `now_ms` comes first: a move behind the flag is refused, whether somebody looked in
between or not. After the end nothing changes.
"""

from dataclasses import replace
from typing import NamedTuple

from matches.deadlines import ended, overdue_end, overdue_warning
from matches.events import (
    AfkCleared,
    AfkWarned,
    Disconnected,
    DrawAccepted,
    DrawDeclined,
    DrawOffered,
    Effect,
    Ended,
    Event,
    Looked,
    MoveMade,
    MoveSent,
    Outage,
    PlayerEvent,
    Reconnected,
    Refused,
    Resigned,
)
from matches.refusals import MoveRefused, Refusal
from matches.rules import RULES
from matches.state import End, Match, clocks_at, forfeited, with_seat
from matches.values import Played, Ply, Reason, Seat, other


class Step(NamedTuple):
    """The match after an event, the same object when nothing changed, and what follows, in order."""

    match: Match
    effects: tuple[Effect, ...]


def step(before: Match, event: Event, now_ms: int) -> Step:
    """Takes one event at `now_ms`; an earlier moment than the last change counts as that one."""
    now_ms = max(now_ms, before.changed_ms)
    if isinstance(event, Outage):
        before = _excused(before, event.duration_ms, now_ms)
    current, due = _settled(before, now_ms)
    if isinstance(event, Outage | Looked):
        return Step(current, due)
    if current.end is not None:
        is_silent = isinstance(event, Disconnected)
        return Step(current, due if is_silent else (*due, Refused(event.seat, Refusal.MATCH_OVER)))
    after, effects = _happened(current, event, now_ms)
    return Step(after, (*due, *effects))


def _settled(match: Match, now_ms: int) -> Step:
    """The match with what has come by itself."""
    end = overdue_end(match, now_ms)
    if end is not None:
        return _over(match, end)
    seconds = overdue_warning(match, now_ms)
    if seconds is None:
        return Step(match, ())
    return Step(replace(match, is_warned=True, changed_ms=now_ms), (AfkWarned(match.turn, seconds),))


def _happened(match: Match, event: PlayerEvent, now_ms: int) -> Step:
    """The event, in a match that goes on."""
    match event:
        case MoveSent(seat, payload):
            return _moved(match, seat, payload, now_ms)
        case Resigned(seat):
            return _over(match, forfeited(seat, Reason.RESIGNATION, now_ms))
        case Disconnected(seat):
            return _left(match, seat, now_ms)
        case Reconnected(seat):
            return _back(match, seat, now_ms)
        case _:
            return _about_a_draw(match, event, now_ms)


def _moved(match: Match, seat: Seat, payload: object, now_ms: int) -> Step:
    if match.away_since_ms[seat] is not None:
        return _refused(match, seat, Refusal.DISCONNECTED)
    if seat != match.turn:
        return _refused(match, seat, Refusal.NOT_YOUR_TURN)
    try:
        played = RULES[match.terms.game].play(match.plies, payload)
    except MoveRefused as refused:
        return _refused(match, seat, refused.refusal)
    effects: list[Effect] = [AfkCleared(seat)] if match.is_warned else []
    if match.draw_offer == other(seat):
        effects.append(DrawDeclined(seat))
    after = _with_ply(match, played, now_ms)
    effects.append(MoveMade(seat, after.plies[-1], played.facts))
    if played.verdict is None:
        return Step(after, tuple(effects))
    end = End(played.verdict.winner, played.verdict.reason, now_ms, played.verdict.cells)
    over, last = _over(after, end)
    return Step(over, (*effects, *last))


def _with_ply(match: Match, played: Played, now_ms: int) -> Match:
    return replace(
        match,
        plies=(*match.plies, Ply(played.move, played.after, now_ms)),
        clocks_ms=clocks_at(match, now_ms),
        changed_ms=now_ms,
        turn_ms=now_ms,
        away_ms=0,
        is_warned=False,
        draw_offer=None if match.draw_offer == other(match.turn) else match.draw_offer,
    )


def _about_a_draw(match: Match, event: DrawOffered | DrawAccepted | DrawDeclined, now_ms: int) -> Step:
    seat, is_offered = event.seat, match.draw_offer == other(event.seat)
    if not match.terms.has_draw_offers:
        return _refused(match, seat, Refusal.NO_DRAW_OFFERS)
    if match.away_since_ms[seat] is not None:
        return _refused(match, seat, Refusal.DISCONNECTED)
    if is_offered and not isinstance(event, DrawDeclined):
        return _over(match, End(None, Reason.AGREEMENT, now_ms))
    if isinstance(event, DrawOffered):
        return _offered(match, seat, now_ms)
    if not is_offered:
        return _refused(match, seat, Refusal.NO_DRAW_OFFER)
    return Step(replace(match, draw_offer=None, changed_ms=now_ms), (DrawDeclined(seat),))


def _offered(match: Match, seat: Seat, now_ms: int) -> Step:
    """A first offer in two plies: who was declined may ask again after a move of each."""
    last_ply = match.offered_at_ply[seat]
    if last_ply is not None and len(match.plies) < last_ply + 2:
        return _refused(match, seat, Refusal.DRAW_OFFERED_ALREADY)
    offers = with_seat(match.offered_at_ply, seat, len(match.plies))
    return Step(replace(match, draw_offer=seat, offered_at_ply=offers, changed_ms=now_ms), (DrawOffered(seat),))


def _left(match: Match, seat: Seat, now_ms: int) -> Step:
    if match.away_since_ms[seat] is not None or seat == match.terms.bot_seat:
        return Step(match, ())
    away = with_seat(match.away_since_ms, seat, now_ms)
    return Step(replace(match, away_since_ms=away, changed_ms=now_ms), (Disconnected(seat),))


def _back(match: Match, seat: Seat, now_ms: int) -> Step:
    """Who never left is told the state as well: a page was reloaded before its old connection was missed."""
    since_ms = match.away_since_ms[seat]
    if since_ms is None:
        return Step(match, (Reconnected(seat),))
    in_turn_ms = now_ms - max(match.turn_ms, since_ms) if seat == match.turn else 0
    away = with_seat(match.away_since_ms, seat, None)
    after = replace(match, away_since_ms=away, away_ms=match.away_ms + in_turn_ms, changed_ms=now_ms)
    return Step(after, (Reconnected(seat),))


def _excused(match: Match, duration_ms: int, now_ms: int) -> Match:
    """The match with all that runs set back by an outage, as if it had not been."""
    if match.end is not None:
        return match
    since = (_later(match.away_since_ms[0], duration_ms, now_ms), _later(match.away_since_ms[1], duration_ms, now_ms))
    turn_ms = min(now_ms, match.turn_ms + duration_ms)
    return replace(match, turn_ms=turn_ms, away_since_ms=since, changed_ms=now_ms)


def _later(moment_ms: int | None, duration_ms: int, now_ms: int) -> int | None:
    return None if moment_ms is None else min(now_ms, moment_ms + duration_ms)


def _over(match: Match, end: End) -> Step:
    return Step(ended(match, end), (Ended(end),))


def _refused(match: Match, seat: Seat, refusal: Refusal) -> Step:
    return Step(match, (Refused(seat, refusal),))
