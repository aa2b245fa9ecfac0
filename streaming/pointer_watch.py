"""Where the pointer of whoever plays is, for those who only look: the picture itself shows no cursor."""

import xcffib

from streaming.errors import SeatFailed
from streaming.xconnection import XConnection


class PointerWatch:
    """Asks the connection that it was given. It decides nothing about who is told."""

    def __init__(self, display: XConnection) -> None:
        self._display = display
        self._place: tuple[int, int] | None = None

    def news(self) -> dict[str, object] | None:
        """A message with its place as fractions of the picture, when that has changed since the last one.
        Raises `SeatFailed` without X.
        """
        try:
            reply = self._display.core.QueryPointer(self._display.root).reply()
        except xcffib.XcffibException as error:
            raise SeatFailed("the X server is gone") from error
        place = (int(reply.root_x), int(reply.root_y))
        if place == self._place:
            return None
        self._place = place
        width, height = self._display.geometry
        return {"type": "pointer", "x": place[0] / max(1, width - 1), "y": place[1] / max(1, height - 1)}

    def forget(self) -> None:
        """Somebody new is to be told."""
        self._place = None
