"""The wire of the session endpoints, camelCase as documented."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from orchestrator.http import Schema, Timestamp

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
ZoneName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", max_length=64)]


def _only_boolean(value: object) -> object:
    # Litestar validates leniently, which would take "yes" and 1 for true.
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


Flag = Annotated[bool, BeforeValidator(_only_boolean)]


class Wire(Schema):
    """camelCase outside, snake_case inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LaunchRequest(Wire):
    game_slug: Slug
    save_slot_id: Id | None = None
    fresh: Flag = False
    timezone: ZoneName = "UTC"


class SessionRequest(Wire):
    session_id: Id


class LaunchAnswer(Wire):
    session_id: str
    status: str


class ProgressView(Wire):
    done: int
    total: int | None
    unit: str


class ErrorView(Wire):
    code: str
    message: str
    by: str
    log_tail: list[str]


class Figures(Wire):
    """Seconds and megabytes (2**20); null while the host has not reported them."""

    duration: int | None = None
    cpu_seconds: float | None = None
    peak_memory_mb: int | None = None


class StatusAnswer(Wire):
    """The documented fields, then ours. `error` says why a session is over, or what went wrong on the way."""

    session_id: str
    status: str
    server_url: str | None
    container_url: str | None
    game_title: str
    started_at: Timestamp
    revision: str
    game_slug: str
    phase: str | None
    progress: ProgressView | None
    queue_position: int | None
    stream_token: str | None
    ice_servers: list[dict[str, str]] = Field(default_factory=list)
    expires_at: Timestamp
    error: ErrorView | None
    statistics: Figures | None


class KeepaliveAnswer(Wire):
    status: Literal["ok"] = "ok"
    expires_at: Timestamp


class StopAnswer(Figures):
    status: Literal["stopped", "stopping"]


class SessionSummary(Wire):
    session_id: str
    game_slug: str
    game_title: str
    status: str
    started_at: Timestamp


class SessionsAnswer(Wire):
    sessions: list[SessionSummary]
