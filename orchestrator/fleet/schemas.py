"""The wire of the fleet's admin pages."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from orchestrator.fleet.host_life import HostState
from orchestrator.fleet.models import JoinToken, labels_of
from orchestrator.fleet.overview import GameProfile, HostDetail, HostOverview, LearnedProfile
from orchestrator.fleet.snapshot import warm
from orchestrator.http import Flag, Timestamp, Wire
from scheduler.values import Resources


class ResourcesView(Wire):
    cpu_cores: float
    memory_bytes: int
    seats: int


class ProfileView(Wire):
    """`sessions` counts those that ended, `played_sessions` how many whole ones they are worth. Sigma is the standard
    deviation; peak and P90, what nine of ten sessions got by on, forget old sessions. `frame*` are of the time from one
    picture to the next while the game moves.
    """

    host_class: str
    sessions: int
    played_sessions: float
    cpu_mean_cores: float
    cpu_sigma_cores: float
    cpu_p90_cores: float | None
    memory_mean_bytes: int
    memory_p90_bytes: int | None
    memory_peak_bytes: int
    boot_mean_s: float | None
    boot_sigma_s: float | None
    frame_mean_ms: float | None
    frame_sigma_ms: float | None
    out_of_memory: int
    updated_at: Timestamp
    reservation: ResourcesView


class GameProfileAnswer(Wire):
    """`reservation` is what the next session takes, on any host; until something is learned, what `request` says."""

    game_slug: str
    build_id: str
    version: str
    request: dict[str, float]
    reservation: ResourcesView
    profiles: list[ProfileView]


class HostView(Wire):
    """`since` is when the state began, null when nobody saw it; `leaseSeconds` what is left of its lease, below zero
    once it is over. `isDrained`: it is draining and nothing plays there any more. `images` is how many lie there.
    """

    id: str
    name: str
    state: HostState
    since: Timestamp | None
    is_drained: bool
    public_url: str
    labels: dict[str, str]
    last_sync_at: Timestamp | None
    lease_seconds: float | None
    capacity: dict[str, float]
    usage: dict[str, float]
    reserved: ResourcesView
    warm_seats: int
    warm_titles: int
    load: float
    sessions: int
    images: int


class HostsAnswer(Wire):
    hosts: list[HostView]


class HostSessionView(Wire):
    """`peers` are the players and watchers who are connected."""

    session_id: str
    game_slug: str
    position: str
    started_at: Timestamp
    paused: bool
    peers: int
    last_input_at: Timestamp | None


class HostImageView(Wire):
    image_id: str
    size_bytes: int


class HostChangeView(Wire):
    state: HostState
    at: Timestamp


class HostDetailView(HostView):
    """`labels` is what holds: `agentLabels` as the host said when it joined, under `ownLabels`, the operator's word.
    `pulling` tells the bytes still to come of each image. `changes` of its state are the newest ones, the last at the
    end.
    """

    joined_at: Timestamp
    removed_at: Timestamp | None
    moves_idle: bool
    agent_labels: dict[str, str]
    own_labels: dict[str, str]
    sessions_there: list[HostSessionView]
    images_there: list[HostImageView]
    pulling: dict[str, int]
    changes: list[HostChangeView]


LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=63)]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
Labels = Annotated[dict[LabelName, LabelValue], Field(max_length=32)]


class HostPatch(Wire):
    """What is missing stays as it is. A label that is null is the agent's again; an empty one is none."""

    is_draining: Flag | None = None
    moves_idle: Flag | None = None
    labels: Annotated[dict[LabelName, LabelValue | None], Field(max_length=32)] | None = None


class JoinTokenRequest(Wire):
    labels: Labels = Field(default_factory=dict)


class JoinTokenAnswer(Wire):
    """The only time that the token is shown."""

    token: str


class JoinTokenView(Wire):
    id: str
    labels: dict[str, str]
    created_at: Timestamp | None
    expires_at: Timestamp


class JoinTokensAnswer(Wire):
    """Those that a host may still join with."""

    tokens: list[JoinTokenView]


