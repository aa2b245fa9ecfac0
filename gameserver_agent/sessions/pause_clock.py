"""Is it time to pause a game? A pure function of who was there, and when."""

from dataclasses import dataclass

PAUSE_AFTER_S = 60.0


@dataclass(frozen=True)
class PauseClock:
    """Due once nobody has been there for `PAUSE_AFTER_S`."""

    alone_since_s: float | None = None

    def looked(self, *, is_somebody_there: bool, now_s: float) -> "PauseClock":
        if is_somebody_there:
            return PauseClock()
        return self if self.alone_since_s is not None else PauseClock(now_s)

    def is_due(self, now_s: float) -> bool:
        return self.alone_since_s is not None and now_s - self.alone_since_s >= PAUSE_AFTER_S
