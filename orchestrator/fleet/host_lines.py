"""Hosts as the command line prints them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from orchestrator.columns import columns
from orchestrator.fleet.host_life import HostState
from orchestrator.fleet.ledger import SessionOnHost
from orchestrator.fleet.models import JoinToken, labels_of
from orchestrator.fleet.overview import HostDetail, HostOverview


def table_of(hosts: Sequence[HostOverview]) -> list[str]:
    """One line for each host under a headline, in columns."""
    headline = ("HOST", "NAME", "STATE", "SESSIONS", "LOAD", "IMAGES", "HEARD", "LABELS")
    rows = [
        (
            overview.host.id,
            overview.host.name,
            state_words(overview),
            str(overview.sessions),
            f"{overview.load:.0%}",
            str(len(overview.host.images)),
            _ago(overview.host.last_sync_at, overview.now),
            label_words(labels_of(overview.host)),
        )
        for overview in hosts
    ]
    return columns(headline, rows)


def lines_of(detail: HostDetail) -> list[str]:
    """Everything that an operator asks about one host."""
    overview, host = detail.overview, detail.overview.host
    capacity, reserved = host.capacity, overview.reserved
    return [
        f"{host.id}  {host.name}",
        f"state     {state_words(overview)}",
        f"heard     {_ago(host.last_sync_at, overview.now)}",
        f"address   {host.public_url}",
        f"labels    {label_words(labels_of(host)) or 'none'}",
        f"reserved  {reserved.cpu_cores:.1f} of {capacity.get('cpu_cores', 0):.1f} cores, "
        f"{reserved.memory_bytes / 2**30:.1f} of {capacity.get('memory_bytes', 0) / 2**30:.1f} GiB, "
        f"{reserved.seats} of {capacity.get('seats', 0)} seats",
        f"images    {len(host.images)}",
        *(f"changed   {change['at']}  {change['state']}" for change in host.changes),
        *plays(detail.sessions, overview.now),
    ]


def plays(sessions: Sequence[SessionOnHost], now: datetime) -> list[str]:
    """What still has its place on a host."""
    return [
        f"plays     {there.session_id}  {there.game_slug}  {'paused' if there.is_paused else there.position}, "
        f"{there.peers} connected, for {_span(now, there.created_at)}"
        for there in sessions
    ]


def state_words(overview: HostOverview) -> str:
    """The state; of a draining host also whether it is empty."""
    if overview.state is HostState.DRAINING:
        return "drained" if overview.sessions == 0 else "draining"
    return overview.state.value


def token_lines(tokens: Sequence[JoinToken]) -> list[str]:
    """The join tokens that nobody has used yet; a token itself is known to nobody but who made it."""
    rows = [(token.id or "", f"{token.expires_at:%Y-%m-%d %H:%M} UTC", label_words(token.labels)) for token in tokens]
    return columns(("TOKEN", "GOOD UNTIL", "LABELS"), rows)


def label_words(labels: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _ago(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{_span(now, moment)} ago"


def _span(now: datetime, moment: datetime) -> str:
    seconds = max(0, round((now - moment).total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} days"
