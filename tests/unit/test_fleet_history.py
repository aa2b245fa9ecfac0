"""The judge of `make chaos-fleet` sees every kind of broken promise, and nothing where none is broken."""

from dataclasses import replace

from tests.chaos.fleet.history import HeadSeen, Look, Room, SessionSeen, fault_moments, violations
from tests.chaos.fleet.schedule import COUNT, KINDS, LINES, WINDOW_S, Way, schedule, shortened

ROOM = {"host-0": Room(2.0, 1000, 2), "host-1": Room(2.0, 1000, 2)}
PLAYS = SessionSeen("s1", "ada", "running", 1, "host-0", cpu_cores=1.0, memory_bytes=400, frame_age_s=1.0)
WAITS = replace(PLAYS, position="placing", host=None, former_host="host-0", frame_age_s=11.0)
HEAD = HeadSeen("slot", "s1", 100.0, 1, 5)


def look(*sessions: SessionSeen, heads: tuple[HeadSeen, ...] = ()) -> Look:
    return Look(sessions, ROOM, heads)


def test_a_good_evening_has_no_violation() -> None:
    elsewhere = replace(PLAYS, generation=2, host="host-1", frame_age_s=None)
    ended = replace(elsewhere, position="stopped", host=None)
    later = HeadSeen("slot", "s2", 200.0, 1, 1)
    assert (
        violations(
            [
                look(PLAYS, heads=(HEAD,)),
                look(WAITS, heads=(replace(HEAD, number=6),)),
                look(elsewhere, heads=(replace(HEAD, generation=2, number=1),)),
                look(ended, replace(PLAYS, session_id="s2"), heads=(later,)),
            ]
        )
        == []
    )


def test_two_sessions_of_an_owner_are_seen() -> None:
    assert violations([look(PLAYS, replace(PLAYS, session_id="s2", host="host-1"))]) == ["ada has 2 active sessions"]


def test_a_host_with_too_many_sessions_or_too_little_of_anything_is_seen() -> None:
    others = [replace(PLAYS, session_id=f"s{number}", owner=f"o{number}") for number in range(3)]
    tiny = [replace(each, cpu_cores=0.1, memory_bytes=1) for each in others]
    assert len(violations([look(*tiny)])) == 1
    assert violations([look(*tiny[:2])]) == []
    assert len(violations([look(*(replace(each, cpu_cores=1.5) for each in tiny[:2]))])) == 1
    assert len(violations([look(*(replace(each, memory_bytes=501) for each in tiny[:2]))])) == 1


def test_a_head_that_goes_back_is_seen() -> None:
    for older in (replace(HEAD, number=4), replace(HEAD, generation=0), HeadSeen("slot", "s0", 50.0, 9, 9)):
        [violation] = violations([look(heads=(HEAD,)), look(heads=(older,))])
        assert "went back" in violation


def test_another_slots_head_is_another_matter() -> None:
    assert violations([look(heads=(HEAD,)), look(heads=(replace(HEAD, slot="other", number=1),))]) == []


def test_a_generation_that_falls_and_a_session_that_rises_again_are_seen() -> None:
    [fell] = violations([look(replace(PLAYS, generation=2)), look(PLAYS)])
    assert "fell from generation 2 to 1" in fell
    [rose] = violations([look(replace(PLAYS, position="error", host=None)), look(PLAYS)])
    assert "came back from error" in rose


def test_nobody_is_moved_whose_page_showed_frames() -> None:
    assert violations([look(PLAYS), look(WAITS)]) == []
    assert violations([look(PLAYS), look(replace(WAITS, frame_age_s=None))]) == []
    [violation] = violations([look(PLAYS), look(replace(WAITS, frame_age_s=3.0))])
    assert "moved 3.0 s after" in violation
    told_by_its_host = replace(WAITS, former_host=None, frame_age_s=3.0)
    assert violations([look(PLAYS), look(told_by_its_host)]) == []


def test_a_fault_that_lasts_counts_from_the_begin_of_what_begins_within_it() -> None:
    assert fault_moments([(10.0, 20.0)], [5.0, 12.0, 21.0]) == [10.0, 12.0]


def test_seeds_meet_every_fault_and_stay_what_they_are() -> None:
    plans = [schedule(seed) for seed in range(200)]
    assert plans == [schedule(seed) for seed in range(200)]
    met = {(strike.what, strike.way) for plan in plans for strike in plan.strikes}
    assert met == set(KINDS)
    for strike in (strike for plan in plans for strike in plan.strikes):
        assert (strike.way is Way.CUT) == (strike.what in LINES)
        assert 0 <= strike.number < COUNT.get(strike.what, 1)
        assert bool(strike.lasts_s) == (strike.way in {Way.STALLED, Way.CUT})


def test_a_shortened_schedule_has_the_same_faults_sooner() -> None:
    for seed in range(20):
        plan, brief = schedule(seed), shortened(schedule(seed))
        assert [strike.what for strike in brief.strikes] == [strike.what for strike in plan.strikes]
        assert all(strike.after_s <= WINDOW_S / 2 for strike in brief.strikes)
        assert len(brief.scripts) == 2
