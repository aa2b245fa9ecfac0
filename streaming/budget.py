"""How much somebody may say. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """`per_s` messages a second for as long as one likes, and `most` at once."""

    per_s: float
    most: float
    left: float
    at_s: float

    @classmethod
    def full(cls, per_s: float, most: float, now_s: float) -> "Budget":
        return cls(per_s, most, most, now_s)

    def spent(self, now_s: float) -> "Budget":
        """After one more; `is_overdrawn` when that was too many."""
        left = min(self.most, max(self.left, 0) + (now_s - self.at_s) * self.per_s)
        return Budget(self.per_s, self.most, left - 1, now_s)

    @property
    def is_overdrawn(self) -> bool:
        return self.left < 0
