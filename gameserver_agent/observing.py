"""Every metric of an agent. Pure: names, labels and all that they may say. docs/metrics.md says the same for people.
All of them are of this host, since its agent was started.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

from agent_protocol import EndCode, ObservedState
from metering import OTHER, Kind, Meter, Metric
from streaming.protocol import SeatStatus

OK, REFUSED, UNREACHABLE = "ok", "refused", "unreachable"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
FROM_TITLE, FROM_WARM_SEAT, FROM_NEW_SEAT, FROM_REGISTRY = "title", "warm_seat", "new_seat", "fetched"
TAKEN, WAITING, TITLES = "taken", "waiting", "titles"

_LIVING = tuple(state.value for state in ObservedState if state is not ObservedState.ENDED)
_PULL_S = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_STARTS = (FROM_TITLE, FROM_WARM_SEAT, FROM_NEW_SEAT, FROM_REGISTRY)

SESSIONS = Metric("playhouse_agent_sessions", Kind.GAUGE, "Sessions in each state.", {"state": _LIVING})
SESSIONS_PAUSED = Metric("playhouse_agent_sessions_paused", Kind.GAUGE, "Running sessions whose game stands still.")
PEERS = Metric("playhouse_agent_stream_peers", Kind.GAUGE, "Pages that are connected, watchers with them.")
SESSION_ENDS = Metric(
    "playhouse_agent_session_ends_total",
    Kind.COUNTER,
    "Sessions that ended here, by code.",
    {"code": (*(code.value for code in EndCode), OTHER)},
)
LAUNCH_PHASE_SECONDS = Metric(
    "playhouse_agent_launch_phase_seconds",
    Kind.HISTOGRAM,
    "How long each phase took of the starts that came to a picture, by what they began with: a game at its title, a"
    " seat that waited, a new seat, or an image that had to be fetched.",
    {"phase": ("pulling", "restoring", "booting"), "start": _STARTS},
)
RECONCILE_ACTIONS = Metric(
    "playhouse_agent_reconcile_actions_total",
    Kind.COUNTER,
    "Differences between what is wanted and what is here, by what was done about them.",
    {"action": ("start", "renew", "stop", "note_ended", "forget")},
)
PULLS = Metric("playhouse_agent_pulls_total", Kind.COUNTER, "Pulls by outcome.", {"outcome": (DONE, FAILED, CANCELLED)})
PULL_SECONDS = Metric(
    "playhouse_agent_pull_seconds", Kind.HISTOGRAM, "How long a pull took that succeeded.", buckets=_PULL_S
)
PULL_BYTES = Metric("playhouse_agent_pull_bytes_total", Kind.COUNTER, "Bytes that pulls brought, failed ones too.")
SYNCS = Metric(
    "playhouse_agent_syncs_total",
    Kind.COUNTER,
    "Reports to the orchestrator by outcome.",
    {"outcome": (OK, REFUSED, UNREACHABLE)},
)
SYNC_SECONDS = Metric("playhouse_agent_sync_seconds", Kind.HISTOGRAM, "How long a report took that was answered.")
SYNC_AGE = Metric(
    "playhouse_agent_sync_age_seconds",
    Kind.GAUGE,
    "Since when no report was answered; at first since the start.",
)
UNSENT_SAVES = Metric("playhouse_agent_unsent_saves", Kind.GAUGE, "Save archives that wait here to be sent.")
ENGINE_UP = Metric("playhouse_agent_engine_up", Kind.GAUGE, "1 when the Docker Engine answered lately, else 0.")
SEATS = Metric(
    "playhouse_agent_seats",
    Kind.GAUGE,
    "Seats of sessions, those that wait for one, and those that wait with a game at its title.",
    {"use": (TAKEN, WAITING, TITLES)},
)
HOST_USED = Metric(
    "playhouse_agent_host_used_ratio",
    Kind.GAUGE,
    "What the whole machine uses, ours or not; `disk` is the volume of the games.",
    {"resource": ("cpu", "memory", "disk")},
)
STREAM_RTT = Metric(
    "playhouse_agent_stream_rtt_seconds",
    Kind.HISTOGRAM,
    "To the player's page and back, of each stream every two seconds.",
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 1.0),
)
STREAM_QUEUE = Metric(
    "playhouse_agent_stream_queue_seconds",
    Kind.HISTOGRAM,
    "By how much a queue on the way holds the picture up; sampled as above.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
STREAM_LOSS = Metric(
    "playhouse_agent_stream_loss_ratio",
    Kind.HISTOGRAM,
    "The share of packets that were lost on the way to the player; sampled as above.",
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25),
)
STREAM_BITRATE = Metric(
    "playhouse_agent_stream_bitrate_bps",
    Kind.HISTOGRAM,
    "Bits a second of the player's picture; sampled as above.",
    buckets=(250e3, 500e3, 1e6, 2e6, 4e6, 8e6, 16e6),
)
STREAM_FPS = Metric(
    "playhouse_agent_stream_fps",
    Kind.HISTOGRAM,
    "Pictures a second that were sent; a still picture needs none. Sampled as above.",
    buckets=(1, 5, 15, 25, 35, 50, 61),
)

TABLE = tuple(value for value in list(vars().values()) if isinstance(value, Metric))


def begun_with(*, title: bool, fetched: bool, warm_seat: bool) -> str:
    """The label `start` of a session."""
    if title:
        return FROM_TITLE
    if fetched:
        return FROM_REGISTRY
    return FROM_WARM_SEAT if warm_seat else FROM_NEW_SEAT


def phases_of(moments: Mapping[ObservedState, float]) -> dict[str, float]:
    """Seconds in each phase, by when its state was entered, the last one being `RUNNING`."""
    return {state.value: until_s - began_s for (state, began_s), (_, until_s) in pairwise(moments.items())}


def note_stream(meter: Meter, status: SeatStatus) -> None:
    """One sample of a seat that somebody plays on."""
    if not status.players:
        return
    meter.observe(STREAM_BITRATE, status.bitrate_bps)
    meter.observe(STREAM_FPS, status.fps)
    told: tuple[tuple[Metric, float | None], ...] = (
        (STREAM_RTT, status.rtt_s),
        (STREAM_QUEUE, status.queue_s),
        (STREAM_LOSS, status.loss),
    )
    for metric, value in told:
        if value is not None:  # an older worker does not say, and neither does one that has heard nothing yet
            meter.observe(metric, value)


Scrape = Callable[[], bytes]
"""Everything in Prometheus' text format, as it is now."""
