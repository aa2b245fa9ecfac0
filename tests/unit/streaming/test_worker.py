"""What a worker decides without a display: when a lost sound server is tried again, and what the collector looks at."""

import gc

from hypothesis import given
from hypothesis import strategies as st

from streaming.sound_server import QUICK_RESTARTS, SLOW_PAUSE_S, restart_pause_s
from streaming.worker import load_media


@given(st.integers(min_value=1, max_value=10_000))
def test_lost_sound_is_tried_again_for_ever_soon_at_first_and_then_seldom(failures: int) -> None:
    assert 0 < restart_pause_s(failures) <= restart_pause_s(failures + 1) <= SLOW_PAUSE_S
    assert (restart_pause_s(failures) == SLOW_PAUSE_S) == (failures > QUICK_RESTARTS)


def test_the_collector_leaves_alone_what_the_media_libraries_brought() -> None:
    try:
        assert load_media().open_studio
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
    finally:
        gc.unfreeze()
