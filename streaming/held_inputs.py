"""Which keys and buttons are down, and when they must be let go. Pure: `now` is seconds on any monotonic clock.

A key that stays down after its player has gone is the worst fault of a remote seat, so what is held lives only as long
as the page keeps saying so.
"""

from dataclasses import dataclass
from typing import TypeVar

SILENCE_S = 2.0

T = TypeVar("T", str, int)


@dataclass(frozen=True, slots=True)
class Releases:
    """What has to be released now, in a stable order."""

    codes: tuple[str, ...] = ()
    buttons: tuple[int, ...] = ()


class HeldInputs:
    """`codes` and `buttons` are what the seat has pressed. Each method says what to do; the caller does it."""

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._buttons: set[int] = set()
        self._heard_at = float("-inf")

    @property
    def is_empty(self) -> bool:
        return not self._codes and not self._buttons

    def key(self, code: str, down: bool, now: float) -> bool:
        """True when this changes the key: a second press without a release is no press."""
        self._heard_at = now
        return _change(self._codes, code, down)

    def button(self, button: int, down: bool, now: float) -> bool:
        """True when this changes the button."""
        self._heard_at = now
        return _change(self._buttons, button, down)

    def heartbeat(self, codes: frozenset[str], buttons: frozenset[int], now: float) -> Releases:
        """The page holds exactly this: what else is down is let go. Nothing is ever pressed by a heartbeat."""
        self._heard_at = now
        return self._release(self._codes - codes, self._buttons - buttons)

    def expire(self, now: float) -> Releases:
        """Everything, when something is held and the page has been silent for `SILENCE_S`."""
        if self.is_empty or now - self._heard_at < SILENCE_S:
            return Releases()
        return self.release_all()

    def release_all(self) -> Releases:
        return self._release(set(self._codes), set(self._buttons))

    def _release(self, codes: set[str], buttons: set[int]) -> Releases:
        self._codes -= codes
        self._buttons -= buttons
        return Releases(tuple(sorted(codes)), tuple(sorted(buttons)))


def _change(held: set[T], item: T, down: bool) -> bool:
    if (item in held) == down:
        return False
    if down:
        held.add(item)
    else:
        held.discard(item)
    return True
