"""A click is followed from the page's press to the picture on the page, or not at all."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.streaming.stage_times import STAGES, Press, Span, stages_of, summary

PRESS = Press(pressed_ms=100, shown_ms=112, received_ms=109, processing_s=0.001)
SPANS = [
    Span("grab", 90, 91),
    Span("inject", 101, 101.5),
    Span("game", 102, 102.5),
    Span("inject", 102.6, 102.7),
    Span("grab", 103, 103.25),
    Span("convert", 103.5, 104),
    Span("post", 106, 106.5),
    Span("hand", 92, 107),
]


def without(label: str) -> list[Span]:
    return [span for span in SPANS if span.label != label]


def test_every_stage_has_its_time() -> None:
    assert stages_of(PRESS, SPANS) == {
        "page_to_seat": 1,
        "injection": 0.5,
        "x_to_game": 0.5,
        "game_draws": 0.5,
        "damage_to_grab": 0.5,
        "grab": 0.25,
        "convert": 0.5,
        "encode": 2.25,
        "hand_over": 1,
        "network": 2,
        "decode": 1,
        "browser_frame": 2,
    }


def test_without_a_call_of_its_own_conversion_is_part_of_encoding() -> None:
    stages = stages_of(PRESS, without("convert"))
    assert stages
    assert (stages["convert"], stages["encode"]) == (0, 2.75)


def test_a_later_conversion_is_another_pictures() -> None:
    stages = stages_of(PRESS, [*without("convert"), Span("convert", 110, 111)])
    assert stages
    assert stages["convert"] == 0


@pytest.mark.parametrize("label", ["inject", "game", "grab", "post", "hand"])
def test_a_trace_with_a_gap_gives_nothing(label: str) -> None:
    assert stages_of(PRESS, without(label)) is None


@pytest.mark.parametrize("press", [replace(PRESS, received_ms=None), replace(PRESS, processing_s=None)])
def test_a_browser_that_does_not_tell_gives_nothing(press: Press) -> None:
    assert stages_of(press, SPANS) is None


def test_a_packet_handed_over_after_the_picture_was_another_one() -> None:
    assert stages_of(PRESS, [*without("hand"), Span("hand", 107, 113)]) is None


@given(st.floats(-1e6, 1e6))
@example(-3.5)
def test_a_press_moves_as_a_whole(offset_ms: float) -> None:
    moved = PRESS.shifted(offset_ms)
    assert moved.shown_ms - moved.pressed_ms == pytest.approx(12)
    assert moved.received_ms == pytest.approx(109 + offset_ms)
    assert replace(PRESS, received_ms=None).shifted(offset_ms).received_ms is None


def test_the_summary_is_of_all_clicks_and_their_whole() -> None:
    way = dict.fromkeys(STAGES, 1.0)
    slow = way | {"encode": 5.0}
    told = summary([way, way, slow])
    assert told["encode"] == (1, 5)
    assert told["whole"] == (len(STAGES), len(STAGES) + 4)
