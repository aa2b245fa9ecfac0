"""Running totals of a mouse's motion to whole pixels of the game: what a lost message said, the next one says too.
Pure.
"""

UNITS_PER_PIXEL = 64
WRAP = 1 << 32


class MotionTotals:
    """The first totals of a connection say where counting begins. They wrap at 2^32, and are newest if their
    sequence is the highest.
    """

    def __init__(self) -> None:
        self._sequence = -1
        self._x = self._y = 0
        self._rest_x = self._rest_y = 0

    def begin(self) -> None:
        """A new connection."""
        self._sequence = -1
        self._x = self._y = self._rest_x = self._rest_y = 0

    def advance(self, sequence: int, x: int, y: int) -> tuple[int, int]:
        """The whole pixels since the newest totals so far; the fraction is kept. Older totals move nothing."""
        if sequence <= self._sequence:
            return 0, 0
        is_first, self._sequence = self._sequence < 0, sequence
        if is_first:
            self._x, self._y = x, y
        step_x, self._rest_x = _whole(_difference(x, self._x) + self._rest_x)
        step_y, self._rest_y = _whole(_difference(y, self._y) + self._rest_y)
        self._x, self._y = x, y
        return step_x, step_y


def _difference(new: int, old: int) -> int:
    return (new - old + WRAP // 2) % WRAP - WRAP // 2


def _whole(units: int) -> tuple[int, int]:
    pixels = int(units / UNITS_PER_PIXEL)
    return pixels, units - pixels * UNITS_PER_PIXEL
