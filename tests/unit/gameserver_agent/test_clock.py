"""The orchestrator's time on a host whose own clock may do what it likes."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gameserver_agent.clock import OrchestratorClock, host_clocks
from gameserver_agent.clock_anchor import BELIEVED_AFTER_S, LEAP_S, SLACK_S, Anchor, Reading, heard, told_s

NOON_S = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
HOUR_S = 3600.0
seconds = st.floats(0, 1e6)
walls = st.floats(0, 4e9)


def at(boot_s: float, wall_s: float = 0.0, boot_id: str = "one") -> Reading:
    return Reading(boot_id, boot_s, wall_s)


ANCHOR = Anchor("one", 100.0, NOON_S)


@given(seconds, walls, walls)
def test_the_hosts_wall_clock_says_nothing_once_the_orchestrator_was_heard(
    later_s: float, one: float, other: float
) -> None:
    (shown,) = {told_s(ANCHOR, at(100 + later_s, wall_s)) for wall_s in (one, other)}
    assert shown == pytest.approx(NOON_S + later_s, rel=0, abs=0.001)


@given(walls)
def test_before_any_word_of_the_orchestrator_the_wall_clock_counts(wall_s: float) -> None:
    assert told_s(None, at(7, wall_s)) == wall_s


@given(walls)
@example(NOON_S - HOUR_S)
@example(NOON_S + HOUR_S)
def test_after_a_reboot_the_time_is_not_before_what_was_heard(wall_s: float) -> None:
    assert told_s(ANCHOR, at(3, wall_s, "two")) == max(wall_s, NOON_S)


@given(st.floats(0, 30), st.floats(0, 30), st.floats(0, 1))
def test_an_answer_that_fits_moves_nothing(quiet_s: float, round_trip_s: float, share: float) -> None:
    sent, received = at(100 + quiet_s), at(100 + quiet_s + round_trip_s)
    assert heard(ANCHOR, sent, received, NOON_S + quiet_s + share * round_trip_s) == ANCHOR


@given(st.floats(-10 * HOUR_S, LEAP_S), st.floats(0, 5), st.floats(0, 1))
@example(-HOUR_S, 1.0, 0.5)
@example(LEAP_S / 2, 0.0, 0.0)
def test_a_clock_that_was_set_back_is_followed_at_once(step_s: float, round_trip_s: float, share: float) -> None:
    sent, received = at(200), at(200 + round_trip_s)
    now_s = NOON_S + 100 + step_s + share * round_trip_s
    after = heard(ANCHOR, sent, received, now_s)
    assert told_s(after, sent) - SLACK_S <= now_s <= told_s(after, received) + SLACK_S


def test_a_leap_ahead_is_believed_when_it_lasts() -> None:
    """The orchestrator needs a moment to move its deadlines along; until then none falls due here."""
    leapt_s, anchor = NOON_S + 3 * HOUR_S, ANCHOR
    for passed_s in range(int(BELIEVED_AFTER_S)):
        anchor = heard(anchor, at(100 + passed_s), at(100 + passed_s), leapt_s + passed_s)
        assert told_s(anchor, at(100 + passed_s)) == NOON_S + passed_s
    end_s = BELIEVED_AFTER_S
    anchor = heard(anchor, at(100 + end_s), at(100 + end_s), leapt_s + end_s)
    assert told_s(anchor, at(100 + end_s)) == leapt_s + end_s


def test_a_leap_that_is_taken_back_never_was() -> None:
    doubting = heard(ANCHOR, at(101), at(101), NOON_S + HOUR_S)
    assert heard(doubting, at(150), at(150), NOON_S + 50) == ANCHOR
    again = heard(heard(doubting, at(150), at(150), NOON_S + 50), at(151), at(151), NOON_S + HOUR_S)
    assert told_s(again, at(151)) == NOON_S + 51


class Host:
    """A host's clocks, in hand."""

    def __init__(self) -> None:
        self.reading = at(100, NOON_S)

    def __call__(self) -> Reading:
        return self.reading

    def let_pass(self, seconds: float, *, wall_jump_s: float = 0.0) -> None:
        now = self.reading
        self.reading = Reading(now.boot_id, now.boot_s + seconds, now.wall_s + seconds + wall_jump_s)


def test_a_restarted_agent_goes_on_with_the_time_that_was_heard(tmp_path: Path) -> None:
    host, noon = Host(), datetime.fromtimestamp(NOON_S, UTC)
    OrchestratorClock(tmp_path / "clock.json", host).heard(host(), noon)
    host.let_pass(60, wall_jump_s=-5 * HOUR_S)
    restarted = OrchestratorClock(tmp_path / "clock.json", host)
    assert restarted.now() == noon + timedelta(seconds=60)
    assert stat.S_IMODE((tmp_path / "clock.json").stat().st_mode) == 0o600


def test_a_damaged_memory_of_the_time_is_none(tmp_path: Path) -> None:
    host = Host()
    for damaged in (b"", b"{", b"[]", b'{"boot_id": "one", "boot_s": "x"}', b'{"boot_id":"one","boot_s":NaN}', b"\xff"):
        (tmp_path / "clock.json").write_bytes(damaged)
        assert OrchestratorClock(tmp_path / "clock.json", host).now_s() == NOON_S


def test_a_time_that_cannot_be_written_down_is_still_known(tmp_path: Path) -> None:
    host, noon = Host(), datetime.fromtimestamp(NOON_S, UTC)
    clock = OrchestratorClock(tmp_path / "missing" / "clock.json", host)
    host.let_pass(1, wall_jump_s=HOUR_S)
    clock.heard(host(), noon)
    assert clock.now() == noon


def test_this_machines_clocks_can_be_read() -> None:
    read = host_clocks()
    first, second = read(), read()
    assert first.boot_id == second.boot_id != ""
    assert first.boot_s <= second.boot_s
