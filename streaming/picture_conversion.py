"""The screen's pixels as a picture that encoders take: yuv420p, BT.601, limited range, made smaller where that is
wanted.

By libyuv where it is installed, straight out of the grabber's memory: 0.15 ms at 1280x720 against 1.8 with libswscale,
which is the fallback. BT.601 is what libyuv speaks, what VP8 means, and what H.264 can name.
"""

import ctypes
from collections.abc import Callable

import av
from av.video.plane import VideoPlane

from streaming.pixels import PIXEL_BYTES, Pixels

BILINEAR, BOX = 2, 3  # libyuv's FilterMode

PictureConverter = Callable[[], av.VideoFrame]


def converter(pixels: Pixels, width: int, height: int) -> PictureConverter:
    """What makes of `pixels` as they are at each call a picture of this size, no larger than they are. It is one and
    the same picture each time: use it before the next call.
    """
    library = _libyuv()
    return FastConverter(library, pixels, width, height) if library else PlainConverter(pixels, width, height)


class FastConverter:
    """By libyuv, which leaves the interpreter to other threads meanwhile."""

    def __init__(self, library: ctypes.CDLL, pixels: Pixels, width: int, height: int) -> None:
        self._library = library
        self._picture = av.VideoFrame(width, height, "yuv420p")
        needs_scaling = (pixels.width & ~1, pixels.height & ~1) != (width, height)
        # What the addresses below point into:
        self._whole = (ctypes.c_char * len(pixels.memory)).from_buffer(pixels.memory)
        self._small = (ctypes.c_char * (width * height * PIXEL_BYTES if needs_scaling else 1))()
        whole = (ctypes.byref(self._whole), pixels.line_bytes)
        small = (ctypes.byref(self._small), width * PIXEL_BYTES)
        planes = [argument for plane in self._picture.planes for argument in (_address(plane), plane.line_size)]
        box = BOX if pixels.height >= 2 * height else BILINEAR
        scaling = (*whole, pixels.width, pixels.height, *small, width, height, box)
        self._scaling = scaling if needs_scaling else None
        self._converting = (*(small if needs_scaling else whole), *planes, width, height)

    def __call__(self) -> av.VideoFrame:
        if self._scaling is not None:
            self._library.ARGBScale(*self._scaling)
        self._library.ARGBToI420(*self._converting)
        return self._picture


class PlainConverter:
    """By libswscale."""

    def __init__(self, pixels: Pixels, width: int, height: int) -> None:
        self._pixels = pixels
        self._source = av.VideoFrame(pixels.width, pixels.height, "bgra")
        self._gap = bytes(self._source.planes[0].line_size - pixels.line_bytes)
        self._width, self._height = width, height
        needs_scaling = (pixels.width & ~1, pixels.height & ~1) != (width, height)
        self._interpolation = "BILINEAR" if needs_scaling else "POINT"

    def __call__(self) -> av.VideoFrame:
        memory, line = self._pixels.memory, self._pixels.line_bytes
        rows = (memory[start : start + line] for start in range(0, len(memory), line))
        self._source.planes[0].update(b"".join(part for row in rows for part in (row, self._gap)))
        return self._source.reformat(
            width=self._width,
            height=self._height,
            format="yuv420p",
            dst_colorspace="ITU601",
            dst_color_range="MPEG",
            interpolation=self._interpolation,
            threads=1,
        )


def _address(plane: VideoPlane) -> ctypes.c_void_p:
    return ctypes.c_void_p(plane.buffer_ptr)


def _libyuv() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libyuv.so.0")
    except OSError:
        return None
