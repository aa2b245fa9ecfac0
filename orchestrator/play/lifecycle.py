"""The life of a session as one table of legal moves. Pure: `(life, event, now) -> (life, effects)`.

    placing → pulling → restoring → booting → running → stopping → stopped
       ↑________________________________|  (next host, at most MAX_GENERATIONS)       any → error

Every position that is not final has a deadline, and `DeadlinePassed` has a move in each of them. What happens outside
the table is ignored: a report of an older generation, news about a session that is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

IDLE_TIMEOUT = timedelta(minutes=30)
SESSION_CAP = timedelta(hours=8)
MAX_GENERATIONS = 3


class Position(StrEnum):
    """Where a session stands. Players see `status_of` and `phase_of` it."""

    PLACING = "placing"
    PULLING = "pulling"
    RESTORING = "restoring"
    BOOTING = "booting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ERROR = "error"


_PREPARING = (Position.PULLING, Position.RESTORING, Position.BOOTING)
STARTING = (Position.PLACING, *_PREPARING)
FINAL = (Position.STOPPED, Position.ERROR)
ACTIVE = tuple(position for position in Position if position not in FINAL)
ON_HOST = (*_PREPARING, Position.RUNNING, Position.STOPPING)

TIME_LIMITS = {
    Position.PLACING: timedelta(seconds=120),
    Position.PULLING: timedelta(seconds=30),  # without a byte: progress starts it anew
    Position.RESTORING: timedelta(seconds=60),
    Position.BOOTING: timedelta(seconds=60),
    Position.STOPPING: timedelta(seconds=60),  # the game's grace, then the save's capture and sending
}


class Decider(StrEnum):
    """Who ended a session."""

    PLAYER = "player"
    GAME = "game"
    HOST = "host"
    ORCHESTRATOR = "orchestrator"


@dataclass(frozen=True, slots=True)
class End:
    """Why a session is over, or is being ended: a code for programs and a text for people."""

    code: str
    message: str
    by: Decider
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """What decides. `deadline` belongs to the position, `expires_at` (idle) and `ends_at` (cap) to the session."""

    position: Position
    generation: int
    host_id: str | None
    failed_hosts: tuple[str, ...]
    deadline: datetime | None
    expires_at: datetime
    ends_at: datetime
    end: End | None = None


class Effect(StrEnum):
    """What the caller has to see to after the move is stored."""

    PLACE = "place"
    TELL_HOST = "tell_host"


@dataclass(frozen=True, slots=True)
class Placed:
    """A host was chosen and its place is reserved."""

    host_id: str


@dataclass(frozen=True, slots=True)
class NowhereElse:
    """The session has to move, and no other host could ever take it."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """The host reports how far the session is; `has_progress` when bytes moved since its last report."""

    generation: int
    position: Position
    has_progress: bool = False


@dataclass(frozen=True, slots=True)
class EndedOnHost:
    """The host reports that the session is over there."""

    generation: int
    code: str
    message: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the session to end."""

    end: End


@dataclass(frozen=True, slots=True)
class Used:
    """A keepalive, or input of the player."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The clock is past the deadline of the position, the idle time or the cap."""


@dataclass(frozen=True, slots=True)
class HostLost:
    """The host's lease is over."""


Event = Placed | NowhereElse | Advanced | EndedOnHost | StopAsked | Used | DeadlinePassed | HostLost
Move = tuple[Life, tuple[Effect, ...]]

_ASKED_STOP = End("stopped", "You stopped the game.", Decider.PLAYER)
_IDLE = End("idle", "Nobody played for 30 minutes, so the game was saved and stopped.", Decider.ORCHESTRATOR)
_CAP = End("session_cap", "The session reached its longest time of 8 hours.", Decider.ORCHESTRATOR)
_TIMED_OUT = {
    Position.PULLING: ("pull_stalled", "The game's files stopped arriving at the host."),
    Position.RESTORING: ("restore_timeout", "Your save could not be brought to the host in time."),
    Position.BOOTING: ("boot_timeout", "The game showed no picture within a minute."),
}
_NO_PLACE = End(
    "no_servers", "No host had room for the game within two minutes. Please try again.", Decider.ORCHESTRATOR
)
_SILENT_STOP = End(
    "stop_timeout", "The host did not confirm the stop in time; the last saved state was kept.", Decider.ORCHESTRATOR
)
_HOST_LOST = End(
    "host_lost", "The machine that ran the game went away; the last saved state was kept.", Decider.ORCHESTRATOR
)


