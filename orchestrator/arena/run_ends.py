"""When a tenant's streamed game is ended although nobody asked for it, and what its end means for the tenant. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent_protocol import EndCode
from orchestrator.database import JsonDict
from orchestrator.play import reasons
from orchestrator.play.lifecycle import Position
from orchestrator.play.reasons import End, Reason

LEFT_AFTER: Final = timedelta(seconds=60)
AFK_AFTER: Final = timedelta(minutes=5)

_REASONS: Final[Mapping[str, str]] = {
    Reason.STOPPED: "resignation",
    Reason.ABANDONED: "disconnect",
    Reason.IDLE: "afk_timeout",
    Reason.SESSION_CAP: "time_limit",
    Reason.STOPPED_BY_OPERATOR: "stopped",
    Reason.HOST_DRAINED: "stopped",
    Reason.RESTORED: "stopped",
    Reason.NO_SERVERS: "no_servers",
    Reason.HOST_LOST: "host_lost",
    Reason.STOP_TIMEOUT: "host_lost",
    EndCode.HOST_RESTARTED: "host_lost",
    EndCode.EXPIRED: "time_limit",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as its host told of it last. `peers` are the pages that are connected, and nobody knows of them while the
    host is silent.
    """

    position: Position
    is_host_silent: bool
    peers: int
    running_since: datetime | None
    last_input_at: datetime | None
    is_afk_enforced: bool


def unseen_since(seen: Seen, before: datetime | None, now: datetime) -> datetime | None:
    """Since when no page has been connected to a game that runs, where `before` is what was known so far. While its
    host is silent that stays: who hears the host again leaves the silence out (`play.ledger`).
    """
    if seen.position is not Position.RUNNING:
        return None
    if seen.is_host_silent:
        return before
    return None if seen.peers else before or now


def due_end(seen: Seen, unseen: datetime | None, now: datetime) -> End | None:
    """Why the run is ended now; None while it goes on."""
    if seen.position is not Position.RUNNING or seen.is_host_silent or seen.running_since is None:
        return None
    if unseen is not None and now - unseen >= LEFT_AFTER:
        return reasons.ABANDONED
    if not seen.is_afk_enforced:
        return None
    played_at = max(seen.running_since, seen.last_input_at or seen.running_since)
    return reasons.NO_INPUT if now - played_at >= AFK_AFTER else None


def result_of(end_code: str | None, told: Mapping[str, object] | None) -> JsonDict:
    """What the tenant reads: of whoever ended it, and of what the game told, if it told anything. A run that was over
    by itself is `finished`, whatever ended the session after it.
    """
    told = told or {}
    is_over = told.get("reason") == "crashed" or (end_code == Reason.GAME_EXITED and bool(told))
    reason = "finished" if is_over else _REASONS.get(end_code or "", "failed")
    duration_s = told.get("duration")
    figures = {name: told.get(name) for name in ("score", "distance", "coins")}
    duration = round(duration_s) if isinstance(duration_s, int | float) else None
    return {"winner": None, "reason": reason, "duration": duration, **figures}
