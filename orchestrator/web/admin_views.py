"""What the admin pages show that no service says in just these words: sessions as pictures, plots, the log's sentences.
Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.audit.log import Entry
from orchestrator.audit.recording import Action, ActorKind
from orchestrator.fleet.fleet_map import FleetMap, HostOnMap, look_of
from orchestrator.fleet.ledger import SessionOnHost
from orchestrator.fleet.overview import LearnedProfile, ProfiledBuild
from orchestrator.fleet.profiles import SEAT_CPU_CORES, SEAT_MEMORY_BYTES
from orchestrator.play.operations import ListedSession
from orchestrator.web.plots import Figures, Plot, plot
from orchestrator.web.shelf import cloth_of, letter_of
from orchestrator.web.wording import figure
from scheduler.profiles import SMALLEST_CPU_CORES, SMALLEST_MEMORY_BYTES

MOST_COVERS = 160
MOST_ROOMY_HOSTS = 40
MOST_FREE_SEATS = 24
MIB = 1024.0**2

LOOKS = ("running", "paused", "starting", "stopping")
ORDERS: Mapping[str, str] = {"trouble": "Trouble first", "load": "Fullest first", "name": "By name"}
STAGES: Mapping[str, str] = {
    "active": "All that are on",
    "starting": "Starting",
    "running": "Running",
    "stopping": "Stopping",
    "ended": "Ended",
}

DOINGS: Mapping[str, str] = {
    Action.INSTALLATION_RESTORE: "restored the installation from a backup:",
    Action.INSTALLATION_KEY_ROTATE: "made a new signing key of the installation",
    Action.HOST_DRAIN: "drained the host",
    Action.HOST_RESUME: "ended the draining of the host",
    Action.HOST_LABEL: "labelled the host",
    Action.HOST_REMOVE: "removed the host",
    Action.JOIN_TOKEN_MAKE: "made the join token",
    Action.JOIN_TOKEN_REVOKE: "took back the join token",
    Action.USER_MAKE: "made the account of",
    Action.USER_ACTIVATE: "let in again",
    Action.USER_SUSPEND: "suspended",
    Action.USER_CLOSE: "closed the account of",
    Action.SESSION_STOP: "stopped the session",
    Action.GAME_ADD: "added a build of",
    Action.GAME_ACCESS: "changed who may play",
    Action.GAME_PUBLISH: "published",
    Action.GAME_CHANGE: "changed what is said of",
    Action.GAME_VERSION: "chose the version of",
    Action.GAME_UPLOAD: "began an upload of",
    Action.GAME_UPLOAD_GIVE_UP: "gave up an upload of",
    Action.GAME_SUSPEND: "took off the shelf",
    Action.GAME_RESUME: "put back on the shelf",
    Action.CODES_MAKE: "made codes: batch",
    Action.CODES_REVOKE: "revoked codes of",
    Action.PUBLISHER_MAKE: "made the publisher",
    Action.PUBLISHER_KEY_ROTATE: "made a new key of the publisher",
    Action.PUBLISHER_KEY_REVOKE: "revoked a key of the publisher",
    Action.TENANT_MAKE: "made the tenant",
    Action.TENANT_CHANGE: "changed the tenant",
    Action.TENANT_THEME: "changed the theme of the tenant",
    Action.TENANT_MEMBER_ADD: "let somebody into the console of the tenant",
    Action.TENANT_MEMBER_REMOVE: "let somebody no longer into the console of the tenant",
    Action.TENANT_KEY_MAKE: "made another key of the tenant",
    Action.TENANT_KEY_ROTATE: "replaced the keys of the tenant",
    Action.TENANT_KEY_REVOKE: "revoked a key of the tenant",
    Action.TENANT_WEBHOOK_MAKE: "added a webhook of the tenant",
    Action.TENANT_WEBHOOK_CHANGE: "changed a webhook of the tenant",
    Action.TENANT_WEBHOOK_REMOVE: "removed a webhook of the tenant",
    Action.TENANT_WEBHOOK_ROTATE: "changed the secret of a webhook of the tenant",
    Action.TENANT_WEBHOOK_STOP: "stopped a webhook of the tenant",
    Action.TENANT_WEBHOOK_RESTART: "restarted a webhook of the tenant",
    Action.TENANT_WEBHOOK_TEST: "sent a test to a webhook of the tenant",
    Action.TENANT_WEBHOOK_REDELIVER: "sent an event again to a webhook of the tenant",
    Action.TENANT_BOT_MAKE: "made a bot of the tenant",
    Action.TENANT_BOT_CHANGE: "changed a bot of the tenant",
    Action.TENANT_BOT_REMOVE: "removed a bot of the tenant",
    Action.TENANT_BOT_TRAIN: "let a bot of the tenant learn",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A session as it is drawn on its host."""

    id: str
    look: str
    title: str
    cloth: int
    letter: str
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class Tile:
    """A host as it is drawn. `free` are the seats that nobody has, as far as there is room to draw them."""

    host: HostOnMap
    pictures: tuple[Picture, ...]
    free: int
    words: str


def is_roomy(fleet: FleetMap) -> bool:
    """Whether there is room for covers, bars and words on each host, or for small squares alone."""
    return len(fleet.hosts) <= MOST_ROOMY_HOSTS and sum(len(host.sessions) for host in fleet.hosts) <= MOST_COVERS


def tiles_of(fleet: FleetMap) -> tuple[Tile, ...]:
    drawn = {
        slug: (game.title, cloth_of(slug), letter_of(game.title), game.thumbnail) for slug, game in fleet.games.items()
    }
    roomy = is_roomy(fleet)
    return tuple(_tile(host, drawn, roomy=roomy) for host in fleet.hosts)


