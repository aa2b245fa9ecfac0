"""The orchestrator's time on this host. Every moment that travels between the two is told by it.

What a sync's answer says is tied to CLOCK_BOOTTIME, which nobody can set and which runs while the machine sleeps. So a
jump of the host's wall clock changes nothing here, and a restarted agent judges deadlines rightly before it has heard
anybody. `clock_anchor` decides; here the host's clocks are read, and what was heard is remembered.
"""

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pydantic
import structlog

from gameserver_agent.clock_anchor import LEAP_S, Anchor, Reading, heard, told_s
from gameserver_agent.identity import write_private

log = structlog.get_logger()
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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
