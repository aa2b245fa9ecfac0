"""Whatever happens to a session, in whatever order: it ends in time, and only one host may move its save."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_protocol import EndCode
from orchestrator.play.lifecycle import (
    ACTIVE,
    FINAL,
    MAX_FAILED_PLACEMENTS,
    MOVES,
    SESSION_CAP,
    TIME_LIMITS,
    Advanced,
    DeadlinePassed,
    EndedOnHost,
    Event,
    GivenAway,
    HostLost,
    Life,
    NowhereElse,
    Placed,
    Position,
    Restored,
    Returned,
    StopAsked,
    Used,
    due_at,
    new_life,
    step,
)
from orchestrator.play.reasons import STOPPED_BY_PLAYER

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
LONGEST = SESSION_CAP + TIME_LIMITS[Position.STOPPING]
HOSTS = ("host-a", "host-b", "host-c")
STOP = StopAsked(STOPPED_BY_PLAYER)

# What comes from outside names a generation relative to the current one: late, current or foreign.
Outside = Callable[[Life], Event]
generations = st.integers(-2, 1)
codes = st.one_of(st.sampled_from(EndCode), st.just("a-code-of-tomorrow"))


def advanced(shift: int, position: Position, has_progress: bool) -> Outside:
    return lambda life: Advanced(life.generation + shift, position, has_progress)


def ended(shift: int, code: str) -> Outside:
    return lambda life: EndedOnHost(life.generation + shift, code, "why", ("last line",))


def returned(shift: int, host_id: str) -> Outside:
    return lambda life: Returned(host_id, life.generation + shift)


def always(event: Event) -> Outside:
    return lambda life: event


events = st.one_of(
    st.sampled_from(HOSTS).map(lambda host_id: always(Placed(host_id))),
    st.builds(advanced, generations, st.sampled_from(Position), st.booleans()),
    st.just(advanced(0, Position.RUNNING, False)),
    st.builds(ended, generations, codes),
    st.builds(returned, generations, st.sampled_from(HOSTS)),
    st.sampled_from(
        [
            always(event)
            for event in (NowhereElse(), STOP, Used(), DeadlinePassed(), HostLost(), GivenAway(), Restored())
        ]
    ),
)
histories = st.lists(st.tuples(events, st.integers(0, 900)), max_size=60)


def tell(life: Life, outside: Outside, now: datetime) -> Life:
    """One event, and the reconciler's look that follows it."""
    event = outside(life)
    after, effects = step(life, event, now)
    check_move(life, after, now)
    assert after != life or effects == ()
    looked, _ = step(after, DeadlinePassed(), now)
    check_move(after, looked, now)
    return looked


def check_move(before: Life, after: Life, now: datetime) -> None:
    assert after.generation in {before.generation, before.generation + 1}
    assert len(after.failed_hosts) < MAX_FAILED_PLACEMENTS
    assert after.ends_at == before.ends_at
    assert after.expires_at >= before.expires_at
    if before.position in FINAL:
        assert after == before
    if before.position is Position.STOPPING:
        assert after.position in {Position.STOPPING, *FINAL}
    if after.position in FINAL:
        assert after.end is not None
        assert due_at(after) is None
    else:
        due = due_at(after)
        assert due is not None
        assert due <= before.ends_at + LONGEST - SESSION_CAP or after.position is Position.STOPPING
    assert (after.former_host_id is None) or after.host_id is None


@pytest.mark.parametrize("position", ACTIVE)
def test_every_state_that_is_not_final_has_a_deadline_and_a_move_for_it(position: Position) -> None:
    """Invariant 5."""
    assert (position, DeadlinePassed) in MOVES
    assert (position, StopAsked) in MOVES
    assert position is Position.RUNNING or position in TIME_LIMITS


def test_no_final_state_has_a_move() -> None:
    assert not [key for key in MOVES if key[0] in FINAL]


@given(histories)
def test_any_order_of_events_keeps_the_promises(history: list[tuple[Outside, int]]) -> None:
    """Generations only grow, ends stay ended, a final state has its reason, an active one its deadline."""
    life, now = new_life(NOW), NOW
    for outside, seconds in history:
        now += timedelta(seconds=seconds)
        life = tell(life, outside, now)


@given(histories)
def test_no_order_of_events_keeps_a_session_beyond_its_cap(history: list[tuple[Outside, int]]) -> None:
    """However often hosts are lost and the player is there: at the cap it stops, and a stop has its time."""
    life, now = new_life(NOW), NOW
    while life.position not in FINAL:
        for outside, seconds in [*history, (always(Used()), 60)]:
            now += timedelta(seconds=seconds)
            life = tell(life, outside, now)
        life = tell(life, always(DeadlinePassed()), now)
        assert life.position in FINAL or now < NOW + LONGEST


@given(histories)
def test_time_alone_ends_every_session(history: list[tuple[Outside, int]]) -> None:
    life, now = new_life(NOW), NOW
    for outside, seconds in history:
        now += timedelta(seconds=seconds)
        life = tell(life, outside, now)
    for _ in range(len(Position)):
        due = due_at(life)
        if due is None:
            break
        now = max(now, due)
        life, _ = step(life, DeadlinePassed(), now)
    assert life.position in FINAL


@given(histories)
def test_a_stop_always_leads_to_an_end(history: list[tuple[Outside, int]]) -> None:
    """After a stop nothing starts again, and its time is never prolonged."""
    life, now = new_life(NOW), NOW
    for outside, seconds in history:
        now += timedelta(seconds=seconds)
        life = tell(life, outside, now)
    stopped, _ = step(life, STOP, now)
    assert stopped.position in {Position.STOPPING, *FINAL}
    latest = now + TIME_LIMITS[Position.STOPPING]
    for outside, seconds in history:
        now += timedelta(seconds=seconds)
        stopped = tell(stopped, outside, now)
        assert stopped.position in {Position.STOPPING, *FINAL}
    assert tell(stopped, always(STOP), max(now, latest)).position in FINAL


@given(histories)
def test_a_generation_belongs_to_one_host_for_ever(history: list[tuple[Outside, int]]) -> None:
    """Invariant 2: only the current generation moves the head, so no two hosts ever may."""
    life, now = new_life(NOW), NOW
    host_of: dict[int, str] = {}
    for outside, seconds in history:
        now += timedelta(seconds=seconds)
        life = tell(life, outside, now)
        for host_id in {life.host_id, life.former_host_id} - {None}:
            assert host_of.setdefault(life.generation, str(host_id)) == host_id


@given(histories, st.integers(1, 3))
def test_what_is_said_twice_moves_nothing_more(history: list[tuple[Outside, int]], times: int) -> None:
    """Reports come again until they are answered; all but a pull's progress and a player's use are told once."""
    life, now = new_life(NOW), NOW
    for outside, seconds in history:
        now += timedelta(seconds=seconds)
        event = outside(life)
        life, _ = step(life, event, now)
        for _ in range(times):
            again, _ = step(life, event, now)
            if not isinstance(event, HostLost | NowhereElse | StopAsked | DeadlinePassed | Placed):
                assert again == life
