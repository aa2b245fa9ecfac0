"""A person in front of a display: their mouse, their keyboard and their clipboard, as X has them."""

import asyncio

import pytest
import xcffib.xproto
import xcffib.xtest

from streaming.clipboard import Clipboard
from streaming.keymap import KEYCODES
from streaming.xconnection import XConnection
from tests.integration.streaming.seat_support import until

KEY_DOWN, KEY_UP, BUTTON_DOWN, BUTTON_UP, MOTION = 2, 3, 4, 5, 6
A_MOMENT_S = 0.05


class Person:
    def __init__(self, display: XConnection) -> None:
        self._display = display
        self._hands = display.extension(xcffib.xtest.key)

    def look_at_the_window(self) -> None:
        """What a window manager does: the one window that can be seen has the keyboard."""
        viewable = xcffib.xproto.MapState.Viewable
        core = self._display.core
        [window] = [
            child
            for child in core.QueryTree(self._display.root).reply().children
            if core.GetWindowAttributes(child).reply().map_state == viewable
        ]
        core.SetInputFocus(xcffib.xproto.InputFocus.PointerRoot, window, 0)
        core.GetInputFocus().reply()

    def move_to(self, x: int, y: int) -> None:
        self._fake(MOTION, 0, x, y)

    def push(self, dx: int, dy: int) -> None:
        """The mouse, by so much from where it is."""
        self._fake(MOTION, 1, dx, dy)

    async def click(self, x: int, y: int) -> None:
        self.move_to(x, y)
        await asyncio.sleep(A_MOMENT_S)
        self._fake(BUTTON_DOWN, 1)
        await asyncio.sleep(A_MOMENT_S)
        self._fake(BUTTON_UP, 1)

    async def press(self, *codes: str) -> None:
        """Keys by their place, together."""
        for code in codes:
            self._fake(KEY_DOWN, KEYCODES[code])
        await asyncio.sleep(A_MOMENT_S)
        for code in reversed(codes):
            self._fake(KEY_UP, KEYCODES[code])

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        self._hands.FakeInput(kind, detail, 0, self._display.root, x, y, 0)
        self._display.core.GetInputFocus().reply()


class Texts:
    """A program's clipboard on a display: what it reads there, and what it has to offer, which others may read."""

    def __init__(self, display: XConnection) -> None:
        self._read: list[str] = []
        self._clipboard = Clipboard(display, lambda: None, self._read.append)
        asyncio.get_running_loop().add_reader(display.fileno(), self._clipboard.read)

    def offer(self, text: str) -> None:
        self._clipboard.offer(text)

    async def until_it_is(self, text: str) -> None:
        """Returns when this is what a program would paste."""

        async def is_read() -> bool:
            self._clipboard.ask()
            return self._read[-1:] == [text]

        await until(is_read, f"{text!r} can be pasted")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._clipboard.fileno())
        self._clipboard.close()


def connection_to(display: str, xauthority: str) -> XConnection:
    """Who takes it closes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XAUTHORITY", xauthority)
        return XConnection(display)
