"""Small decisions of the agent, each with all its branches: what a failure is called, which move is a bug."""

import errno

import pytest

from agent_protocol import ObservedState
from gameserver_agent.errors import EngineError, SeatError, SessionEndedError
from gameserver_agent.sessions.container import report_of_failure
from gameserver_agent.sessions.state import LEGAL_MOVES, moved
from gameserver_agent.statistics import Meter


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SessionEndedError("restore_failed", "no"), "restore_failed"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full"),
        (EngineError("write /var/lib: no space left on device"), "disk_full"),
        (EngineError("it is stopping"), "engine_failed"),
        (SeatError("Xvfb is not installed"), "seat_failed"),
        (OSError(errno.EACCES, "Permission denied"), "seat_failed"),
    ],
)
def test_every_failure_has_its_name(error: Exception, code: str) -> None:
    report = report_of_failure(error)
    assert report is not None
    assert report.code == code
    assert report.message


def test_a_mistake_of_ours_is_no_failure_of_the_host() -> None:
    assert report_of_failure(ValueError("a mistake")) is None
    assert report_of_failure(None) is None


@pytest.mark.parametrize("state", ObservedState)
def test_a_move_outside_the_table_is_a_bug(state: ObservedState) -> None:
    for to in ObservedState:
        if to is state or to in LEGAL_MOVES[state]:
            assert moved(state, to) is to
        else:
            with pytest.raises(ValueError, match="cannot go"):
                moved(state, to)


def test_only_the_first_first_frame_counts() -> None:
    shown = Meter(started_s=1.0).first_frame(2.0)
    assert shown.first_frame(3.0) == shown
