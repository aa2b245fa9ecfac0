"""Is it time to take a checkpoint? A pure function of what was seen, and when."""

from dataclasses import dataclass, replace

QUIET_S = 0.5
LATEST_S = 3.0


@dataclass(frozen=True)
class CheckpointClock:
    """Due after `QUIET_S` without a change, at the latest `LATEST_S` after the first change since a checkpoint. One
    that failed is due again when its pause is over, whether or not anything changes.
    """

    signature: bytes
    first_change_s: float | None = None
    last_change_s: float | None = None
    again_at_s: float | None = None

    def looked(self, signature: bytes, now_s: float) -> "CheckpointClock":
        if signature == self.signature:
            return self
        first_s = now_s if self.first_change_s is None else self.first_change_s
        return replace(self, signature=signature, first_change_s=first_s, last_change_s=now_s)

    def is_due(self, now_s: float) -> bool:
        if self.again_at_s is not None:
            return now_s >= self.again_at_s
        if self.first_change_s is None or self.last_change_s is None:
            return False
        return now_s - self.last_change_s >= QUIET_S or now_s - self.first_change_s >= LATEST_S

    def taken(self) -> "CheckpointClock":
        return CheckpointClock(self.signature)

    def failed(self, again_at_s: float) -> "CheckpointClock":
        return replace(self, again_at_s=again_at_s)
