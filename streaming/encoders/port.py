"""What an encoder is to the seat: pictures in, packets out, nothing held back, a rate that may change at any time."""

from fractions import Fraction
from typing import Protocol

import av

from streaming.packets import Codec, EncodedPacket

CLOCK_HZ = 90_000
CLOCK = Fraction(1, CLOCK_HZ)
BUFFER_S, LEAST_BUFFER_FRAMES = 2.5 / 60, 1.25
BT601 = 6
BT709 = 1
LIMITED_RANGE = 1


class Encoder(Protocol):
    """Of one size, used by one thread. Takes yuv420p in BT.601, limited range; leaves the picture as it is."""

    codec: Codec

    def aim(self, bitrate_bps: int, fps: float) -> None:
        """From the next picture on: as many bits a second, at as many pictures. No picture takes more than
        `buffer_frames` of their mean share.
        """

    def encode(self, picture: av.VideoFrame, pts: int, keyframe: bool) -> EncodedPacket | None:
        """This picture at `pts` (90 kHz, growing) as one packet, which a decoder can begin with if `keyframe`."""


def buffer_frames(fps: float) -> float:
    """How many times its mean share a picture may take: as much as the link carries in `BUFFER_S`, whatever the rate
    of pictures, since that is what it makes the next one wait.
    """
    return max(LEAST_BUFFER_FRAMES, BUFFER_S * fps)


def encoded(context: av.VideoCodecContext, codec: Codec, picture: av.VideoFrame, pts: int) -> EncodedPacket | None:
    """What `context` makes of a picture: one packet, since none of ours holds anything back."""
    picture.pts = pts
    picture.time_base = CLOCK
    packets = context.encode(picture)
    return EncodedPacket(bytes(packets[0]), pts, packets[0].is_keyframe, codec) if packets else None