def new_life(now: datetime) -> Life:
    """A session that was just asked for."""
    return _enter(
        Life(Position.PLACING, 0, None, (), None, now + IDLE_TIMEOUT, now + SESSION_CAP), Position.PLACING, now
    )


def status_of(position: Position) -> str:
    """The documented status: `starting | running | stopping | stopped | error`."""
    return "starting" if position in STARTING else position.value


def phase_of(position: Position) -> str | None:
    """The finer step that the play page shows while a session starts; `ready` once it runs."""
    if position is Position.RUNNING:
        return "ready"
    return position.value if position in STARTING else None


def life_is_connectable(life: Life) -> bool:
    """True while a player may connect to the seat: from its start, while the game still boots, until the stop."""
    return life.host_id is not None and life.position in (*_PREPARING, Position.RUNNING)


def is_due(life: Life, now: datetime) -> bool:
    """True when `DeadlinePassed` has to be told."""
    if life.position in FINAL:
        return False
    if life.position is Position.RUNNING:
        return now >= min(life.expires_at, life.ends_at)
    return life.deadline is not None and now >= life.deadline


def step(life: Life, event: Event, now: datetime) -> Move:
    """The move for this event, or the same life and no effect when the table has none."""
    move = MOVES.get((life.position, type(event)))
    return move(life, event, now) if move else (life, ())


def _enter(life: Life, position: Position, now: datetime) -> Life:
    limit = TIME_LIMITS.get(position)
    return replace(life, position=position, deadline=now + limit if limit else None)


def _finish(life: Life, position: Position, end: End) -> Move:
    return replace(life, position=position, deadline=None, end=end), (Effect.TELL_HOST,)


def _placed(life: Life, event: Placed, now: datetime) -> Move:
    placed = replace(life, host_id=event.host_id, generation=life.generation + 1)
    return _enter(placed, Position.PULLING, now), (Effect.TELL_HOST,)


def _nowhere_else(life: Life, _event: NowhereElse, _now: datetime) -> Move:
    return _finish(life, Position.ERROR, life.end or _NO_PLACE)


def _advanced(life: Life, event: Advanced, now: datetime) -> Move:
    order = (*STARTING, Position.RUNNING)
    if event.generation != life.generation or event.position not in order:
        return life, ()
    if order.index(event.position) > order.index(life.position):
        moved = _enter(life, event.position, now)
        if event.position is Position.RUNNING:
            moved = replace(moved, expires_at=now + IDLE_TIMEOUT, end=None)
        return moved, (Effect.TELL_HOST,) if event.position is Position.RUNNING else ()
    if event.position is Position.PULLING and life.position is Position.PULLING and event.has_progress:
        return _enter(life, Position.PULLING, now), ()
    return life, ()


def _failed_while_preparing(life: Life, end: End, now: datetime) -> Move:
    if life.generation >= MAX_GENERATIONS or life.host_id is None:
        return _finish(life, Position.ERROR, end)
    moved = replace(life, host_id=None, failed_hosts=(*life.failed_hosts, life.host_id), end=end)
    return _enter(moved, Position.PLACING, now), (Effect.PLACE, Effect.TELL_HOST)


def _ended_while_preparing(life: Life, event: EndedOnHost, now: datetime) -> Move:
    if event.generation != life.generation:
        return life, ()
    by = Decider.GAME if event.code in {"exited", "crashed", "out_of_memory"} else Decider.HOST
    return _failed_while_preparing(life, End(event.code, event.message, by, event.log_tail), now)


def _ended_while_running(life: Life, event: EndedOnHost, _now: datetime) -> Move:
    if event.generation != life.generation:
        return life, ()
    match event.code:
        case "exited":
            end = End("game_exited", "The game was closed from inside.", Decider.GAME, event.log_tail)
        case "expired" | "stopped":
            end = End(event.code, event.message, Decider.HOST, event.log_tail)
        case _:
            by = Decider.GAME if event.code in {"crashed", "out_of_memory"} else Decider.HOST
            return _finish(life, Position.ERROR, End(event.code, event.message, by, event.log_tail))
    return _finish(life, Position.STOPPED, end)


