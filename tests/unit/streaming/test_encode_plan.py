"""What is encoded: whole for the player, half for watchers with another codec, never larger than the display."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.encode_plan import Encode, picture_message, plan_encodes, sent_size
from streaming.packets import Codec
from streaming.targets import VideoTarget

TARGET = VideoTarget(bitrate_bps=8_000_000, fps=60, height=720)


def test_the_player_gets_everything() -> None:
    assert plan_encodes([Codec.H264], TARGET, 1280, 720) == (Encode(Codec.H264, 1280, 720, 60, 8_000_000),)


def test_a_second_codec_gets_half_of_the_pictures_and_of_the_bits() -> None:
    whole, half = plan_encodes([Codec.VP8, Codec.H264, Codec.VP8], TARGET, 1280, 720)
    assert whole == Encode(Codec.VP8, 1280, 720, 60, 8_000_000)
    assert half == Encode(Codec.H264, 1280, 720, 30, 4_000_000)


def test_nobody_needs_no_encode() -> None:
    assert plan_encodes([], TARGET, 1280, 720) == ()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (1080, (1920, 1080)),
        (2160, (1920, 1080)),
        (720, (1280, 720)),
        (540, (960, 540)),
        (361, (640, 360)),
        (1, (28, 16)),
    ],
)
def test_fewer_rows_keep_the_proportions(rows: int, expected: tuple[int, int]) -> None:
    assert sent_size(1920, 1080, rows) == expected


@given(st.integers(16, 4096), st.integers(16, 4096), st.integers(1, 5000))
def test_a_picture_is_even_and_never_larger_than_the_display(width: int, height: int, rows: int) -> None:
    sent_width, sent_height = sent_size(width, height, rows)
    assert sent_width % 2 == sent_height % 2 == 0
    assert 16 <= sent_width <= max(width, 16)
    assert 16 <= sent_height <= height
    assert sent_height <= max(rows, 16)


def test_a_page_is_told_what_it_is_sent() -> None:
    message = picture_message(Encode(Codec.VP8, 1280, 720, 30, 4_000_000))
    assert message == {
        "type": "picture",
        "width": 1280,
        "height": 720,
        "fps": 30,
        "bitrate_bps": 4_000_000,
        "codec": "vp8",
    }
