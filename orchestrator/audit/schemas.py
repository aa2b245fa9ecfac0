"""The wire of the audit log."""

from typing import Any

from orchestrator.audit.log import Entry
from orchestrator.audit.recording import ActorKind
from orchestrator.http import Timestamp, Wire


class ActorView(Wire):
    """`id` and `name` are null for the command line; `name` also for whoever is gone."""

    kind: ActorKind
    id: str | None
    name: str | None


class SubjectView(Wire):
    """`kind` is the first word of the action. `name` is null for what has none, or is gone."""

    kind: str
    id: str
    name: str | None


class AuditEventView(Wire):
    """`address` is the network address that the request came from, null for the command line."""

    id: str
    at: Timestamp
    actor: ActorView
    action: str
    subject: SubjectView
    details: dict[str, Any]
    address: str | None


class AuditAnswer(Wire):
    """The newest first; `total` counts all that were asked for."""

    events: list[AuditEventView]
    total: int


def event_view(entry: Entry) -> AuditEventView:
    event = entry.event
    return AuditEventView(
        id=event.id,
        at=event.at,
        actor=ActorView(kind=ActorKind(event.actor_kind), id=event.actor_id, name=entry.actor_name),
        action=event.action,
        subject=SubjectView(kind=event.action.partition(".")[0], id=event.subject_id, name=entry.subject_name),
        details=event.details,
        address=event.address,
    )
