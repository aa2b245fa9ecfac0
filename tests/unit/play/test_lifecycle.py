"""The table of legal moves, example by example: each promise of a session's life."""

from datetime import UTC, datetime, timedelta

import pytest

from agent_protocol import EndCode
from orchestrator.play.lifecycle import (
    ACTIVE,
    FINAL,
    IDLE_TIMEOUT,
    MAX_FAILED_PLACEMENTS,
    MOVES,
    PREPARING,
    SESSION_CAP,
    TIME_LIMITS,
    Advanced,
    DeadlinePassed,
    Effect,
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
    is_due,
    life_is_connectable,
    new_life,
    phase_of,
    status_of,
    step,
)
from orchestrator.play.reasons import HOST_DRAINED, HOST_LOST, RESTORED, RUN_LOST, STOPPED_BY_PLAYER, Decider, End

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
STOP = StopAsked(STOPPED_BY_PLAYER)


def walk(*events: Event, life: Life | None = None, now: datetime = NOW) -> Life:
    life = life or new_life(now)
    for event in events:
        life, _ = step(life, event, now)
    return life


def running() -> Life:
    return walk(Placed("host-a"), Advanced(1, Position.RUNNING))


def lost() -> Life:
    return walk(HostLost(), life=running())


def wait_out(life: Life) -> Life:
    """Until time alone moves it on."""
    due = due_at(life)
    assert due is not None
    return walk(DeadlinePassed(), life=life, now=due)


def code_of(life: Life) -> str | None:
    return life.end.code if life.end else None


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


@pytest.mark.parametrize("position", PREPARING)
def test_a_stalled_preparation_moves_to_another_host_and_ends_after_three(position: Position) -> None:
    life = new_life(NOW)
    for generation in range(1, MAX_FAILED_PLACEMENTS + 1):
        life = walk(Placed(f"host-{generation}"), Advanced(generation, position), life=life)
        assert life.generation == generation
        life, effects = step(life, DeadlinePassed(), NOW + TIME_LIMITS[position])
        if generation < MAX_FAILED_PLACEMENTS:
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
        ("save_full", Position.ERROR, Decider.GAME),
        ("host_restarted", Position.ERROR, Decider.HOST),
        ("a-code-of-tomorrow", Position.ERROR, Decider.HOST),
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


def test_a_host_that_is_lost_while_it_prepares_counts_as_failed() -> None:
    life = walk(Placed("host-a"), HostLost())
    assert (life.position, life.failed_hosts, life.former_host_id) == (Position.PLACING, ("host-a",), None)


def test_a_running_session_whose_host_is_lost_is_placed_anew_and_no_host_has_failed() -> None:
    life, effects = step(running(), HostLost(), NOW)
    assert (life.position, life.host_id, life.former_host_id) == (Position.PLACING, None, "host-a")
    assert (life.failed_hosts, life.generation, effects) == ((), 1, (Effect.PLACE, Effect.TELL_HOST))
    moved = walk(Placed("host-b"), Advanced(2, Position.RUNNING), life=life)
    assert (moved.position, moved.host_id, moved.former_host_id) == (Position.RUNNING, "host-b", None)
    assert moved.end is None


def test_a_run_for_its_result_goes_on_nowhere_else_once_it_ran() -> None:
    run = walk(Placed("host-a"), Advanced(1, Position.RUNNING), life=new_life(NOW, for_result=True))
    lost_run, effects = step(run, HostLost(), NOW)
    assert (lost_run.position, lost_run.host_id, effects) == (Position.STOPPING, "host-a", (Effect.TELL_HOST,))
    assert walk(Returned("host-a", 1), life=lost_run) == lost_run
    late = walk(EndedOnHost(1, EndCode.EXITED, "closed"), life=lost_run)
    assert (late.position, late.end) == (Position.STOPPED, RUN_LOST), "its result is taken all the same"
    assert code_of(wait_out(lost_run)) == "stop_timeout"
    emptied, effects = step(run, GivenAway(), NOW)
    assert (emptied.position, emptied.host_id, effects) == (Position.STOPPING, "host-a", (Effect.TELL_HOST,))
    over = walk(EndedOnHost(1, EndCode.STOPPED, "as ordered"), life=emptied)
    assert (over.position, over.end) == (Position.STOPPED, HOST_DRAINED)


def test_a_run_for_its_result_that_has_not_begun_goes_to_the_next_host() -> None:
    life = walk(Placed("host-a"), HostLost(), life=new_life(NOW, for_result=True))
    assert (life.position, life.failed_hosts) == (Position.PLACING, ("host-a",))