def _ended_while_stopping(life: Life, event: EndedOnHost, _now: datetime) -> Move:
    if event.generation != life.generation:
        return life, ()
    end = life.end or _ASKED_STOP
    if event.code == "save_failed":
        end = End(event.code, event.message, Decider.HOST, event.log_tail)
    return _finish(life, Position.STOPPED, end)


def _stop_before_host(life: Life, event: StopAsked, _now: datetime) -> Move:
    return _finish(life, Position.STOPPED, event.end)


def _stop_on_host(life: Life, event: StopAsked, now: datetime) -> Move:
    return _enter(replace(life, end=event.end), Position.STOPPING, now), (Effect.TELL_HOST,)


def _used(life: Life, _event: Used, now: datetime) -> Move:
    return replace(life, expires_at=max(life.expires_at, now + IDLE_TIMEOUT)), ()


def _placing_timed_out(life: Life, _event: DeadlinePassed, _now: datetime) -> Move:
    return _finish(life, Position.ERROR, life.end or _NO_PLACE)


def _preparing_timed_out(life: Life, _event: DeadlinePassed, now: datetime) -> Move:
    code, message = _TIMED_OUT[life.position]
    return _failed_while_preparing(life, End(code, message, Decider.ORCHESTRATOR), now)


def _running_timed_out(life: Life, _event: DeadlinePassed, now: datetime) -> Move:
    return _stop_on_host(life, StopAsked(_CAP if now >= life.ends_at else _IDLE), now)


def _stopping_timed_out(life: Life, _event: DeadlinePassed, _now: datetime) -> Move:
    return _finish(life, Position.STOPPED, _SILENT_STOP)


def _preparing_host_lost(life: Life, _event: HostLost, now: datetime) -> Move:
    return _failed_while_preparing(life, _HOST_LOST, now)


def _running_host_lost(life: Life, _event: HostLost, _now: datetime) -> Move:
    return _finish(life, Position.ERROR, _HOST_LOST)


MOVES: dict[tuple[Position, type[Event]], Callable[..., Move]] = {
    (Position.PLACING, Placed): _placed,
    (Position.PLACING, NowhereElse): _nowhere_else,
    (Position.PLACING, StopAsked): _stop_before_host,
    (Position.PLACING, Used): _used,
    (Position.PLACING, DeadlinePassed): _placing_timed_out,
    (Position.PULLING, Advanced): _advanced,
    (Position.PULLING, EndedOnHost): _ended_while_preparing,
    (Position.PULLING, StopAsked): _stop_on_host,
    (Position.PULLING, Used): _used,
    (Position.PULLING, DeadlinePassed): _preparing_timed_out,
    (Position.PULLING, HostLost): _preparing_host_lost,
    (Position.RESTORING, Advanced): _advanced,
    (Position.RESTORING, EndedOnHost): _ended_while_preparing,
    (Position.RESTORING, StopAsked): _stop_on_host,
    (Position.RESTORING, Used): _used,
    (Position.RESTORING, DeadlinePassed): _preparing_timed_out,
    (Position.RESTORING, HostLost): _preparing_host_lost,
    (Position.BOOTING, Advanced): _advanced,
    (Position.BOOTING, EndedOnHost): _ended_while_preparing,
    (Position.BOOTING, StopAsked): _stop_on_host,
    (Position.BOOTING, Used): _used,
    (Position.BOOTING, DeadlinePassed): _preparing_timed_out,
    (Position.BOOTING, HostLost): _preparing_host_lost,
    (Position.RUNNING, EndedOnHost): _ended_while_running,
    (Position.RUNNING, StopAsked): _stop_on_host,
    (Position.RUNNING, Used): _used,
    (Position.RUNNING, DeadlinePassed): _running_timed_out,
    (Position.RUNNING, HostLost): _running_host_lost,
    (Position.STOPPING, EndedOnHost): _ended_while_stopping,
    (Position.STOPPING, DeadlinePassed): _stopping_timed_out,
}