def _tile(host: HostOnMap, drawn: Mapping[str, tuple[str, int, str, str | None]], *, roomy: bool) -> Tile:
    free = min(max(int(host.seats) - len(host.sessions), 0), MOST_FREE_SEATS) if roomy and host.is_heard else 0
    return Tile(host, tuple(_picture(each, drawn) for each in host.sessions), free, sessions_words(host.counts))


def _picture(there: SessionOnHost, drawn: Mapping[str, tuple[str, int, str, str | None]]) -> Picture:
    title, cloth, letter, thumbnail = drawn.get(there.game_slug) or (there.game_slug, 0, "?", None)
    return Picture(there.session_id, look_of(there), title, cloth, letter, thumbnail)


def sessions_words(counts: Mapping[str, int]) -> str:
    """`12 sessions: 10 running, 2 starting`."""
    total = sum(counts.values())
    if total == 0:
        return "no session"
    parts = ", ".join(f"{counts[look]} {look}" for look in LOOKS if counts.get(look))
    return f"{total} {'session' if total == 1 else 'sessions'}: {parts}"


def stage_words(listed: ListedSession) -> str:
    """Where a session stands, in a word or two."""
    row = listed.row
    if row.position == "placing":
        return "waits for a host"
    if row.position == "running" and row.is_paused:
        return "paused"
    return "failed" if row.position == "error" else row.position


def since_of(listed: ListedSession) -> datetime:
    """When what the list says of it began, as far as that is kept."""
    row = listed.row
    return row.ended_at or row.running_since or row.created_at


@dataclass(frozen=True, slots=True)
class ResourcePlot:
    """`marks` are what is read beside the drawing; `words` say all of it to whoever does not see it."""

    name: str
    unit: str
    plot: Plot
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[tuple[str, str, str], ...]
    words: str


@dataclass(frozen=True, slots=True)
class ProfileView:
    learned: LearnedProfile
    plots: tuple[ResourcePlot, ...]


def profile_views(build: ProfiledBuild) -> tuple[ProfileView, ...]:
    return tuple(ProfileView(each, (_cpu(each), _memory(each))) for each in build.known.learned)


def _cpu(learned: LearnedProfile) -> ResourcePlot:
    profile = learned.profile
    figures = Figures(
        profile.cpu_buckets,
        SMALLEST_CPU_CORES,
        max(0.0, learned.reservation.cpu_cores - SEAT_CPU_CORES),
        profile.cpu_mean if profile.played_weight else None,
        profile.cpu_variance**0.5,
        profile.cpu_quantile(0.9),
    )
    return _resource("Processor", "cores", 1.0, figures)


def _memory(learned: LearnedProfile) -> ResourcePlot:
    profile = learned.profile
    figures = Figures(
        profile.memory_buckets,
        SMALLEST_MEMORY_BYTES,
        max(0.0, float(learned.reservation.memory_bytes - SEAT_MEMORY_BYTES)),
        profile.memory_mean_bytes if profile.played_weight else None,
        0.0,
        profile.memory_quantile(0.9),
        profile.memory_peak_bytes or None,
    )
    return _resource("Memory", "MiB", MIB, figures)


def _resource(name: str, unit: str, divisor: float, figures: Figures) -> ResourcePlot:
    scaled = Figures(
        figures.buckets,
        figures.smallest / divisor,
        figures.reserved / divisor,
        None if figures.mean is None else figures.mean / divisor,
        figures.sigma / divisor,
        None if figures.p90 is None else figures.p90 / divisor,
        None if figures.peak is None else figures.peak / divisor,
    )
    drawn = plot(scaled)
    marks: list[tuple[str, str, str]] = []
    if scaled.mean is not None:
        spread = f" ± {figure(scaled.sigma)}" if scaled.sigma else ""
        marks.append(("mean", "Mean and spread" if spread else "Mean", f"{figure(scaled.mean)}{spread}"))
    if scaled.p90 is not None:
        marks.append(("p90", "Nine of ten", f"≤ {figure(scaled.p90)}"))
    if scaled.peak is not None:
        marks.append(("peak", "Peak", figure(scaled.peak)))
    marks.append(("reserved", "Reserved", figure(scaled.reserved)))
    words = ", ".join(f"{label} {value} {unit}" for _, label, value in marks)
    ticks = tuple((x, figure(value)) for x, value in drawn.ticks)
    return ResourcePlot(name, unit, drawn, ticks, tuple(marks), f"{name}: {words}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log as a sentence. `subject_link` leads to the page of what it was done to, where there is one."""

    entry: Entry
    actor: str
    actor_key: str
    doing: str
    subject: str
    subject_link: str
    facts: tuple[tuple[str, str], ...]


_NOBODY = {ActorKind.PUBLISHER.value: "A publisher", ActorKind.TENANT_KEY.value: "A tenant's key"}


def lines_of(entries: Sequence[Entry]) -> tuple[Line, ...]:
    return tuple(_line(entry) for entry in entries)


def _line(entry: Entry) -> Line:
    event = entry.event
    kind = event.action.partition(".")[0]
    if event.actor_kind == ActorKind.COMMAND_LINE:
        actor = "The command line"
    else:
        actor = entry.actor_name or f"{_NOBODY.get(event.actor_kind, 'An account')} that is gone"
    gone = "an account that is gone" if kind == "user" else event.subject_id
    links = {"host": f"/admin/fleet/{event.subject_id}", "game": f"/admin/codes?game={event.subject_id}"}
    return Line(
        entry,
        actor,
        event.actor_id or event.actor_kind,
        DOINGS.get(event.action, event.action),
        entry.subject_name or gone,
        links.get(kind, ""),
        tuple((key.replace("_", " "), _fact(value)) for key, value in event.details.items()),
    )


def _fact(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return figure(value) if isinstance(value, float) else str(value)
