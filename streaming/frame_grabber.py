"""The screen's pixels, into one buffer that stays where it is: by MIT-SHM, or by GetImage where the server refuses it.

Neither picture contains the cursor: Xvfb takes its software cursor out of what clients read.
"""

import ctypes
import ctypes.util
from typing import Protocol

import xcffib
import xcffib.shm

from streaming.errors import SeatFailed
from streaming.pixels import PIXEL_BYTES, Pixels
from streaming.xconnection import ALL_PLANES, ZPIXMAP, XConnection

IPC_PRIVATE = 0
IPC_CREAT = 0o1000
IPC_RMID = 0


class FrameGrabber(Protocol):
    """`pixels` are overwritten by each `grab`."""

    pixels: Pixels

    def grab(self) -> None: ...


class SharedMemoryGrabber:
    """The X server writes into our memory: 0.1 ms at 1280x720. Raises OSError or XcffibException where it cannot."""

    def __init__(self, display: XConnection) -> None:
        self._display = display
        width, height = display.geometry
        size = width * height * PIXEL_BYTES
        libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
        identity = int(libc.shmget(IPC_PRIVATE, ctypes.c_size_t(size), IPC_CREAT | 0o600))
        if identity < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        try:
            address = libc.shmat(identity, None, 0)
            if address in (None, ctypes.c_void_p(-1).value):
                raise OSError(ctypes.get_errno(), "shmat")
            self._extension = display.extension(xcffib.shm.key)
            self._segment = display.new_identity()
            self._extension.AttachChecked(self._segment, identity, False).check()
        finally:
            libc.shmctl(identity, IPC_RMID, None)  # lives on until both sides have let go
        memory = memoryview((ctypes.c_uint8 * size).from_address(address)).cast("B")
        self.pixels = Pixels(memory, width, height)

    def grab(self) -> None:
        width, height = self._display.geometry
        try:
            self._extension.GetImage(
                self._display.root, 0, 0, width, height, ALL_PLANES, ZPIXMAP, self._segment, 0
            ).reply()
        except xcffib.XcffibException as error:
            raise SeatFailed("the X server is gone") from error


class PlainGrabber:
    """Through the socket: about 1 ms at 1280x720, works in any namespace."""

    def __init__(self, display: XConnection) -> None:
        self._display = display
        width, height = display.geometry
        self.pixels = Pixels(memoryview(bytearray(width * height * PIXEL_BYTES)), width, height)

    def grab(self) -> None:
        self.pixels.memory[:] = self._display.picture()


def best_grabber(display: XConnection) -> FrameGrabber:
    try:
        return SharedMemoryGrabber(display)
    except (OSError, xcffib.XcffibException):
        return PlainGrabber(display)
