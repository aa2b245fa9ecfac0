"""The game's cursor, out of band: an image that the browser draws, so that it moves without waiting for video."""

import base64
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xcffib
import xcffib.xfixes

from streaming.png import encode_png
from streaming.xconnection import XConnection

LARGEST_PIXELS = 128


@dataclass(frozen=True, slots=True)
class CursorImage:
    """What the page shows instead of its own cursor. An invisible one has no picture."""

    visible: bool
    png: str = ""
    hot_x: int = 0
    hot_y: int = 0
    width: int = 0
    height: int = 0


def straight_rgba(argb: npt.NDArray[np.uint32], width: int, height: int) -> npt.NDArray[np.uint8]:
    """X's premultiplied ARGB words as the RGBA bytes of a PNG, whose colours are not premultiplied."""
    premultiplied = argb.astype("<u4").view(np.uint8).reshape(height, width, 4)[..., [2, 1, 0, 3]].astype(np.uint16)
    alpha = premultiplied[..., 3:]
    colours = np.minimum(255, premultiplied[..., :3] * 255 // np.maximum(alpha, 1))
    return np.concatenate([colours, alpha], axis=2).astype(np.uint8)


class CursorWatch:
    """Tells changes of the cursor on the connection that it was given, and reads the image."""

    def __init__(self, display: XConnection) -> None:
        self._extension = display.extension(xcffib.xfixes.key)
        self._extension.QueryVersion(2, 0).reply()
        self._extension.SelectCursorInput(display.root, xcffib.xfixes.CursorNotifyMask.DisplayCursor)
        display.flush()

    @staticmethod
    def is_change(event: object) -> bool:
        return isinstance(event, xcffib.xfixes.CursorNotifyEvent)

    def image(self) -> CursorImage:
        """The cursor now; invisible when there is none, when it is fully transparent or larger than a browser takes."""
        try:
            reply = self._extension.GetCursorImage().reply()
        except xcffib.ProtocolException:
            return CursorImage(visible=False)
        width, height = int(reply.width), int(reply.height)
        argb = np.array(list(reply.cursor_image), dtype=np.uint32)
        if max(width, height) > LARGEST_PIXELS or argb.size != width * height or not np.any(argb >> 24):
            return CursorImage(visible=False)
        picture = encode_png(straight_rgba(argb, width, height))
        return CursorImage(
            visible=True,
            png=base64.b64encode(picture).decode(),
            hot_x=int(reply.xhot),
            hot_y=int(reply.yhot),
            width=width,
            height=height,
        )
