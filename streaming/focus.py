"""Keyboard focus for a display without a window manager: the newest window that a game shows gets it.

Some games pause, or take no text, without focus. This gives focus and never moves or resizes anything.
"""

import xcffib.xproto

from streaming.xconnection import XConnection

REVERT_TO_POINTER_ROOT = 1
VIEWABLE = 2


class FocusKeeper:
    """Works on the connection that it was given, from that connection's events."""

    def __init__(self, display: XConnection) -> None:
        self._core = display.core
        mask = xcffib.xproto.EventMask.SubstructureNotify
        self._core.ChangeWindowAttributes(display.root, xcffib.xproto.CW.EventMask, [mask])
        for window in list(self._core.QueryTree(display.root).reply().children):
            try:
                attributes = self._core.GetWindowAttributes(window).reply()
            except xcffib.ProtocolException:
                continue  # it was closed in the meantime
            if attributes.map_state == VIEWABLE and not attributes.override_redirect:
                self._focus(window)
        display.flush()

    def take(self, event: object) -> None:
        """Looks at one event; anything but a new window is none of its business."""
        if isinstance(event, xcffib.xproto.MapNotifyEvent) and not event.override_redirect:
            self._focus(event.window)

    def _focus(self, window: int) -> None:
        self._core.SetInputFocus(REVERT_TO_POINTER_ROOT, window, 0)
