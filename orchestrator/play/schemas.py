"""The wire of the session endpoints, camelCase as documented."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from orchestrator.catalog.schemas import Pagination
from orchestrator.fleet.distance import MOST_PROBES
from orchestrator.http import Flag, Timestamp, Wire
from orchestrator.play.relays import IceServer

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
ZoneName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", max_length=64)]


def _only_integer(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


FrameCount = Annotated[int, BeforeValidator(_only_integer), Field(ge=0, le=1_000_000)]


def _one_second_at_most(seconds: float) -> float:
    return min(1.0, max(0.0, seconds))


# What a page says of a delay is only weighed, so what cannot be is taken for the nearest that can.
Delay = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_one_second_at_most)]


class LaunchRequest(Wire):
    """`latencies`: the seconds that the page measured to hosts and back, by the ids of `GET /api/game/probes`."""

    game_slug: Slug
    save_slot_id: Id | None = None
    fresh: Flag = False
    timezone: ZoneName = "UTC"
    latencies: Annotated[dict[Id, Delay], Field(max_length=MOST_PROBES)] = Field(default_factory=dict)


class SessionRequest(Wire):
    session_id: Id


class KeepaliveRequest(SessionRequest):
    """`frames_decoded` since the last report: more than none says that the player sees a living stream."""

    frames_decoded: FrameCount | None = None


class Probe(Wire):
    """A host to measure: time a GET of `url`, which answers any page of ours."""

    host_id: str
    url: str


class ProbesAnswer(Wire):
    """None where there is nothing to choose from."""

    probes: list[Probe]


class LaunchAnswer(Wire):
    session_id: str
    status: str


class ProgressView(Wire):
    done: int
    total: int | None
    unit: str


class ErrorView(Wire):
    """`by` is who decided: player, game, host or orchestrator. `next_step` tells a person what to do now."""

    code: str
    message: str
    by: str
    next_step: str
    log_tail: list[str]


class SaveUse(Wire):
    """How much of what it may hold the running game's save takes."""

    used_bytes: int
    limit_bytes: int


class Figures(Wire):
    """Seconds and megabytes (2**20); null while the host has not reported them."""

    duration: int | None = None
    cpu_seconds: float | None = None
    peak_memory_mb: int | None = None


class Relocation(Wire):
    """The game had to leave its machine, where it was last known to run at `leftAt`, and goes on from the save that was
    made at `resumedFromAt`, `lostSeconds` before; null when it had none, and began anew.
    """

    left_at: Timestamp
    resumed_from_at: Timestamp | None
    lost_seconds: float | None


class StatusAnswer(Wire):
    """The documented fields, then ours. `error` says why a session is over, or what went wrong on the way.

    `paused`: the game stands still because nobody is connected. `host_silent`: its host has not been heard for longer
    than it promised; the page then says often whether the picture still moves (`KeepaliveRequest`).
    """

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
    ice_servers: list[IceServer]
    expires_at: Timestamp
    ends_at: Timestamp
    paused: bool
    host_silent: bool
    save: SaveUse | None
    relocation: Relocation | None
    error: ErrorView | None
    statistics: Figures | None


Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")]
InviteSecret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]


class InviteAnswer(Wire):
    """`inviteUrl` carries its secret behind the `#`, which browsers keep to themselves."""

    invite_url: str
    expires_at: Timestamp


class RevokeAnswer(Wire):
    status: Literal["ok"] = "ok"


class WatchRequest(SessionRequest):
    """`person` is what an earlier answer called this watcher: its newest connection then replaces the older."""

    secret: InviteSecret
    name: Name = ""
    person: Id | None = None


class WatchAnswer(Wire):
    """As much of a session as its watchers may know. Without a seat, `containerUrl` and `streamToken` are null."""

    session_id: str
    status: str
    game_title: str
    player_name: str
    container_url: str | None
    stream_token: str | None
    ice_servers: list[IceServer]
    person: str
    paused: bool
    expires_at: Timestamp


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


class PastSession(Figures):
    """`save_slot` is the slot's number."""

    session_id: str
    game_slug: str
    game_title: str
    status: str
    started_at: Timestamp
    ended_at: Timestamp | None
    save_slot: int
    end: ErrorView | None


class HistoryAnswer(Wire):
    sessions: list[PastSession]
    pagination: Pagination
