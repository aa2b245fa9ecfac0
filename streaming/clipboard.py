"""The game's clipboard: text that the player pastes is owned here, text that the game copies is read, bounded.

It decides nothing about who may paste, and no text is ever logged. ICCCM section 2 is the protocol:
https://www.x.org/releases/X11R7.7/doc/xorg-docs/icccm/icccm.html#Peer_to_Peer_Communication_by_Means_of_Selections.
"""

import struct
from collections.abc import Callable

import xcffib
import xcffib.xfixes
import xcffib.xproto

from streaming.clipboard_text import LIMIT_BYTES, clean_text
from streaming.xconnection import XConnection

NOW = 0
NO_OWNER = 0
PROPERTY_BITS, PROPERTY_ATOMS = 8, 32
SELECTION_EVENT = struct.Struct("=BxHIIIII8x")
SELECTION_NOTIFY = 31
WORDS = 4


class Clipboard:
    """Works on a connection of its own, in one thread. `on_change()` tells that the game has something new;
    `on_text(text)` answers `ask`, with "" when there is no text.
    """

    def __init__(self, display: XConnection, on_change: Callable[[], None], on_text: Callable[[str], None]) -> None:
        self._display = display
        self._core = display.core
        self._on_change = on_change
        self._on_text = on_text
        self._text = b""
        self._incoming: bytearray | None = None
        names = ["CLIPBOARD", "TARGETS", "UTF8_STRING", "text/plain;charset=utf-8", "INCR", "PLAYHOUSE_CLIPBOARD"]
        asked = [self._core.InternAtom(False, len(name), name) for name in names]
        self._clipboard, self._targets, self._utf8, self._plain, self._incr, self._property = (
            int(cookie.reply().atom) for cookie in asked
        )
        self._window = display.new_identity()
        mask = xcffib.xproto.EventMask.PropertyChange
        size = (0, 0, 1, 1, 0)
        only_input = xcffib.xproto.WindowClass.InputOnly
        self._core.CreateWindow(0, self._window, display.root, *size, only_input, 0, xcffib.xproto.CW.EventMask, [mask])
        fixes = display.extension(xcffib.xfixes.key)
        fixes.QueryVersion(2, 0).reply()
        masks = xcffib.xfixes.SelectionEventMask
        wanted = masks.SetSelectionOwner | masks.SelectionWindowDestroy | masks.SelectionClientClose
        fixes.SelectSelectionInput(self._window, self._clipboard, wanted)
        display.flush()

    def fileno(self) -> int:
        return self._display.fileno()

    def offer(self, text: str) -> None:
        """From now on this is what a game pastes."""
        self._text = text.encode()
        self._core.SetSelectionOwner(self._window, self._clipboard, NOW)
        self._display.flush()

    def ask(self) -> None:
        """`on_text` follows once the game has answered; a game that never does is not waited for."""
        owner = self._core.GetSelectionOwner(self._clipboard).reply().owner
        if owner == self._window:
            self._on_text(clean_text(self._text))
        elif owner == NO_OWNER:
            self._on_text("")
        else:
            self._incoming = None
            self._core.ConvertSelection(self._window, self._clipboard, self._utf8, self._property, NOW)
        self.read()

    def read(self) -> None:
        """Handles all that has arrived; to be called when the connection is readable. Raises `SeatFailed` without X."""
        for event in self._display.events():
            match event:
                case xcffib.xfixes.SelectionNotifyEvent():
                    if event.owner not in (self._window, NO_OWNER):
                        self._on_change()
                case xcffib.xproto.SelectionRequestEvent():
                    self._serve(event)
                case xcffib.xproto.SelectionNotifyEvent():
                    self._answered(event.property)
                case xcffib.xproto.PropertyNotifyEvent():
                    self._more(event)
                case _:
                    pass
        self._display.flush()

    def close(self) -> None:
        self._display.close()

    def _serve(self, request: xcffib.xproto.SelectionRequestEvent) -> None:
        """Writes what a game asked for onto its window and tells it; its window may be gone by then."""
        place = request.property or request.target
        replace = xcffib.xproto.PropMode.Replace
        if request.target == self._targets:
            atoms = struct.pack("=3I", self._targets, self._utf8, self._plain)
            arguments = (xcffib.xproto.Atom.ATOM, PROPERTY_ATOMS, len(atoms) // WORDS, atoms)
            self._core.ChangeProperty(replace, request.requestor, place, *arguments)
        elif request.target in (self._utf8, self._plain):
            arguments = (request.target, PROPERTY_BITS, len(self._text), self._text)
            self._core.ChangeProperty(replace, request.requestor, place, *arguments)
        else:
            place = 0
        notice = (SELECTION_NOTIFY, 0, request.time, request.requestor, request.selection, request.target, place)
        self._core.SendEvent(False, request.requestor, 0, SELECTION_EVENT.pack(*notice))

    def _answered(self, place: int) -> None:
        if not place:
            self._on_text("")
            return
        kind, data = self._take()
        if kind == self._incr:
            self._incoming = bytearray()
        else:
            self._on_text(clean_text(data))

    def _more(self, event: xcffib.xproto.PropertyNotifyEvent) -> None:
        """One more part of a long text, which comes in parts until an empty one; what is beyond the limit is let go."""
        is_new = event.atom == self._property and event.state == xcffib.xproto.Property.NewValue
        if self._incoming is None or not is_new:
            return
        _, data = self._take()
        self._incoming += data[: LIMIT_BYTES - len(self._incoming)]
        if not data:
            text, self._incoming = clean_text(bytes(self._incoming)), None
            self._on_text(text)

    def _take(self) -> tuple[int, bytes]:
        """Type and at most `LIMIT_BYTES` of the property, which is deleted."""
        try:
            reply = self._core.GetProperty(False, self._window, self._property, 0, 0, LIMIT_BYTES // WORDS).reply()
        except xcffib.ProtocolException:
            return 0, b""
        self._core.DeleteProperty(self._window, self._property)
        return int(reply.type), bytes(reply.value.buf()) if reply.format == PROPERTY_BITS else b""