@pytest.mark.parametrize("position", PREPARING)
def test_a_run_for_its_result_that_was_over_before_it_was_seen_to_run_is_not_played_again(position: Position) -> None:
    life = walk(Placed("host-a"), Advanced(1, position), life=new_life(NOW, for_result=True))
    over = walk(EndedOnHost(1, EndCode.EXITED, "closed"), life=life)
    assert (over.position, code_of(over)) == (Position.STOPPED, "game_exited")
    failed = walk(EndedOnHost(1, EndCode.CRASHED, "it crashed"), life=life)
    assert (failed.position, failed.failed_hosts) == (Position.PLACING, ("host-a",))


def test_a_lost_host_that_returns_in_time_goes_on_with_its_session() -> None:
    life, effects = step(lost(), Returned("host-a", 1), NOW)
    assert (life, effects) == (running(), (Effect.TELL_HOST,))
    assert step(lost(), Returned("host-b", 1), NOW) == (lost(), ())
    assert step(lost(), Returned("host-a", 0), NOW) == (lost(), ())
    elsewhere = walk(Placed("host-b"), life=lost())
    assert step(elsewhere, Returned("host-a", 1), NOW) == (elsewhere, ())
    assert walk(Returned("host-a", 0)).position is Position.PLACING


@pytest.mark.parametrize("code", [EndCode.HOST_RESTARTED, EndCode.CRASHED, EndCode.ENGINE_FAILED, EndCode.STOPPED])
def test_a_lost_host_that_returns_without_the_game_may_be_given_it_again(code: EndCode) -> None:
    life, effects = step(lost(), EndedOnHost(1, code, "gone"), NOW)
    assert (life.position, life.former_host_id, life.generation, effects) == (
        Position.PLACING, None, 1, (Effect.PLACE,),
    )  # fmt: skip
    assert step(life, EndedOnHost(1, code, "gone"), NOW) == (life, ())
    assert walk(Placed("host-a"), life=life).generation == 2


@pytest.mark.parametrize(
    ("code", "position", "reason"),
    [
        (EndCode.EXITED, Position.STOPPED, "game_exited"),
        (EndCode.EXPIRED, Position.STOPPED, "expired"),
        (EndCode.SAVE_FAILED, Position.ERROR, "save_failed"),
    ],
)
def test_an_end_that_was_only_missed_while_the_host_was_away_is_an_end(
    code: EndCode, position: Position, reason: str
) -> None:
    """With `save_failed` the save is still to come: whoever played on from the older one would lose it."""
    life = walk(EndedOnHost(1, code, "text"), life=lost())
    assert (life.position, code_of(life)) == (position, reason)


def test_a_relocation_without_a_place_says_that_the_save_is_kept() -> None:
    for life in (wait_out(lost()), walk(NowhereElse(), life=lost())):
        assert (life.position, life.end) == (Position.ERROR, HOST_LOST)
    assert "kept" in HOST_LOST.message


def test_each_loss_of_a_host_has_three_tries_of_its_own_and_the_cap_ends_them_all() -> None:
    life = walk(Placed("host-b"), HostLost(), life=lost())
    assert life.failed_hosts == ("host-b",)
    life = walk(Placed("host-c"), Advanced(3, Position.RUNNING), life=life)
    assert (life.position, life.failed_hosts) == (Position.RUNNING, ())
    life = walk(Used(), HostLost(), life=life, now=life.ends_at - timedelta(seconds=1))
    assert due_at(life) == life.ends_at
    capped = wait_out(life)
    assert (capped.position, code_of(capped)) == (Position.STOPPED, "session_cap")


@pytest.mark.parametrize("position", PREPARING)
def test_the_cap_and_the_idle_time_hold_while_a_session_starts(position: Position) -> None:
    """A pull may go on for hours; nobody has to wait for it."""
    life = walk(Placed("host-a"), Advanced(1, position))
    late = life.expires_at - timedelta(seconds=1)
    life = walk(Advanced(1, position, has_progress=True), life=life, now=late)
    idle = walk(DeadlinePassed(), life=life, now=life.expires_at)
    assert (idle.position, code_of(idle)) == (Position.STOPPING, "idle")
    used = walk(Used(), life=life, now=life.ends_at - timedelta(seconds=1))
    capped = walk(DeadlinePassed(), life=used, now=life.ends_at)
    assert (capped.position, code_of(capped)) == (Position.STOPPING, "session_cap")
    expired = walk(EndedOnHost(1, EndCode.EXPIRED, "too late"), life=life)
    assert (expired.position, code_of(expired)) == (Position.STOPPED, "expired")


