"""A host's life as a table of moves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet.host_life import (
    FORGOTTEN_AFTER,
    LOST_AFTER_LEASE,
    MOVES,
    Change,
    HostFacts,
    HostState,
    changes,
    is_forgotten,
    state_of,
)

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HEARD = HostFacts(NOW + 6 * SECOND, None, None)
LOST_AT = HEARD.lease_until + LOST_AFTER_LEASE


def draining(since: datetime = NOW) -> HostFacts:
    return HostFacts(HEARD.lease_until, since, None)


def test_a_host_is_what_its_lease_and_its_operator_say() -> None:
    assert state_of(HEARD, NOW) is HostState.READY
    assert state_of(draining(), NOW) is HostState.DRAINING
    assert state_of(draining(), HEARD.lease_until) is HostState.SUSPECT
    assert state_of(HEARD, LOST_AT - SECOND) is HostState.SUSPECT
    assert state_of(HEARD, LOST_AT) is HostState.LOST
    assert state_of(HostFacts(HEARD.lease_until, None, NOW), NOW) is HostState.GONE


def test_each_change_has_the_moment_at_which_it_happened_however_late_it_is_noted() -> None:
    an_hour_later = NOW + timedelta(hours=1)
    suspect, lost = Change(HostState.SUSPECT, HEARD.lease_until), Change(HostState.LOST, LOST_AT)
    assert changes(HostState.READY, HEARD, an_hour_later) == (suspect, lost)
    assert changes(HostState.SUSPECT, HEARD, an_hour_later) == (lost,)
    assert changes(HostState.READY, HEARD, LOST_AT - SECOND) == (suspect,)
    assert changes(HostState.READY, draining(NOW - SECOND), NOW) == (Change(HostState.DRAINING, NOW - SECOND),)
    removed = HostFacts(HEARD.lease_until, None, NOW + SECOND)
    assert changes(HostState.LOST, removed, an_hour_later) == (Change(HostState.GONE, NOW + SECOND),)


def test_a_host_that_comes_back_is_what_it_was_from_then_on() -> None:
    assert changes(HostState.LOST, HEARD, NOW) == (Change(HostState.READY, NOW),)
    assert changes(HostState.LOST, draining(NOW - SECOND), NOW) == (Change(HostState.DRAINING, NOW),)
    assert changes(HostState.DRAINING, HEARD, NOW) == (Change(HostState.READY, NOW),)


def test_nothing_is_noted_twice_and_nobody_comes_back_from_gone() -> None:
    assert changes(HostState.READY, HEARD, NOW) == ()
    assert changes(HostState.GONE, HEARD, NOW) == ()
    assert changes(HostState.LOST, HEARD, LOST_AT - SECOND) == ()


@pytest.mark.parametrize(
    ("facts", "sessions", "is_so"),
    [
        (HEARD, 0, True),
        (HEARD, 1, False),
        (HostFacts(HEARD.lease_until, None, NOW), 0, False),
        (HostFacts(HEARD.lease_until + SECOND, None, None), 0, False),
    ],
)
def test_a_host_is_forgotten_only_after_long_and_without_a_session(
    facts: HostFacts, sessions: int, is_so: bool
) -> None:
    assert is_forgotten(facts, sessions, LOST_AT + FORGOTTEN_AFTER) is is_so


moments = st.integers(-100, 100).map(lambda number: NOW + number * SECOND)


@given(
    known=st.sampled_from(HostState),
    facts=st.builds(HostFacts, moments, st.none() | moments, st.none() | moments),
    now=moments,
)
def test_only_legal_moves_are_made_and_they_lead_to_what_is_true(
    known: HostState, facts: HostFacts, now: datetime
) -> None:
    state = known
    for change in changes(known, facts, now):
        assert change.state in MOVES[state]
        state = change.state
    is_settled = known is HostState.GONE or (known, state_of(facts, now)) == (HostState.LOST, HostState.SUSPECT)
    assert is_settled or state is state_of(facts, now)
