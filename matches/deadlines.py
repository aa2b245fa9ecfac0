"""When a match ends or warns by itself: flags, idleness, absence. A deadline counts from its own moment, however late
somebody looks.

An absent player's clock of the game runs on, the idle time stands still; all absences of one turn share one window, so
nobody can stall by coming and going.
"""

from collections.abc import Iterator
from dataclasses import replace

from matches.state import End, Match, clocks_at, forfeited
from matches.terms import RECONNECT_WINDOW_MS, Afk
from matches.values import Reason, Seat, other


def next_deadline(match: Match) -> int | None:
    """The moment at which the match changes by itself, if nothing happens before. None when it never does."""
    moments = [end.at_ms for end in _ends(match)]
    warning_ms = _warning_ms(match)
    return min(moments if warning_ms is None else [*moments, warning_ms], default=None)


def overdue_end(match: Match, now_ms: int) -> End | None:
    """The end that has come by itself, the earliest of several; in one moment the flag, then idleness, then absence."""
    due = [end for end in _ends(match) if end.at_ms <= now_ms]
    return min(due, key=lambda end: end.at_ms, default=None)


def overdue_warning(match: Match, now_ms: int) -> int | None:
    """The whole seconds that the idle player still has, when the warning has to go out now."""
    warning_ms, forfeit_ms = _warning_ms(match), idle_forfeit_ms(match)
    if warning_ms is None or forfeit_ms is None or now_ms < warning_ms:
        return None
    return -((now_ms - forfeit_ms) // 1000)


def idle_forfeit_ms(match: Match) -> int | None:
    """When the player on the move forfeits by being idle. None while that clock stands still."""
    afk = _running_afk(match)
    return None if afk is None else match.turn_ms + match.away_ms + afk.timeout_ms


def afk_status(match: Match) -> tuple[Seat, int] | None:
    """Who is warned and when they forfeit. None when no warning is up."""
    forfeit_ms = idle_forfeit_ms(match)
    return (match.turn, forfeit_ms) if match.is_warned and forfeit_ms is not None else None


def ended(match: Match, end: End) -> Match:
    """The match with its end; the clocks stand as they did at that moment."""
    return replace(
        match,
        clocks_ms=clocks_at(match, end.at_ms),
        changed_ms=max(match.changed_ms, end.at_ms),
        draw_offer=None,
        end=end,
    )


def _ends(match: Match) -> Iterator[End]:
    """Every end that is coming by itself."""
    if match.end is not None:
        return
    if match.clocks_ms is not None:
        yield forfeited(match.turn, Reason.TIMEOUT, match.turn_ms + match.clocks_ms[match.turn])
    forfeit_ms = idle_forfeit_ms(match)
    if forfeit_ms is not None:
        yield forfeited(match.turn, Reason.AFK_TIMEOUT, forfeit_ms)
    for seat in (match.turn, other(match.turn)):
        since_ms = match.away_since_ms[seat]
        if since_ms is not None:
            used_ms = match.away_ms if seat == match.turn else 0
            yield forfeited(seat, Reason.DISCONNECT, since_ms + RECONNECT_WINDOW_MS - used_ms)


def _warning_ms(match: Match) -> int | None:
    afk, forfeit_ms = _running_afk(match), idle_forfeit_ms(match)
    return None if match.is_warned or afk is None or forfeit_ms is None else forfeit_ms - afk.warn_ms


def _running_afk(match: Match) -> Afk | None:
    """The terms of idleness, while they apply to who is on the move."""
    is_still = (
        match.end is not None or match.turn == match.terms.bot_seat or match.away_since_ms[match.turn] is not None
    )
    return None if is_still else match.terms.afk
