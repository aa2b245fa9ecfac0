"""What the display tells beside its picture: the cursor's image, where the pointer is, what the game copies.

Gives new windows the focus too. It decides nothing about who is told. Nothing here wakes up while nothing happens, but
for the pointer while it is looked at, since X tells nobody of a pointer that a game has moved.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Protocol

from streaming.clipboard import Clipboard
from streaming.cursor import CursorImage, CursorWatch, show_arrow
from streaming.errors import SeatFailed
from streaming.focus import FocusKeeper
from streaming.pointer_watch import PointerWatch
from streaming.xconnection import XConnection

CURSOR_DELAY_S = 0.03
POINTER_EVERY_S = 0.05
CLIPBOARD_DELAY_S = 0.3


class SurroundingsListener(Protocol):
    """Told from the event loop's thread."""

    def cursor_changed(self, message: Mapping[str, object]) -> None: ...
    def pointer_moved(self, message: Mapping[str, object]) -> None: ...
    def text_copied(self, text: str) -> None:
        """What `ask_clipboard` asked for, or what a game has copied while `wants_copies`."""

    def wants_copies(self) -> bool: ...
    def display_failed(self, message: str) -> None: ...


class Surroundings:
    """Lives on one event loop. `display` is shared with whoever uses it in the same thread."""

    def __init__(self, display: XConnection, name: str, listener: SurroundingsListener) -> None:
        self._loop = asyncio.get_running_loop()
        self._display = display
        self._listener = listener
        self._focus = FocusKeeper(display)
        show_arrow(display)
        self._cursor = CursorWatch(display)
        self._cursor_image = CursorImage(visible=False)
        self._cursor_timer: asyncio.TimerHandle | None = None
        self._pointer = PointerWatch(display)
        self._pointer_timer: asyncio.TimerHandle | None = None
        self._clipboard = Clipboard(XConnection(name), self._clipboard_changed, listener.text_copied)
        self._clipboard_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._loop.add_reader(self._display.fileno(), self._read_display)
        self._loop.add_reader(self._clipboard.fileno(), self._read_clipboard)
        self._read_cursor()

    def close(self) -> None:
        self._loop.remove_reader(self._display.fileno())
        self._loop.remove_reader(self._clipboard.fileno())
        for timer in (self._cursor_timer, self._pointer_timer, self._clipboard_timer):
            if timer is not None:
                timer.cancel()
        self._clipboard.close()

    def cursor_message(self) -> Mapping[str, object]:
        return {"type": "cursor", **asdict(self._cursor_image)}

    def watch_pointer(self, is_watched: bool) -> None:
        """Whether somebody is told of the pointer, who may be new."""
        self._pointer.forget()
        if is_watched and self._pointer_timer is None:
            self._pointer_timer = self._loop.call_later(POINTER_EVERY_S, self._look_at_pointer)
        elif not is_watched and self._pointer_timer is not None:
            self._pointer_timer.cancel()
            self._pointer_timer = None

    def ask_clipboard(self) -> None:
        self._guarded(self._clipboard.ask)

    def offer_clipboard(self, text: str) -> None:
        """From now on this is what a game pastes."""
        self._guarded(lambda: self._clipboard.offer(text))

    def _read_display(self) -> None:
        self._guarded(self._take_events)

    def _take_events(self) -> None:
        for event in self._display.events():
            self._focus.take(event)
            if self._cursor.is_change(event) and self._cursor_timer is None:
                self._cursor_timer = self._loop.call_later(CURSOR_DELAY_S, self._cursor_changed)
        self._display.flush()

    def _read_cursor(self) -> None:
        self._cursor_image = self._cursor.image()
        self._read_display()  # events that came with the reply

    def _cursor_changed(self) -> None:
        self._cursor_timer = None
        self._read_cursor()
        self._listener.cursor_changed(self.cursor_message())

    def _look_at_pointer(self) -> None:
        self._pointer_timer = self._loop.call_later(POINTER_EVERY_S, self._look_at_pointer)
        self._guarded(self._tell_pointer)

    def _tell_pointer(self) -> None:
        if (message := self._pointer.news()) is not None:
            self._listener.pointer_moved(message)
        self._take_events()  # those that came with the reply

    def _read_clipboard(self) -> None:
        self._guarded(self._clipboard.read)

    def _clipboard_changed(self) -> None:
        """A game may copy as often as it likes; it is asked a few times a second."""
        if self._clipboard_timer is None:
            self._clipboard_timer = self._loop.call_later(CLIPBOARD_DELAY_S, self._ask_what_changed)

    def _ask_what_changed(self) -> None:
        self._clipboard_timer = None
        if self._listener.wants_copies():
            self.ask_clipboard()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Without its X server a seat cannot go on."""
        try:
            work()
        except SeatFailed as error:
            self._loop.remove_reader(self._display.fileno())
            self._loop.remove_reader(self._clipboard.fileno())
            self._listener.display_failed(error.message)
