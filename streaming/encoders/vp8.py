"""VP8 by libvpx, for browsers without H.264: realtime, nothing held back, a keyframe only when asked for or when the
rate has changed by much.
"""

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from streaming.encoders.port import CLOCK, encoded
from streaming.packets import Codec, EncodedPacket

BUFFER_S = 0.3
RATE_TOLERANCE = 0.2
OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "-12",
    "lag-in-frames": "0",
    "error-resilient": "default",
    "static-thresh": "1",
    "undershoot-pct": "100",
    "overshoot-pct": "15",
    "max-intra-rate": "250",
    "g": str(2**30),
}


class Vp8Encoder:
    """An `Encoder`. FFmpeg cannot change the rate of an open libvpx, so that a change by more than `RATE_TOLERANCE`
    opens it anew, at the price of a keyframe; a smaller one is left alone.
    """

    codec = Codec.VP8

    def __init__(self, width: int, height: int, bitrate_bps: int, fps: float) -> None:
        self._width, self._height = width, height
        self._bitrate_bps, self._fps = bitrate_bps, fps
        self._context = self._open()

    def aim(self, bitrate_bps: int, fps: float) -> None:
        if abs(bitrate_bps - self._bitrate_bps) > RATE_TOLERANCE * self._bitrate_bps:
            self._bitrate_bps, self._fps = bitrate_bps, fps
            self._context = self._open()

    def encode(self, picture: av.VideoFrame, pts: int, keyframe: bool) -> EncodedPacket | None:
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        return encoded(self._context, self.codec, picture, pts)

    def _open(self) -> VideoCodecContext:
        context = av.CodecContext.create("libvpx", "w")
        context.width, context.height = self._width, self._height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(round(self._fps), 1)
        context.time_base = CLOCK
        context.bit_rate = self._bitrate_bps
        context.qmin, context.qmax = 4, 63
        context.thread_count = 1
        rate, buffer = str(self._bitrate_bps), str(int(self._bitrate_bps * BUFFER_S))
        context.options = OPTIONS | {"minrate": rate, "maxrate": rate, "bufsize": buffer}
        context.open()
        return context
