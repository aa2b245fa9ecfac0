"""What a player may ask of the picture."""

from streaming.page_messages import Quality, Shown, parse_control
from streaming.quality import bounded
from streaming.targets import VideoTarget

MOST = VideoTarget(bitrate_bps=8_000_000, fps=60, height=1080)


def test_a_wish_lowers_and_never_raises() -> None:
    assert bounded(MOST, Quality(None, None, None)) == MOST
    assert bounded(MOST, Quality(20_000_000, 120, 2160)) == MOST
    assert bounded(MOST, Quality(3_000_000, 30, 720)) == VideoTarget(3_000_000, 30, 720)


def test_a_wish_is_read_whatever_a_page_writes() -> None:
    assert parse_control('{"type":"quality","bitrate_bps":3e6,"fps":30,"height":720}') == Quality(3_000_000, 30, 720)
    assert parse_control('{"type":"quality"}') == Quality(None, None, None)
    assert parse_control('{"type":"quality","bitrate_bps":0,"fps":-1,"height":1}') == Quality(200_000, 1, 90)
    assert parse_control('{"type":"quality","fps":"many"}') is None
    assert parse_control('{"type":"quality","fps":true}') is None
    shown = '{"type":"shown","seconds":1,"frames":59,"decoded":-1,"newer":0}'
    assert parse_control(shown) == Shown(1.0, 59, 0)
    assert parse_control('{"type":"shown","seconds":1}') is None
