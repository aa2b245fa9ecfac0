"""One connection to the seat's X server, with the few typed calls that capture, input and cursor share.

Each user has a connection of its own, used by one thread: replies then never mix, and no lock is needed.
"""

from typing import Any, NamedTuple

import xcffib
import xcffib.damage
import xcffib.shm
import xcffib.xfixes
import xcffib.xkb
import xcffib.xtest

from streaming.errors import SeatFailed
from streaming.pixels import PIXEL_BYTES

# Known before connecting.
EXTENSIONS = (xcffib.damage.key, xcffib.shm.key, xcffib.xfixes.key, xcffib.xkb.key, xcffib.xtest.key)
ZPIXMAP = 2
ALL_PLANES = 0xFFFFFFFF
REPLY_HEADER_BYTES = 32


class Geometry(NamedTuple):
    width: int
    height: int


class XConnection:
    """`display` is a name such as `:7`; the cookie comes from the file that `XAUTHORITY` names."""

    def __init__(self, display: str) -> None:
        try:
            self.connection = xcffib.Connection(display=display)
        except xcffib.XcffibException as error:
            raise SeatFailed(f"the X server refused a connection: {type(error).__name__}") from error
        self.core: Any = self.connection.core
        setup: Any = self.connection.setup
        screen = setup.roots[self.connection.pref_screen]
        self.root: int = screen.root
        self.depth: int = screen.root_depth
        self.geometry = Geometry(screen.width_in_pixels, screen.height_in_pixels)

    def fileno(self) -> int:
        return int(self.connection.get_file_descriptor())

    def extension(self, key: xcffib.ExtensionKey) -> Any:
        """The extension's requests on this connection; xcffib makes them at run time, so they have no static type."""
        return self.connection(key)

    def new_identity(self) -> int:
        return int(self.connection.generate_id())

    def events(self) -> list[object]:
        """All that has arrived. Errors of unchecked requests are dropped: they are races with a game's windows."""
        found: list[object] = []
        while True:
            try:
                event = self.connection.poll_for_event()
            except xcffib.ProtocolException:
                continue
            except xcffib.XcffibException as error:
                raise SeatFailed("the X server is gone") from error
            if event is None:
                return found
            found.append(event)

    def flush(self) -> None:
        try:
            self.connection.flush()
        except xcffib.XcffibException as error:
            raise SeatFailed("the X server is gone") from error

    def close(self) -> None:
        self.connection.disconnect()

    def picture(self) -> bytes:
        """The whole screen as rows of B, G, R, unused. The binding would make a number of each byte, for a tenth of a
        second.
        """
        width, height = self.geometry
        asked = self.core.GetImage(ZPIXMAP, self.root, 0, 0, width, height, ALL_PLANES)
        try:
            reply: Any = self.connection.wait_for_reply(asked.sequence)
        except xcffib.XcffibException as error:
            raise SeatFailed("the X server is gone") from error
        pixels: bytes = reply.unpack(f"={REPLY_HEADER_BYTES}x{width * height * PIXEL_BYTES}s")[0]
        return pixels
