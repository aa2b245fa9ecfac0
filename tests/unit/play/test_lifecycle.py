"""The table of legal moves: every state has a deadline, every interleaving ends."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.play.lifecycle import (
    ACTIVE,
    FINAL,
    IDLE_TIMEOUT,
    MAX_GENERATIONS,
    MOVES,
    SESSION_CAP,
    TIME_LIMITS,
    Advanced,
    DeadlinePassed,
    Decider,
    Effect,
    End,
    EndedOnHost,
    Event,
    HostLost,
    Life,
    NowhereElse,
    Placed,
    Position,
    StopAsked,
    Used,
    is_due,
    life_is_connectable,
    new_life,
    phase_of,
    status_of,
    step,
)

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
STOP = StopAsked(End("stopped", "You stopped the game.", Decider.PLAYER))


def walk(*events: Event, life: Life | None = None, now: datetime = NOW) -> Life:
    life = life or new_life(now)
    for event in events:
        life, _ = step(life, event, now)
    return life


def running() -> Life:
    return walk(Placed("host-a"), Advanced(1, Position.RUNNING))


def test_a_launch_walks_to_running_and_a_stop_ends_it() -> None:
    life = new_life(NOW)
    assert (status_of(life.position), phase_of(life.position)) == ("starting", "placing")
    for event, phase in (
        (Placed("host-a"), "pulling"),
        (Advanced(1, Position.RESTORING), "restoring"),
        (Advanced(1, Position.BOOTING), "booting"),
    ):
        life, _ = step(life, event, NOW)
        assert (status_of(life.position), phase_of(life.position)) == ("starting", phase)
    life, effects = step(life, Advanced(1, Position.RUNNING), NOW)
    assert (status_of(life.position), phase_of(life.position)) == ("running", "ready")
    assert effects == (Effect.TELL_HOST,)
    life, effects = step(life, STOP, NOW)
    assert (status_of(life.position), phase_of(life.position)) == ("stopping", None)
    assert Effect.TELL_HOST in effects
    life, effects = step(life, EndedOnHost(1, "stopped", "as ordered"), NOW)
    assert status_of(life.position) == "stopped"
    assert life.end is not None
    assert life.end.by is Decider.PLAYER
    assert Effect.TELL_HOST in effects


@pytest.mark.parametrize("position", ACTIVE)
def test_every_state_that_is_not_final_has_a_deadline_and_a_move_for_it(position: Position) -> None:
    """Invariant 5."""
    assert (position, DeadlinePassed) in MOVES
    assert position is Position.RUNNING or position in TIME_LIMITS


def test_no_final_state_has_a_move() -> None:
    assert not [key for key in MOVES if key[0] in FINAL]


@pytest.mark.parametrize("position", [Position.PULLING, Position.RESTORING, Position.BOOTING])
def test_a_stalled_preparation_moves_to_another_host_and_ends_after_three(position: Position) -> None:
    life = new_life(NOW)
    for generation in range(1, MAX_GENERATIONS + 1):
        life = walk(Placed(f"host-{generation}"), Advanced(generation, position), life=life)
        assert life.generation == generation
        life, effects = step(life, DeadlinePassed(), NOW)
        if generation < MAX_GENERATIONS:
            assert life.position is Position.PLACING
            assert life.failed_hosts[-1] == f"host-{generation}"
            assert Effect.PLACE in effects
    assert life.position is Position.ERROR
    assert life.end is not None
    assert life.end.by is Decider.ORCHESTRATOR


def test_progress_moves_the_pull_deadline_and_silence_does_not() -> None:
    life = walk(Placed("host-a"))
    later = NOW + timedelta(seconds=20)
    moved, _ = step(life, Advanced(1, Position.PULLING, has_progress=True), later)
    assert moved.deadline == later + TIME_LIMITS[Position.PULLING]
    same, _ = step(life, Advanced(1, Position.PULLING, has_progress=False), later)
    assert same == life


def test_reports_never_move_a_session_backwards_or_from_an_older_generation() -> None:
    life = walk(Placed("host-a"), Advanced(1, Position.BOOTING))
    assert step(life, Advanced(1, Position.RESTORING), NOW) == (life, ())
    assert step(life, Advanced(0, Position.RUNNING), NOW) == (life, ())
    assert step(life, Advanced(1, Position.STOPPED), NOW) == (life, ())
    assert step(life, EndedOnHost(0, "crashed", "old news"), NOW) == (life, ())
    assert step(running(), EndedOnHost(0, "crashed", "old news"), NOW) == (running(), ())
    stopping = walk(STOP, life=running())
    assert step(stopping, EndedOnHost(0, "stopped", "old news"), NOW) == (stopping, ())


def test_a_stop_before_a_host_is_found_ends_at_once() -> None:
    life = walk(STOP)
    assert life.position is Position.STOPPED
    assert life.generation == 0


@pytest.mark.parametrize(
    ("code", "position", "by"),
    [
        ("exited", Position.STOPPED, Decider.GAME),
        ("expired", Position.STOPPED, Decider.HOST),
        ("stopped", Position.STOPPED, Decider.HOST),
        ("crashed", Position.ERROR, Decider.GAME),
        ("out_of_memory", Position.ERROR, Decider.GAME),
        ("engine_failed", Position.ERROR, Decider.HOST),
    ],
)
def test_every_end_while_running_names_its_reason_and_who_decided(code: str, position: Position, by: Decider) -> None:
    life = walk(EndedOnHost(1, code, "text for people", ("last line",)), life=running())
    assert life.position is position
    assert life.end is not None
    assert (life.end.by, life.end.log_tail) == (by, ("last line",))


def test_a_game_that_dies_while_booting_is_tried_elsewhere_and_its_reason_survives() -> None:
    life = walk(Placed("host-a"), EndedOnHost(1, "crashed", "Invalid window", ("trace",)))
    assert life.position is Position.PLACING
    ended = walk(NowhereElse(), life=life)
    assert ended.position is Position.ERROR
    assert ended.end == End("crashed", "Invalid window", Decider.GAME, ("trace",))
    assert walk(Placed("host-b"), Advanced(2, Position.RUNNING), life=life).end is None
    assert walk(NowhereElse()).end is not None


def test_a_save_that_could_not_be_sent_is_said_at_the_end() -> None:
    life = walk(STOP, EndedOnHost(1, "save_failed", "kept on the host"), life=running())
    assert life.position is Position.STOPPED
    assert life.end is not None
    assert life.end.code == "save_failed"


def test_use_moves_the_idle_end_and_never_the_cap() -> None:
    life = running()
    later = NOW + timedelta(minutes=10)
    used, effects = step(life, Used(), later)
    assert (used.expires_at, used.ends_at, effects) == (later + IDLE_TIMEOUT, NOW + SESSION_CAP, ())
    assert not is_due(used, later + IDLE_TIMEOUT - timedelta(seconds=1))
    assert is_due(used, later + IDLE_TIMEOUT)
    idle, _ = step(used, DeadlinePassed(), later + IDLE_TIMEOUT)
    assert idle.end is not None
    assert (idle.position, idle.end.code) == (Position.STOPPING, "idle")
    capped, _ = step(used, DeadlinePassed(), NOW + SESSION_CAP)
    assert capped.end is not None
    assert capped.end.code == "session_cap"


def test_a_host_that_is_lost_gives_up_its_sessions() -> None:
    assert walk(Placed("host-a"), HostLost()).position is Position.PLACING
    lost = walk(HostLost(), life=running())
    assert lost.end is not None
    assert (lost.position, lost.end.code) == (Position.ERROR, "host_lost")


def test_a_silent_stop_is_forced_after_its_time() -> None:
    life = walk(STOP, DeadlinePassed(), life=running())
    assert life.end is not None
    assert (life.position, life.end.code) == (Position.STOPPED, "stop_timeout")


def test_players_connect_from_the_seats_start_until_the_stop() -> None:
    assert not life_is_connectable(new_life(NOW))
    assert life_is_connectable(walk(Placed("host-a")))
    assert life_is_connectable(running())
    assert not life_is_connectable(walk(STOP, life=running()))


def test_placing_gives_up_with_a_reason() -> None:
    life = walk(DeadlinePassed())
    assert life.end is not None
    assert (life.position, life.end.code) == (Position.ERROR, "no_servers")
    assert not is_due(life, NOW + timedelta(days=1))
    assert is_due(new_life(NOW), NOW + TIME_LIMITS[Position.PLACING])


events = st.one_of(
    st.builds(Placed, st.sampled_from(["host-a", "host-b"])),
    st.just(NowhereElse()),
    st.builds(Advanced, st.integers(0, 4), st.sampled_from(Position), st.booleans()),
    st.builds(
        EndedOnHost, st.integers(0, 4), st.sampled_from(["exited", "crashed", "stopped", "save_failed"]), st.just("why")
    ),
    st.just(STOP),
    st.just(Used()),
    st.just(DeadlinePassed()),
    st.just(HostLost()),
)


@given(st.lists(st.tuples(events, st.integers(0, 600)), max_size=60))
def test_any_order_of_events_keeps_the_promises(history: list[tuple[Event, int]]) -> None:
    """Generations only grow, ends stay ended, a final state has its reason, an active one its deadline."""
    life, now = new_life(NOW), NOW
    for event, seconds in history:
        now += timedelta(seconds=seconds)
        after, effects = step(life, event, now)
        assert after.generation >= life.generation
        assert after.generation <= MAX_GENERATIONS
        if life.position in FINAL:
            assert (after, effects) == (life, ())
        if after.position in FINAL:
            assert after.end is not None
            assert after.deadline is None
        elif after.position is not Position.RUNNING:
            assert after.deadline is not None
        life = after


@given(st.lists(events, max_size=30))
def test_time_alone_ends_every_session(history: list[Event]) -> None:
    life, now = walk(*history), NOW
    for _ in range(2 * MAX_GENERATIONS + 4):
        if life.position in FINAL:
            break
        now = max(now, min(life.ends_at, life.expires_at) if life.deadline is None else life.deadline)
        assert is_due(life, now)
        life, _ = step(life, DeadlinePassed(), now)
    assert life.position in FINAL
