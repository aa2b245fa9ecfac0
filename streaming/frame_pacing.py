"""When the next frame is due. Pure: `now` is seconds on any monotonic clock.

A frame is due when the picture has changed, no more often than the target rate; then a few more, slowly, in which the
encoder sharpens what now stands still (at the full rate the next change would find the encoder busy half of the time);
then one now and then, which repairs whatever was lost. A change never waits for such a filler, nor should it find the
encoder busy with one: fillers wait while a press is about to change the picture, and end when there is nothing to
sharpen. In a steady motion, and only there, each change may be held back by a constant time (see `steady_phase`).
"""

REPAIR_INTERVAL_S = 2.4  # Chromium asks for a keyframe after 3 s without a frame, which costs more than this
SETTLING_FRAMES = 5
SETTLING_INTERVAL_S = 0.1
SETTLING_DELAY_FRAMES = 3  # a picture that changes more often than every third frame has not come to rest
SHARP_FILLERS = 2  # in a row that told nothing new: x264 lowers its quantiser from one to the next
ANSWER_S = 0.1  # within which a game mostly answers a press
STEADY_FRAMES = 30  # in a row make a motion steady
STEADY_GAP_FRAMES = 1.5


class FramePacer:
    """The caller tells of damage and captures; `due_at` says when to capture next."""

    def __init__(self, fps: float = 60.0) -> None:
        self._interval_s = 1.0 / fps
        self._is_forced = False
        self._damaged_at: float | None = None
        self._change_allowed_at = float("-inf")
        self._hold_s = 0.0
        self._captured_at = float("-inf")
        self._frames_in_a_row = 0
        self._settling_left = 0
        self._filler_at = float("inf")
        self._was_filler = False
        self._idle_fillers = 0
        self._pressed_at = float("-inf")

    def aim(self, fps: float) -> None:
        """From the next frame on, at most so many a second."""
        self._interval_s = 1.0 / fps

    def hold_steady(self, hold_s: float) -> None:
        """From the next change on, a steady motion is captured so much later."""
        self._hold_s = hold_s

    def damaged(self, now: float) -> None:
        """The picture has changed."""
        if self._damaged_at is None:
            self._damaged_at = now

    def pressed(self, at: float) -> None:
        """The player pressed something then: a change may be on its way."""
        self._pressed_at = at

    def told_nothing(self, now: float) -> None:
        """What was captured last is what was there already, as far as the encoder could tell."""
        self._idle_fillers = self._idle_fillers + 1 if self._was_filler else 0
        if self._idle_fillers >= SHARP_FILLERS:
            self._settling_left = 0
            self._filler_at = now + REPAIR_INTERVAL_S

    def force(self) -> None:
        """A frame is wanted at once, whatever the picture does: somebody needs a keyframe."""
        self._is_forced = True

    def due_at(self, now: float) -> float:
        """When to capture next, at the earliest; in the past or `now` means at once. However long somebody goes on
        pressing, a filler waits for no more than twice `ANSWER_S`.
        """
        if self._is_forced:
            return now
        if self._damaged_at is None:
            answer_by = min(self._pressed_at, self._filler_at + ANSWER_S) + ANSWER_S
            return max(self._filler_at, answer_by)
        is_steady = self._frames_in_a_row >= STEADY_FRAMES and self._follows(self._damaged_at)
        return max(self._change_allowed_at, self._damaged_at + (self._hold_s if is_steady else 0.0))

    def captured(self, now: float) -> None:
        """A frame was taken. Half a frame of lateness is credited to the next, so an unsteady source keeps its rate."""
        self._was_filler = self._damaged_at is None and not self._is_forced
        if not self._was_filler:
            self._idle_fillers = 0
            self._frames_in_a_row = self._frames_in_a_row + 1 if self._follows(now) else 0
            self._captured_at = now
            self._change_allowed_at = max(self._change_allowed_at, now - self._interval_s / 2) + self._interval_s
            self._settling_left = SETTLING_FRAMES
            self._filler_at = now + SETTLING_DELAY_FRAMES * self._interval_s
        else:
            self._settling_left = max(0, self._settling_left - 1)
            self._filler_at = now + (SETTLING_INTERVAL_S if self._settling_left else REPAIR_INTERVAL_S)
        self._damaged_at, self._is_forced = None, False

    def _follows(self, moment: float) -> bool:
        return moment - self._captured_at <= STEADY_GAP_FRAMES * self._interval_s
