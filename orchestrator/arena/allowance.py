"""How much one socket may say. Pure: a bucket that fills with time."""

from dataclasses import dataclass
from typing import Final

BURST: Final = 40.0
A_SECOND: Final = 10.0
PATIENCE: Final = 200
"""So many messages too many end the connection, unless it was quiet for long enough in between."""


@dataclass
class Allowance:
    left: float = BURST
    at_s: float = 0.0
    refused: int = 0

    def takes(self, now_s: float) -> bool:
        """Whether one more message is listened to now."""
        self.left = min(BURST, self.left + (now_s - self.at_s) * A_SECOND)
        self.at_s = now_s
        if self.left == BURST:
            self.refused = 0
        if self.left < 1:
            self.refused += 1
            return False
        self.left -= 1
        return True

    @property
    def is_flood(self) -> bool:
        return self.refused >= PATIENCE
