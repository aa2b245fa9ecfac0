"""Pictures to H.264: x264 at its fastest, nothing held back, a bounded frame size, a keyframe only when asked for.

The stream is Annex B with constrained-baseline slices; parameter sets travel with every keyframe.
"""

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from streaming.frame_grabber import Pixels
from streaming.packets import EncodedPacket

CLOCK_HZ = 90_000
CLOCK = Fraction(1, CLOCK_HZ)
BUFFER_FRAMES = 2.5
LARGE_PICTURE_PIXELS = 1920 * 1080
BT709 = 1
LIMITED_RANGE = 1


class H264Encoder:
    """Encodes the buffer that it was made with, in place: `pixels` is B, G, R, unused, and may change between calls.

    One thread uses it. `bitrate_bps` may change at any time and holds within a few frames, since the VBV bounds every
    one (without it x264 ignores the target for as long as the picture stands still).
    """

    def __init__(self, pixels: Pixels, fps: int, bitrate_bps: int) -> None:
        height, width = pixels.shape[:2]
        self._width, self._height = width & ~1, height & ~1
        self._source = av.VideoFrame.from_numpy_buffer(pixels, format="bgra")
        self._fps = fps
        self._bitrate_bps = bitrate_bps
        self._context = self._open()

    def set_bitrate(self, bitrate_bps: int) -> None:
        """At most the rate that the encoder was made with: the VBV's ceiling stays."""
        self._context.bit_rate = min(bitrate_bps, self._bitrate_bps)

    def encode(self, pts: int, keyframe: bool) -> EncodedPacket | None:
        """The buffer's picture at `pts` (90 kHz, growing) as one packet, an IDR if `keyframe`."""
        picture = self._source.reformat(
            width=self._width,
            height=self._height,
            format="yuv420p",
            dst_colorspace="ITU709",
            dst_color_range="MPEG",
            interpolation="POINT",
            threads=1,
        )
        picture.pts = pts
        picture.time_base = CLOCK
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = self._context.encode(picture)
        return EncodedPacket(bytes(packets[0]), pts, packets[0].is_keyframe) if packets else None

    def _open(self) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height = self._width, self._height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(self._fps, 1)
        context.time_base = CLOCK
        context.bit_rate = self._bitrate_bps
        context.color_range = LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.thread_count = 2 if self._width * self._height >= LARGE_PICTURE_PIXELS else 1
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "maxrate": str(self._bitrate_bps),
            "bufsize": str(int(self._bitrate_bps / self._fps * BUFFER_FRAMES)),
            "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:sliced-threads=1",
        }
        context.open()
        return context
