"""Desired sessions for tests, around one fixed instant."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from agent_protocol import BuildSpec, DesiredSession

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def order(
    session_id: str = "ses1",
    *,
    generation: int = 1,
    want: Literal["run", "stop"] = "run",
    expires_in_s: float = 1800,
    ends_in_s: float = 28_800,
    build: BuildSpec | None = None,
    now: datetime = NOW,
) -> DesiredSession:
    return DesiredSession(
        session_id=session_id,
        generation=generation,
        want=want,
        build=build or BuildSpec(build_id="bld1", image="playhouse/game:1", image_id="sha256:game", command=("play",)),
        expires_at=now + timedelta(seconds=expires_in_s),
        ends_at=now + timedelta(seconds=ends_in_s),
    )
