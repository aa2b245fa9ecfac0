"""A wheel's movement to notches, exactly: what does not fill a notch is kept for the next movement. Pure."""

NOTCH_PIXELS = 100.0
NOTCHES_AT_ONCE = 20


class WheelSteps:
    """One axis. A page says 100 CSS pixels for a notch of a wheel that has notches."""

    def __init__(self) -> None:
        self._pixels = 0.0

    def turn(self, pixels: float) -> int:
        """The notches that this movement completes, signed. Turning back forgets what was not full."""
        if pixels * self._pixels < 0:
            self._pixels = 0.0
        self._pixels += pixels
        notches = int(self._pixels / NOTCH_PIXELS)
        self._pixels -= notches * NOTCH_PIXELS
        return max(-NOTCHES_AT_ONCE, min(NOTCHES_AT_ONCE, notches))
