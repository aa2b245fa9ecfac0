"""What a host's report says of itself, sessions aside: whether that is news, and how it is written down.

Most reports of most hosts say what was said before. They renew the lease and tell capacity and use; nothing else of
them is written.
"""

import hashlib
from datetime import datetime
from typing import Protocol

from agent_protocol import DesiredSession, ObservedState, SyncRequest
from orchestrator.fleet.host_life import HostState
from orchestrator.fleet.models import Host

_INVENTORY = {"public_url", "images", "pulls", "warm_seats", "pull_bytes_per_s"}


class Seen(Protocol):
    """What the database knows of a host before its report. `has_sessions` says that a session is about it."""

    now: datetime
    incarnation: int
    seq: int
    revision: int
    removed_at: datetime | None
    is_draining: bool
    lease_until: datetime | None
    noted_state: str
    prepulls: list[str]
    report_digest: str
    has_sessions: bool


def digest(request: SyncRequest) -> str:
    """The same for reports that say the same of what lies on the host."""
    return hashlib.sha256(request.model_dump_json(include=_INVENTORY).encode()).hexdigest()


def is_quiet(seen: Seen, request: SyncRequest, now: datetime) -> bool:
    """Whether a report, its sessions aside, only renews the lease: the host is where it was, as it was, and has nothing
    to be told.
    """
    state = HostState.DRAINING if seen.is_draining else HostState.READY
    return (
        seen.removed_at is None
        and seen.incarnation == request.incarnation
        and seen.seq < request.seq
        and seen.lease_until is not None
        and seen.lease_until > now
        and seen.noted_state == state.value
        and not seen.prepulls
        and seen.report_digest == digest(request)
    )


def image_ids(host: Host) -> frozenset[str]:
    """The images that the host had when it reported last."""
    return frozenset(str(image["image_id"]) for image in host.images)


def store(host: Host, request: SyncRequest, now: datetime, lease_until: datetime) -> None:
    """Write the report into its host's row."""
    host.incarnation, host.seq = request.incarnation, request.seq
    host.public_url = request.public_url
    host.last_sync_at, host.lease_until = now, lease_until
    host.capacity = request.capacity.model_dump()
    host.usage = request.usage.model_dump()
    host.warm_seats = [seats.model_dump() for seats in request.warm_seats]
    host.images = [image.model_dump(mode="json") for image in request.images]
    host.pulls = [pull.model_dump(mode="json") for pull in request.pulls]
    if request.pull_bytes_per_s:
        host.pull_bytes_per_s = request.pull_bytes_per_s
    host.report_digest = digest(request)


def pulling(request: SyncRequest, desired: tuple[DesiredSession, ...]) -> dict[str, int]:
    """Image ids on their way to the host, for sessions or unasked, with the bytes still to come."""
    images = {session.session_id: session.build.image_id for session in desired}
    for_sessions = {
        images[session.session_id]: max(0, session.progress.total - session.progress.done)
        for session in request.sessions
        if session.state is ObservedState.PULLING
        and session.session_id in images
        and session.progress is not None
        and session.progress.total is not None
    }
    return for_sessions | {
        pull.image_id: max(0, pull.total - pull.done) for pull in request.pulls if pull.total is not None
    }
