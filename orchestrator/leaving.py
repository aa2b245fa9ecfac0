"""How a replica goes: what it waits for, and how long. Doing it is `server`.

Proxies find out by `/health/ready` that one is about to end, and go on sending to it until then. So it serves on for a
while, and closes each connection after an answer; then it takes nobody new, sends WebSockets away to come again
elsewhere, finishes what is under way, and ends.
"""

from dataclasses import dataclass

from orchestrator.settings import Settings

PARTED_PER_S = 500
"""So many WebSockets are sent away in a second: each begins anew at another replica."""
LONGEST_PARTING_S = 8.0
_SETTLES_S = 3.0
_FINISH_S = 15.0
_FINISH_ALONE_S = 2.0


@dataclass
class Leaving:
    """Whether this replica is about to end."""

    has_begun: bool = False


@dataclass(frozen=True)
class Patience:
    """`notice_s` it serves on as ever. `settle_s` who is connected stays so when nobody new is taken and WebSockets are
    sent away: proxies find that out, and players are back elsewhere (a stock client tries after 1.5 s at the latest)
    before others take them for away. `finish_s` requests may take after that.
    """

    notice_s: float
    settle_s: float
    finish_s: float

    @property
    def longest_s(self) -> float:
        """From the signal to the end of the last request."""
        return self.notice_s + LONGEST_PARTING_S + self.settle_s + self.finish_s


def patience_of(settings: Settings) -> Patience:
    """With SQLite there is no other replica to turn to, and every moment is one more without any."""
    if settings.is_alone or not settings.drain_s:
        return Patience(0.0, 0.0, _FINISH_ALONE_S)
    return Patience(settings.drain_s, _SETTLES_S, _FINISH_S)


def parting_gap_s(connections: int) -> float:
    """Between one WebSocket that is sent away and the next."""
    return min(1 / PARTED_PER_S, LONGEST_PARTING_S / max(1, connections))
