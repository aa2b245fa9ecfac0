"""Writes down what `host_life` says of a host's row: its state, and when it changed. The caller holds the row."""

from datetime import datetime

import structlog

from orchestrator.fleet.host_life import HostFacts, HostState, changes
from orchestrator.fleet.models import Host

CHANGES_KEPT = 20

_log = structlog.get_logger()


def facts_of(host: Host) -> HostFacts:
    """The part of a row that decides."""
    draining_since = (host.draining_since or host.created_at) if host.is_draining else None
    return HostFacts(host.lease_until or host.created_at, draining_since, host.removed_at)


def note(host: Host, now: datetime) -> None:
    """Bring the noted state up to date, and say each change in the log."""
    for change in changes(HostState(host.noted_state), facts_of(host), now):
        state, at = change.state.value, change.at.isoformat()
        _log.info("host.changed", host=host.id, name=host.name, state=state, was=host.noted_state, at=at)
        host.noted_state = state
        host.changes = [*host.changes, {"state": state, "at": at}][-CHANGES_KEPT:]
