"""The game's cursor, out of band: an image that the browser draws, so that it moves without waiting for video."""

import base64
from dataclasses import dataclass

import xcffib
import xcffib.xfixes
import xcffib.xproto

from streaming.pixels import straight_rgba
from streaming.png import encode_png
from streaming.xconnection import XConnection

LARGEST_PIXELS = 128
ARROW = 68  # XC_left_ptr of the server's own cursor font; its mask is the next glyph
BLACK, WHITE = (0, 0, 0), (0xFFFF, 0xFFFF, 0xFFFF)


def show_arrow(display: XConnection) -> None:
    """From now on the pointer is an arrow wherever no game says otherwise; a server's own is a fat cross."""
    font, arrow = display.new_identity(), display.new_identity()
    name = b"cursor"
    display.core.OpenFont(font, len(name), name)
    display.core.CreateGlyphCursor(arrow, font, font, ARROW, ARROW + 1, *BLACK, *WHITE)
    display.core.ChangeWindowAttributes(display.root, xcffib.xproto.CW.Cursor, [arrow])


@dataclass(frozen=True, slots=True)
class CursorImage:
    """What the page shows instead of its own cursor. An invisible one has no picture."""

    visible: bool
    png: str = ""
    hot_x: int = 0
    hot_y: int = 0
    width: int = 0
    height: int = 0


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
        argb = [int(word) for word in reply.cursor_image]
        is_seen = len(argb) == width * height and any(word >> 24 for word in argb)
        if max(width, height) > LARGEST_PIXELS or not is_seen:
            return CursorImage(visible=False)
        picture = encode_png(straight_rgba(argb), width, height)
        return CursorImage(
            visible=True,
            png=base64.b64encode(picture).decode(),
            hot_x=int(reply.xhot),
            hot_y=int(reply.yhot),
            width=width,
            height=height,
        )
