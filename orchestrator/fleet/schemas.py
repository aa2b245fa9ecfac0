"""The wire of the fleet's admin pages."""

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from orchestrator.fleet.overview import GameProfile, HostOverview, LearnedProfile
from orchestrator.fleet.snapshot import warm
from orchestrator.http import Schema, Timestamp
from scheduler.values import Resources


class Wire(Schema):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ResourcesView(Wire):
    cpu_cores: float
    memory_bytes: int
    seats: int


class ProfileView(Wire):
    """`sessions` counts those that ended, `played_sessions` how many whole ones they are worth; sigma is the standard
    deviation, the peak a decayed one.
    """

    host_class: str
    sessions: int
    played_sessions: float
    cpu_mean_cores: float
    cpu_sigma_cores: float
    memory_mean_bytes: int
    memory_peak_bytes: int
    boot_mean_s: float | None
    boot_sigma_s: float | None
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
    id: str
    name: str
    state: str
    public_url: str
    labels: dict[str, str]
    last_sync_at: Timestamp | None
    capacity: dict[str, float]
    usage: dict[str, float]
    reserved: ResourcesView
    warm_seats: int
    images: int


class HostsAnswer(Wire):
    hosts: list[HostView]


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
    host = overview.host
    state = "draining" if host.is_draining else "ready" if overview.is_ready else "lost"
    return HostView(
        id=host.id,
        name=host.name,
        state=state,
        public_url=host.public_url,
        labels={key: str(value) for key, value in host.labels.items()},
        last_sync_at=host.last_sync_at,
        capacity={key: float(value) for key, value in host.capacity.items()},
        usage={key: float(value) for key, value in host.usage.items()},
        reserved=_resources(overview.reserved),
        warm_seats=warm(host)[0],
        images=len(host.images),
    )


def _profile(learned: LearnedProfile) -> ProfileView:
    profile = learned.profile
    return ProfileView(
        host_class=learned.host_class,
        sessions=profile.sessions,
        played_sessions=profile.played_weight,
        cpu_mean_cores=profile.cpu_mean,
        cpu_sigma_cores=profile.cpu_variance**0.5,
        memory_mean_bytes=round(profile.memory_mean_bytes),
        memory_peak_bytes=round(profile.memory_peak_bytes),
        boot_mean_s=profile.boot_mean_s,
        boot_sigma_s=None if profile.boot_mean_s is None else profile.boot_variance**0.5,
        out_of_memory=profile.ooms,
        updated_at=learned.updated_at,
        reservation=_resources(learned.reservation),
    )


def _resources(resources: Resources) -> ResourcesView:
    return ResourcesView(cpu_cores=resources.cpu_cores, memory_bytes=resources.memory_bytes, seats=resources.seats)
