"""What is to be encoded: of which size, at which rate, for whom. Pure.

The first codec is the player's and gets the whole target. A second one serves watchers whose browsers lack the first,
at half its pictures and half its bits, so that it costs the player little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from streaming.packets import Codec
from streaming.targets import VideoTarget

SMALLEST_SIDE = 16


@dataclass(frozen=True, slots=True)
class Encode:
    """One encode of the picture. Width and height are even."""

    codec: Codec
    width: int
    height: int
    fps: float
    bitrate_bps: int


def picture_message(encode: Encode) -> dict[str, object]:
    """What a page is told of what it is sent."""
    return {
        "type": "picture",
        "width": encode.width,
        "height": encode.height,
        "fps": encode.fps,
        "bitrate_bps": encode.bitrate_bps,
        "codec": encode.codec,
    }


def plan_encodes(codecs: Sequence[Codec], target: VideoTarget, width: int, height: int) -> tuple[Encode, ...]:
    """One for each different codec, in their order, of a display of this size."""
    sent_width, sent_height = sent_size(width, height, target.height)
    shares = (1, *([2] * len(codecs)))
    return tuple(
        Encode(codec, sent_width, sent_height, target.fps / share, target.bitrate_bps // share)
        for codec, share in zip(dict.fromkeys(codecs), shares, strict=False)
    )


def sent_size(width: int, height: int, rows: int) -> tuple[int, int]:
    """Even width and height of the picture with at most so many rows, in the display's proportions; never larger than
    the display.
    """
    if rows >= height:
        return width & ~1, height & ~1
    sent_height = max(SMALLEST_SIDE, rows & ~1)
    return max(SMALLEST_SIDE, width * sent_height // height & ~1), sent_height
