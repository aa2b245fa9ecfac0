"""The picture on the display as a small JPEG, without holding up the picture's thread: the X server writes into shared
memory, and the media libraries release the interpreter while they scale and compress.
"""

import base64
import threading
from fractions import Fraction

import av

from streaming.frame_grabber import FrameGrabber, best_grabber
from streaming.picture_conversion import converter
from streaming.protocol import Thumbnail
from streaming.xconnection import XConnection

MOST_WIDTH = 384
_QUALITY = 6  # of 2 (best) to 31
_LAMBDA = 118  # FFmpeg's FF_QP2LAMBDA


class Thumbnails:
    """Of one display, over a connection of its own that is made with the first. Any thread may ask."""

    def __init__(self, display: str) -> None:
        self._display = display
        self._turn = threading.Lock()
        self._connection: XConnection | None = None
        self._grabber: FrameGrabber | None = None

    def take(self) -> Thumbnail:
        """At most `MOST_WIDTH` wide, in the display's proportions. Blocks; raises `SeatFailed` without X."""
        with self._turn:
            if self._grabber is None:
                self._connection = XConnection(self._display)
                self._grabber = best_grabber(self._connection)
            self._grabber.grab()
            pixels = self._grabber.pixels
            width, height = pixels.width, pixels.height
            small_width = min(MOST_WIDTH, width) // 2 * 2
            small_height = max(2, round(height * small_width / width / 2) * 2)
            picture = converter(pixels, small_width, small_height)().reformat(
                format="yuvj420p", src_color_range="MPEG", dst_color_range="JPEG", threads=1
            )
        jpeg = base64.b64encode(_jpeg(picture)).decode()
        return Thumbnail(width=small_width, height=small_height, jpeg_base64=jpeg)

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()


def _jpeg(picture: av.VideoFrame) -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.thread_count = 1
    context.options = {"global_quality": str(_QUALITY * _LAMBDA), "flags": "qscale"}
    picture.pts = 0
    return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))
