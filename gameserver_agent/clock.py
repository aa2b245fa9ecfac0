"""The orchestrator's time on this host. Every moment that travels between the two is told by it.

What a sync's answer says is tied to CLOCK_BOOTTIME, which nobody can set and which runs while the machine sleeps. So a
jump of the host's wall clock changes nothing here, and a restarted agent judges deadlines rightly before it has heard
anybody. `heard` and `told_s` decide and are pure; `OrchestratorClock` reads the host's clocks and remembers.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pydantic
import structlog

from gameserver_agent.identity import write_private

log = structlog.get_logger()
SLACK_S = 0.05
LEAP_S = 30.0
BELIEVED_AFTER_S = 15.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Reading:
    """What the host's clocks show at one instant. `boot_s` grows evenly until `boot_id` changes."""

    boot_id: str
    boot_s: float
    wall_s: float


@dataclass(frozen=True)
class Anchor:
    """At `boot_s` of this boot the orchestrator's clock showed `orchestrator_s`. Since `leap_since_s` its answers have
    been far ahead of that.
    """

    boot_id: str
    boot_s: float
    orchestrator_s: float
    leap_since_s: float | None = None


def told_s(anchor: Anchor | None, at: Reading) -> float:
    """The orchestrator's time. Without an anchor it is the wall clock's; after a reboot that, too, but not behind what
    the orchestrator was heard to say.
    """
    if anchor is None:
        return at.wall_s
    if anchor.boot_id != at.boot_id:
        return max(at.wall_s, anchor.orchestrator_s)
    return anchor.orchestrator_s + at.boot_s - anchor.boot_s


def heard(anchor: Anchor | None, sent: Reading, received: Reading, now_s: float) -> Anchor:
    """The anchor after an answer that showed `now_s` at some instant between `sent` and `received`.

    An answer that fits changes nothing. A leap ahead of more than `LEAP_S` is believed only when the answers have been
    ahead for `BELIEVED_AFTER_S`: deadlines that the orchestrator is about to move with its clock must not fall due.
    """
    if anchor is None or anchor.boot_id != received.boot_id:
        return Anchor(received.boot_id, (sent.boot_s + received.boot_s) / 2, now_s)
    if told_s(anchor, sent) - SLACK_S <= now_s <= told_s(anchor, received) + SLACK_S:
        return replace(anchor, leap_since_s=None)
    if now_s > told_s(anchor, received) + LEAP_S:
        since_s = received.boot_s if anchor.leap_since_s is None else anchor.leap_since_s
        if received.boot_s < since_s + BELIEVED_AFTER_S:
            return replace(anchor, leap_since_s=since_s)
    return Anchor(received.boot_id, (sent.boot_s + received.boot_s) / 2, now_s)


class OrchestratorClock:
    """Remembers its anchor in `file`. `read` gives the host's clocks."""

    def __init__(self, file: Path, read: Callable[[], Reading] | None = None) -> None:
        self._file = file
        self._read = read or host_clocks()
        self._anchor = _remembered(file)

    def now_s(self) -> float:
        return told_s(self._anchor, self._read())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s(), UTC)

    def reading(self) -> Reading:
        return self._read()

    def heard(self, sent: Reading, now: datetime) -> None:
        """The orchestrator answered a request of that instant, and said what time it is."""
        before, received = self._anchor, self._read()
        self._anchor = heard(before, sent, received, now.timestamp())
        if before is not None and self._anchor.boot_s != before.boot_s:
            step_s = told_s(self._anchor, received) - told_s(before, received)
            if abs(step_s) > LEAP_S:
                log.warning("clock.stepped", step_s=round(step_s, 1))
        if self._anchor != before:
            with contextlib.suppress(OSError):  # a full disk: the next change is written, and this one is in memory
                write_private(self._file, _Written.model_validate(self._anchor).model_dump_json().encode())


def host_clocks() -> Callable[[], Reading]:
    boot_id = _BOOT_ID.read_text().strip()
    return lambda: Reading(boot_id, time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


class _Written(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(from_attributes=True, extra="ignore", allow_inf_nan=False)

    boot_id: str
    boot_s: float
    orchestrator_s: float

    def anchor(self) -> Anchor:
        return Anchor(self.boot_id, self.boot_s, self.orchestrator_s)


def _remembered(file: Path) -> Anchor | None:
    """None when nothing was heard yet, or the file cannot be read: the next answer writes it anew."""
    try:
        return _Written.model_validate_json(file.read_bytes()).anchor()
    except (OSError, pydantic.ValidationError):
        return None
