"""H.264: x264 at its fastest, or the encoder of a graphics card, nothing held back, a bounded frame size, a keyframe
only when asked for.

The stream is Annex B with constrained-baseline slices; parameter sets travel with every keyframe. The hardware encoders
follow FFmpeg's documentation of them and were not verified on hardware here.
"""

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from streaming.encoders.live_options import set_option
from streaming.encoders.port import BT601, BT709, CLOCK, LIMITED_RANGE, buffer_frames, encoded
from streaming.packets import Codec, EncodedPacket

LARGE_PICTURE_PIXELS = 1920 * 1080
NOMINAL_FPS = 60
ENDLESS_FRAMES = 2**30


class H264Kind(StrEnum):
    """FFmpeg's names."""

    X264 = "libx264"
    NVENC = "h264_nvenc"
    QUICK_SYNC = "h264_qsv"


OPTIONS: Mapping[H264Kind, Mapping[str, str]] = {
    H264Kind.X264: {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:sliced-threads=1",
    },
    H264Kind.NVENC: {
        "preset": "p1",
        "tune": "ull",
        "profile": "baseline",
        "rc": "cbr",
        "zerolatency": "1",
        "delay": "0",
        "forced-idr": "1",
        "g": str(ENDLESS_FRAMES),
    },
    H264Kind.QUICK_SYNC: {
        "preset": "veryfast",
        "profile": "baseline",
        "async_depth": "1",
        "low_power": "1",
        "forced_idr": "1",
        "scenario": "remotegaming",
        "g": str(ENDLESS_FRAMES),
    },
}
PIXEL_FORMATS = {H264Kind.QUICK_SYNC: "nv12"}


class H264Encoder:
    """An `Encoder`. It reckons with `NOMINAL_FPS` whatever the pictures' times say, since its kinds bound a frame by
    the rate that they were opened with; at another rate a picture's share of the bits is another.
    """

    codec = Codec.H264

    def __init__(self, width: int, height: int, bitrate_bps: int, fps: float, kind: H264Kind = H264Kind.X264) -> None:
        """Raises `FFmpegError` where this kind does not open."""
        self._format = PIXEL_FORMATS.get(kind, "yuv420p")
        context = av.CodecContext.create(kind.value, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = width, height
        context.pix_fmt = self._format
        context.framerate = Fraction(NOMINAL_FPS, 1)
        context.time_base = CLOCK
        context.color_range = LIMITED_RANGE
        context.colorspace = BT601
        context.color_primaries = context.color_trc = BT709
        context.thread_count = 2 if width * height >= LARGE_PICTURE_PIXELS else 1
        context.options = dict(OPTIONS[kind])
        self._context = context
        self.aim(bitrate_bps, fps)
        context.open()

    def aim(self, bitrate_bps: int, fps: float) -> None:
        nominal_bps = int(bitrate_bps * NOMINAL_FPS / fps)
        self._context.bit_rate = nominal_bps
        set_option(self._context, "maxrate", nominal_bps)
        set_option(self._context, "bufsize", int(bitrate_bps / fps * buffer_frames(fps)))

    def encode(self, picture: av.VideoFrame, pts: int, keyframe: bool) -> EncodedPacket | None:
        taken = picture if picture.format.name == self._format else picture.reformat(format=self._format, threads=1)
        taken.pict_type = PictureType.I if keyframe else PictureType.NONE
        return encoded(self._context, self.codec, taken, pts)