def test_nobody_waits_for_a_place_longer_than_the_idle_time() -> None:
    life = walk(HostLost(), life=running(), now=running().expires_at - timedelta(seconds=1))
    assert due_at(life) == life.expires_at
    idle = wait_out(life)
    assert (idle.position, code_of(idle)) == (Position.STOPPED, "idle")


def test_a_deadline_that_has_not_passed_moves_nothing() -> None:
    for life in (new_life(NOW), walk(Placed("host-a")), running(), walk(STOP, life=running())):
        assert step(life, DeadlinePassed(), NOW) == (life, ())


def test_a_second_stop_changes_nothing_and_prolongs_nothing() -> None:
    stopping = walk(STOP, life=running())
    assert step(stopping, STOP, NOW + timedelta(seconds=30)) == (stopping, ())
    idle = wait_out(running())
    assert walk(STOP, life=idle) == idle


@pytest.mark.parametrize("position", PREPARING)
def test_a_stop_while_it_starts_cancels(position: Position) -> None:
    life = walk(Placed("host-a"), Advanced(1, position), STOP)
    assert life.position is Position.STOPPING
    ended = walk(EndedOnHost(1, EndCode.STOPPED, "as ordered"), life=life)
    assert (ended.position, ended.end) == (Position.STOPPED, STOPPED_BY_PLAYER)
    assert walk(STOP, life=lost()).position is Position.STOPPED


def test_a_silent_stop_is_forced_after_its_time() -> None:
    life = wait_out(walk(STOP, life=running()))
    assert (life.position, code_of(life)) == (Position.STOPPED, "stop_timeout")


def test_players_connect_from_the_seats_start_until_the_stop() -> None:
    assert not life_is_connectable(new_life(NOW))
    assert life_is_connectable(walk(Placed("host-a")))
    assert life_is_connectable(running())
    assert not life_is_connectable(walk(STOP, life=running()))


def test_placing_gives_up_with_a_reason() -> None:
    life = wait_out(new_life(NOW))
    assert (life.position, code_of(life)) == (Position.ERROR, "no_servers")
    assert due_at(life) is None
    assert not is_due(life, NOW + timedelta(days=1))
    assert is_due(new_life(NOW), NOW + TIME_LIMITS[Position.PLACING])


def test_a_report_from_before_an_end_without_a_reason_is_the_players_stop() -> None:
    """Rows of an older version may stop without having said why."""
    stopping = Life(Position.STOPPING, 1, "host-a", (), NOW, NOW, NOW)
    assert walk(EndedOnHost(1, EndCode.STOPPED, "as ordered"), life=stopping).end == STOPPED_BY_PLAYER


def test_a_session_that_is_given_away_ends_on_its_host_with_its_save_before_it_goes_on_elsewhere() -> None:
    life, effects = step(running(), GivenAway(), NOW)
    assert (life.position, life.former_host_id, life.end) == (Position.PLACING, "host-a", HOST_DRAINED)
    assert effects == (Effect.TELL_HOST,)
    assert walk(Returned("host-a", 1), life=life) == life
    ended, effects = step(life, EndedOnHost(1, EndCode.STOPPED, "as ordered"), NOW)
    assert (ended.former_host_id, effects) == (None, (Effect.PLACE,))
    elsewhere = walk(Placed("host-b"), Advanced(2, Position.RUNNING), life=ended)
    assert (elsewhere.host_id, elsewhere.generation, elsewhere.end) == ("host-b", 2, None)


def test_a_session_that_is_given_away_and_finds_no_place_ends_with_that_reason() -> None:
    over = wait_out(walk(GivenAway(), life=running()))
    assert (over.position, code_of(over)) == (Position.ERROR, "host_drained")


@pytest.mark.parametrize("position", Position)
def test_whoever_was_active_when_the_database_went_back_has_ended_with_that_reason(position: Position) -> None:
    life = Life(position, 1, "host-a", (), NOW, NOW, NOW)
    after, effects = step(life, Restored(), NOW)
    if position in FINAL:
        assert (after, effects) == (life, ())
    else:
        assert (after.position, after.end, after.deadline) == (Position.STOPPED, RESTORED, None)
        assert effects == (Effect.TELL_HOST,)
