"""Every metric of a replica. Pure: names, labels and all that they may say. docs/metrics.md says the same for people.

Counters and histograms are of one replica since its start. Gauges of sessions, hosts, webhooks and matches are facts of
the database: every replica says the same, so they are never summed (take the `max`).
"""

from agent_protocol import EndCode
from matches.values import Game
from metering import OTHER, Kind, Metric
from orchestrator.fleet.host_life import HostState
from orchestrator.play.lifecycle import ACTIVE, FINAL, STARTING, Position
from orchestrator.play.reasons import Reason
from orchestrator.webhooks.sender import Failure
from scheduler.values import Refusal

OUTCOME, STATE, ROUTE, IMAGE = "outcome", "state", "route", "image"
STATUSES = ("2xx", "3xx", "4xx", "429", "5xx", "gone")
LAUNCHED, REPEATED = "launched", "repeated"
DELIVERED = "delivered"
PLACED, NO_ROOM = "placed", "no_room"
IS_THERE, IS_FETCHED, IS_UNKNOWN = "there", "fetched", "unknown"

_ACTIVE = tuple(position.value for position in Position if position in ACTIVE)
_STAYS_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_REQUESTS_S = (0.01, 0.05, 0.25, 1.0, 5.0)
_STATEMENTS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0)
_RATIOS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)
_TRANSACTIONS = ("read", "write", "statements")
_ENDS = tuple(sorted({*(reason.value for reason in Reason), *(code.value for code in EndCode), OTHER}))
_REFUSALS = (
    "invalid_request",
    "not_found",
    "forbidden",
    "session_active",
    "slots_full",
    "idempotency_key_reused",
    "rate_limited",
    "no_servers",
    "database_unavailable",
)
_AMOUNTS = ("offered", "reserved")
_OF_READY = (
    "of hosts that are ready, and what sessions on them take; what waits there unused gives way and is not counted."
)

