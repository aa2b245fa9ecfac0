"""Whatever happens to a match, in whatever order and however late somebody looks, it keeps its promises."""

from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from matches.deadlines import afk_status, next_deadline
from matches.events import (
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
    Reconnected,
    Refused,
    Resigned,
)
from matches.rows import from_row, to_row
from matches.rules import RULES
from matches.state import Match, clocks_at, started
from matches.step import step
from matches.terms import Afk, Terms
from matches.values import Game
from tests.unit.matches.boards import replayed


@dataclass(frozen=True)
class AMove:
    """The legal move of this number, of whoever is on the move."""

    number: int


seats = st.sampled_from([0, 1])
events = (
    st.builds(AMove, st.integers(0, 1_000))
    | st.builds(AMove, st.integers(0, 1_000))
    | st.builds(
        MoveSent, seats, st.sampled_from([None, {}, {"move": "e4"}, {"move": {"from": 40, "to": 33}}, {"column": 3}])
    )
    | st.sampled_from([DrawOffered, DrawAccepted, DrawDeclined, Disconnected, Reconnected, Reconnected]).flatmap(
        lambda kind: st.builds(kind, seats)
    )
    | st.just(Looked())
    | st.builds(Outage, st.integers(0, 20_000))
)
rare = st.builds(Resigned, seats)
happenings = st.lists(st.tuples(st.integers(-500, 15_000), events), max_size=30).flatmap(
    lambda usual: st.tuples(st.just(usual), st.none() | st.tuples(st.integers(0, 500), rare))
)
afks = st.none() | st.builds(Afk, st.just(30_000), st.sampled_from([0, 10_000, 29_999]))
all_terms = st.builds(
    Terms, game=st.sampled_from(Game), afk=afks, clock_ms=st.none() | st.just(60_000), bot_seat=st.none() | seats
)


def real(match: Match, event: Event | AMove) -> Event:
    if not isinstance(event, AMove):
        return event
    moves = RULES[match.terms.game].legal(match.plies)
    wire = moves[event.number % len(moves)].wire() if moves else {}
    return MoveSent(match.turn, {"move": wire, **wire})


@given(terms=all_terms, happened=happenings)
def test_any_order_of_events_keeps_the_promises(
    terms: Terms, happened: tuple[list[tuple[int, Event | AMove]], tuple[int, Event] | None]
) -> None:
    usual, last = happened
    match, now_ms, effects = started(terms, ("ann", "bob"), 0), 0, list[Effect]()
    history = [match]
    for delay_ms, wanted in [*usual, *([last] if last else [])]:
        now_ms += delay_ms
        event = real(match, wanted)
        after, followed = step(match, event, now_ms)
        assert (after, followed) == step(match, event, now_ms)
        keeps_its_promises(match, after, followed, event, now_ms)
        match = after
        effects += followed
        history.append(match)
    assert sum(isinstance(effect, Ended) for effect in effects) == (match.end is not None)
    assert replayed(terms.game, match.plies) == match.plies
    made = [effect.ply for effect in effects if isinstance(effect, MoveMade)]
    assert tuple(made) == match.plies
    assert all(earlier.changed_ms <= later.changed_ms for earlier, later in pairwise(history))


def keeps_its_promises(before: Match, after: Match, effects: tuple[Effect, ...], event: Event, now_ms: int) -> None:
    assert from_row(to_row(after)) == after
    clocks = clocks_at(after, now_ms)
    assert (clocks is None) == (after.terms.clock_ms is None)
    assert clocks is None or all(0 <= clock <= 60_000 for clock in clocks)
    if before.end is not None:
        assert after is before
        assert all(isinstance(effect, Refused) for effect in effects)
    if not any(isinstance(effect, MoveMade) for effect in effects):
        assert after.plies is before.plies
    if len(effects) == 1 and isinstance(effects[0], Refused):
        assert after is before
    if after.end is None:
        deadline = next_deadline(after)
        assert deadline is None or deadline > max(now_ms, after.changed_ms)
        if not isinstance(event, Outage):
            looked(after, deadline)
    else:
        assert next_deadline(after) is None
        assert afk_status(after) is None


def looked(match: Match, deadline: int | None) -> None:
    """Nothing comes by itself before the deadline, and something does at it."""
    far = match.changed_ms + 10**9
    assert step(match, Looked(), far if deadline is None else deadline - 1) == (match, ())
    if deadline is not None:
        assert step(match, Looked(), deadline).match != match


@given(
    terms=all_terms,
    usual=st.lists(
        st.tuples(st.integers(0, 15_000), events.filter(lambda event: not isinstance(event, Outage))), max_size=20
    ),
    looks=st.lists(st.integers(1, 9_999), max_size=5),
)
def test_it_does_not_matter_when_somebody_looks(
    terms: Terms, usual: list[tuple[int, Event | AMove]], looks: list[int]
) -> None:
    """The same events with looks in between come to the same match, but for when a warning was told."""
    once = often = started(terms, ("ann", "bob"), 0)
    now_ms = 0
    for delay_ms, wanted in usual:
        event = real(once, wanted)
        for share in sorted(looks):
            often, _ = step(often, Looked(), now_ms + delay_ms * share // 10_000)
        now_ms += delay_ms
        once, _ = step(once, event, now_ms)
        often, _ = step(often, event, now_ms)
        assert replace(often, changed_ms=0, is_warned=False) == replace(once, changed_ms=0, is_warned=False)