def profile_answer(slug: str, game: GameProfile) -> GameProfileAnswer:
    return GameProfileAnswer(
        game_slug=slug,
        build_id=game.build.build_id,
        version=game.version,
        request=game.build.request.model_dump(),
        reservation=_resources(game.reservation),
        profiles=[_profile(learned) for learned in game.learned],
    )


def host_view(overview: HostOverview) -> HostView:
    return HostView.model_validate(_host(overview))


def host_detail(detail: HostDetail) -> HostDetailView:
    host = detail.overview.host
    return HostDetailView(
        **_host(detail.overview),
        joined_at=host.created_at,
        removed_at=host.removed_at,
        moves_idle=host.moves_idle,
        agent_labels={key: str(value) for key, value in host.labels.items()},
        own_labels={key: str(value) for key, value in host.own_labels.items()},
        sessions_there=[
            HostSessionView(
                session_id=there.session_id,
                game_slug=there.game_slug,
                position=there.position,
                started_at=there.created_at,
                paused=there.is_paused,
                peers=there.peers,
                last_input_at=there.last_input_at,
            )
            for there in detail.sessions
        ],
        images_there=[
            HostImageView(image_id=image["image_id"], size_bytes=image["size_bytes"]) for image in host.images
        ],
        pulling={image: int(left) for image, left in host.pulling.items()},
        changes=[HostChangeView(state=change["state"], at=change["at"]) for change in host.changes],
    )


def join_token_view(token: JoinToken) -> JoinTokenView:
    return JoinTokenView(
        id=token.id or "", labels=token.labels, created_at=token.created_at, expires_at=token.expires_at
    )


def _host(overview: HostOverview) -> dict[str, Any]:
    host, state = overview.host, overview.state
    waiting = warm(host)
    is_noted = bool(host.changes) and host.changes[-1]["state"] == state
    return {
        "id": host.id,
        "name": host.name,
        "state": state,
        "since": datetime.fromisoformat(host.changes[-1]["at"]) if is_noted else None,
        "is_drained": state is HostState.DRAINING and overview.sessions == 0,
        "public_url": host.public_url,
        "labels": labels_of(host),
        "last_sync_at": host.last_sync_at,
        "lease_seconds": None if host.lease_until is None else (host.lease_until - overview.now).total_seconds(),
        "capacity": {key: float(value) for key, value in host.capacity.items()},
        "usage": {key: float(value) for key, value in host.usage.items()},
        "reserved": _resources(overview.reserved),
        "load": overview.load,
        "sessions": overview.sessions,
        "warm_seats": waiting.seats.total(),
        "warm_titles": waiting.titles.total(),
        "images": len(host.images),
    }


def _profile(learned: LearnedProfile) -> ProfileView:
    profile, memory_p90 = learned.profile, learned.profile.memory_quantile(0.9)
    return ProfileView(
        host_class=learned.host_class,
        sessions=profile.sessions,
        played_sessions=profile.played_weight,
        cpu_mean_cores=profile.cpu_mean,
        cpu_sigma_cores=profile.cpu_variance**0.5,
        cpu_p90_cores=profile.cpu_quantile(0.9),
        memory_mean_bytes=round(profile.memory_mean_bytes),
        memory_p90_bytes=None if memory_p90 is None else round(memory_p90),
        memory_peak_bytes=round(profile.memory_peak_bytes),
        boot_mean_s=profile.boot_mean_s,
        boot_sigma_s=None if profile.boot_mean_s is None else profile.boot_variance**0.5,
        frame_mean_ms=None if profile.frame_mean_s is None else 1000 * profile.frame_mean_s,
        frame_sigma_ms=None if profile.frame_mean_s is None else 1000 * profile.frame_variance**0.5,
        out_of_memory=profile.ooms,
        updated_at=learned.updated_at,
        reservation=_resources(learned.reservation),
    )


def _resources(resources: Resources) -> ResourcesView:
    return ResourcesView(cpu_cores=resources.cpu_cores, memory_bytes=resources.memory_bytes, seats=resources.seats)