HTTP_REQUESTS = Metric(
    "playhouse_http_requests_total",
    Kind.COUNTER,
    "Requests by route and by class of status; those over a limit (429) stand apart, `gone` has had no answer.",
    {ROUTE: (), "status": STATUSES},
)
HTTP_SECONDS = Metric(
    "playhouse_http_request_seconds",
    Kind.HISTOGRAM,
    "From a request to the end of its answer. What is held for news lasts as long as it is held.",
    {ROUTE: ()},
    _REQUESTS_S,
)
HTTP_UNDER_WAY = Metric(
    "playhouse_http_requests_under_way", Kind.GAUGE, "Requests that have no whole answer yet, held ones with them."
)
SOCKETS = Metric("playhouse_sockets_open", Kind.GAUGE, "Socket.IO connections of this replica.")
LAUNCHES = Metric(
    "playhouse_launches_total",
    Kind.COUNTER,
    "Launches by people: a new session, the same one again, or why none.",
    {OUTCOME: (LAUNCHED, REPEATED, *_REFUSALS, OTHER)},
)
LAUNCH_SECONDS = Metric(
    "playhouse_launch_seconds",
    Kind.HISTOGRAM,
    "From the launch to the first picture, by whether the image lay on the host when it was chosen.",
    {IMAGE: (IS_THERE, IS_FETCHED, IS_UNKNOWN)},
)
LAUNCH_PHASE_SECONDS = Metric(
    "playhouse_launch_phase_seconds",
    Kind.HISTOGRAM,
    "How long a session was in each phase of its start, when it leaves it; by image as above.",
    {"phase": tuple(position.value for position in STARTING), IMAGE: (IS_THERE, IS_FETCHED, IS_UNKNOWN)},
)
SESSION_STATE_SECONDS = Metric(
    "playhouse_session_state_seconds",
    Kind.HISTOGRAM,
    "How long a session was in a state, when it leaves it.",
    {STATE: _ACTIVE},
    _STAYS_S,
)
SESSION_ENDS = Metric(
    "playhouse_session_ends_total",
    Kind.COUNTER,
    "Sessions that ended, by final state and code.",
    {STATE: tuple(position.value for position in Position if position in FINAL), "reason": _ENDS},
)
SESSIONS = Metric("playhouse_sessions", Kind.GAUGE, "Sessions in each state.", {STATE: _ACTIVE})
SESSIONS_PAUSED = Metric("playhouse_sessions_paused", Kind.GAUGE, "Running sessions whose game stands still.")
SESSION_OLDEST = Metric(
    "playhouse_session_oldest_seconds", Kind.GAUGE, "For how long the longest is in this state.", {STATE: _ACTIVE}
)
PLACEMENTS = Metric(
    "playhouse_placements_total",
    Kind.COUNTER,
    "Looks for a host, by what came of them; who waits is looked for again and again.",
    {OUTCOME: (PLACED, NO_ROOM)},
)
PLACEMENT_SECONDS = Metric(
    "playhouse_placement_seconds", Kind.HISTOGRAM, "How long one look for a host took.", buckets=_STATEMENTS_S
)
PLACEMENT_RACES = Metric(
    "playhouse_placement_races_total", Kind.COUNTER, "Chosen hosts that had no room any more when it was taken."
)
PLACEMENT_REFUSALS = Metric(
    "playhouse_placement_refusals_total",
    Kind.COUNTER,
    "Games that no host could take even if it were empty, by what the last hosts lack.",
    {"reason": tuple(refusal.value for refusal in Refusal)},
)
HOSTS = Metric(
    "playhouse_hosts",
    Kind.GAUGE,
    "Hosts in each state; those that were removed are not counted.",
    {STATE: tuple(state.value for state in HostState if state is not HostState.GONE)},
)
HEARTBEAT_AGE = Metric(
    "playhouse_host_heartbeat_age_seconds",
    Kind.GAUGE,
    "Since when the most silent host that is not lost has not reported.",
)
HEARTBEAT_GAP = Metric(
    "playhouse_host_report_gap_seconds",
    Kind.HISTOGRAM,
    "From one report of a host that has something to tell to the one before it.",
    buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
REPORTS = Metric(
    "playhouse_host_reports_total",
    Kind.COUNTER,
    "Reports of hosts: those that only renew the lease, and those with something to tell.",
    {"kind": ("quiet", "news")},
)
FLEET_SEATS = Metric("playhouse_fleet_seats", Kind.GAUGE, f"Seats {_OF_READY}", {"amount": _AMOUNTS})
FLEET_CORES = Metric("playhouse_fleet_cpu_cores", Kind.GAUGE, f"Cores {_OF_READY}", {"amount": _AMOUNTS})
FLEET_MEMORY = Metric("playhouse_fleet_memory_bytes", Kind.GAUGE, f"Memory {_OF_READY}", {"amount": _AMOUNTS})
PROFILE_RATIO = Metric(
    "playhouse_profile_observed_ratio",
    Kind.HISTOGRAM,
    "What a session was seen to use of what was reserved for its game; above 1 it was promised too little.",
    {"resource": ("cpu", "memory")},
    _RATIOS,
)
ARENA_MOVES = Metric(
    "playhouse_arena_moves_total", Kind.COUNTER, "Moves that were made.", {"game": tuple(game.value for game in Game)}
)
ARENA_MATCHES = Metric("playhouse_arena_matches", Kind.GAUGE, "Matches that go on.")
WEBHOOK_ATTEMPTS = Metric(
    "playhouse_webhook_attempts_total",
    Kind.COUNTER,
    "Tries to deliver, by what became of them.",
    {OUTCOME: (DELIVERED, *(failure.value for failure in Failure))},
)
WEBHOOK_SECONDS = Metric("playhouse_webhook_attempt_seconds", Kind.HISTOGRAM, "How long a try to deliver took.")
WEBHOOKS_DUE = Metric("playhouse_webhooks_due", Kind.GAUGE, "Deliveries whose time has come, a thousand at most.")
WEBHOOK_LAG = Metric(
    "playhouse_webhook_lag_seconds",
    Kind.GAUGE,
    "For how long the longest is due that nobody holds up but us: those behind another of their session, and those of "
    "endpoints that are stopped or fail, are left out.",
)
DATABASE_SECONDS = Metric(
    "playhouse_database_transaction_seconds",
    Kind.HISTOGRAM,
    "From the first statement of a transaction to its end.",
    {"kind": _TRANSACTIONS},
    _STATEMENTS_S,
)
DATABASE_WAIT = Metric(
    "playhouse_database_wait_seconds",
    Kind.HISTOGRAM,
    "How long a transaction waited for a connection, and on SQLite for the one writer.",
    {"kind": _TRANSACTIONS},
    _STATEMENTS_S,
)
DATABASE_LOCK_SECONDS = Metric(
    "playhouse_database_lock_wait_seconds",
    Kind.HISTOGRAM,
    "How long a transaction waited for a lock with a name; PostgreSQL alone has them.",
    buckets=_STATEMENTS_S,
)
DATABASE_FAILURES = Metric(
    "playhouse_database_failures_total", Kind.COUNTER, "Transactions that found the database away or too busy."
)
DATABASE_UP = Metric("playhouse_database_up", Kind.GAUGE, "1 when the database answered this scrape, else 0.")
STORE_UP = Metric("playhouse_store_up", Kind.GAUGE, "1 when the store of saves answered lately, else 0.")
LOOP_STALL = Metric(
    "playhouse_loop_stall_seconds",
    Kind.HISTOGRAM,
    "By how much the event loop was late for a tick of 250 ms.",
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)


def image_label(was_there: bool | None) -> str:
    """The label `image`. None while no host was chosen."""
    if was_there is None:
        return IS_UNKNOWN
    return IS_THERE if was_there else IS_FETCHED


TABLE = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
