"""Which keys and buttons are down, and when they must be let go. Pure: `now` is seconds on any monotonic clock.

A key that stays down after its player has gone is the worst fault of a remote seat, so what is held lives only as long
as the page keeps saying so. The page's keys and the gamepads may hold the same key: it goes up with the last of them.
"""

from dataclasses import dataclass
from typing import TypeVar

SILENCE_S = 2.0

T = TypeVar("T", str, int)


@dataclass(frozen=True, slots=True)
class Changes:
    """What has to be released and pressed now, in this order; each in a stable one."""

    codes_up: tuple[str, ...] = ()
    buttons_up: tuple[int, ...] = ()
    codes_down: tuple[str, ...] = ()
    buttons_down: tuple[int, ...] = ()


class HeldInputs:
    """Each method says what to do to the display; the caller does it."""

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._buttons: set[int] = set()
        self._pad_codes: frozenset[str] = frozenset()
        self._pad_buttons: frozenset[int] = frozenset()
        self._heard_at = float("-inf")

    @property
    def codes(self) -> frozenset[str]:
        """The keys that are down on the display."""
        return self._pad_codes | self._codes

    @property
    def buttons(self) -> frozenset[int]:
        return self._pad_buttons | self._buttons

    def key(self, code: str, down: bool, now: float) -> Changes:
        """A second press without a release is no press."""
        self._heard_at = now
        codes, buttons = self.codes, self.buttons
        _set(self._codes, code, down)
        return self._since(codes, buttons)

    def button(self, button: int, down: bool, now: float) -> Changes:
        self._heard_at = now
        codes, buttons = self.codes, self.buttons
        _set(self._buttons, button, down)
        return self._since(codes, buttons)

    def heartbeat(self, codes: frozenset[str], buttons: frozenset[int], now: float) -> Changes:
        """The page holds exactly this: what else is down is let go. Nothing is ever pressed by a heartbeat."""
        self._heard_at = now
        before = self.codes, self.buttons
        self._codes &= codes
        self._buttons &= buttons
        return self._since(*before)

    def pads(self, codes: frozenset[str], buttons: frozenset[int]) -> Changes:
        """The gamepads hold exactly this."""
        before = self.codes, self.buttons
        self._pad_codes, self._pad_buttons = codes, buttons
        return self._since(*before)

    def expire(self, now: float) -> Changes:
        """Lets go of what the page holds when it has been silent for `SILENCE_S`. Pads have a silence of their own."""
        if now - self._heard_at < SILENCE_S:
            return Changes()
        before = self.codes, self.buttons
        self._codes.clear()
        self._buttons.clear()
        return self._since(*before)

    def release_all(self) -> Changes:
        before = self.codes, self.buttons
        self._codes.clear()
        self._buttons.clear()
        self._pad_codes, self._pad_buttons = frozenset(), frozenset()
        return self._since(*before)

    def _since(self, codes: frozenset[str], buttons: frozenset[int]) -> Changes:
        return Changes(
            codes_up=tuple(sorted(codes - self.codes)),
            buttons_up=tuple(sorted(buttons - self.buttons)),
            codes_down=tuple(sorted(self.codes - codes)),
            buttons_down=tuple(sorted(self.buttons - buttons)),
        )


def _set(held: set[T], item: T, down: bool) -> None:
    if down:
        held.add(item)
    else:
        held.discard(item)
