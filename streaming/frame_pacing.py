"""When the next frame is due. Pure: `now` is seconds on any monotonic clock.

A frame is due when the picture has changed, no more often than the target rate; then a few more, slowly, in which the
encoder sharpens what now stands still (at the full rate the next change would find the encoder busy half of the time);
then one now and then, which repairs whatever was lost. A change never waits for such a filler.
"""

REPAIR_INTERVAL_S = 2.0  # Chromium asks for a keyframe after 3 s without a frame, which costs more than this
SETTLING_FRAMES = 5
SETTLING_INTERVAL_S = 0.1
SETTLING_DELAY_FRAMES = 3  # a picture that changes more often than every third frame has not come to rest


class FramePacer:
    """The caller tells of damage and captures; `due_at` says when to capture next."""

    def __init__(self, fps: float = 60.0) -> None:
        self._interval_s = 1.0 / fps
        self._is_forced = False
        self._is_damaged = False
        self._change_allowed_at = float("-inf")
        self._settling_left = 0
        self._filler_at = float("inf")

    def aim(self, fps: float) -> None:
        """From the next frame on, at most so many a second."""
        self._interval_s = 1.0 / fps

    def damaged(self) -> None:
        """The picture has changed."""
        self._is_damaged = True

    def force(self) -> None:
        """A frame is wanted at once, whatever the picture does: somebody needs a keyframe."""
        self._is_forced = True

    def due_at(self, now: float) -> float:
        """When to capture next, at the earliest; in the past or `now` means at once."""
        if self._is_forced:
            return now
        return self._change_allowed_at if self._is_damaged else self._filler_at

    def captured(self, now: float) -> None:
        """A frame was taken. Half a frame of lateness is credited to the next, so an unsteady source keeps its rate."""
        if self._is_damaged or self._is_forced:
            self._change_allowed_at = max(self._change_allowed_at, now - self._interval_s / 2) + self._interval_s
            self._settling_left = SETTLING_FRAMES
            self._filler_at = now + SETTLING_DELAY_FRAMES * self._interval_s
        else:
            self._settling_left = max(0, self._settling_left - 1)
            self._filler_at = now + (SETTLING_INTERVAL_S if self._settling_left else REPAIR_INTERVAL_S)
        self._is_damaged = self._is_forced = False
