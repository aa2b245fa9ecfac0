"""The life of a session as one table of legal moves. Pure: `(life, event, now) -> (life, effects)`.

    placing → pulling → restoring → booting → running → stopping → stopped
     ↑ ↑__________________________________|      |                      any → error
     | (next host, MAX_FAILED_PLACEMENTS)         |
     |____________________________________________|  (its host was lost; back to running there if it returns in time,
                                                     or is emptied: then it ends there with its save first)

Every position that is not final has a deadline, and `DeadlinePassed` has a move in each of them; whatever happens, the
cap ends the session. What is outside the table is ignored: a report of an older generation, news about a session that
is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent_protocol import EndCode
from orchestrator.play import reasons
from orchestrator.play.reasons import Decider, End, Reason, ended_on_host

IDLE_TIMEOUT = timedelta(minutes=30)
SESSION_CAP = timedelta(hours=8)
MAX_FAILED_PLACEMENTS = 3


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


PREPARING = (Position.PULLING, Position.RESTORING, Position.BOOTING)
STARTING = (Position.PLACING, *PREPARING)
FINAL = (Position.STOPPED, Position.ERROR)
ACTIVE = tuple(position for position in Position if position not in FINAL)
ON_HOST = (*PREPARING, Position.RUNNING, Position.STOPPING)

TIME_LIMITS = {
    Position.PLACING: timedelta(seconds=120),
    Position.PULLING: timedelta(seconds=30),  # without a byte: progress starts it anew
    Position.RESTORING: timedelta(seconds=180),  # of a large save on a slow line; the host gives up a small one before
    Position.BOOTING: timedelta(seconds=60),
    Position.STOPPING: timedelta(seconds=60),  # the game's grace, then the save's capture and sending
}


@dataclass(frozen=True, slots=True)
class Life:
    """What decides. `deadline` belongs to the position, `expires_at` (idle) and `ends_at` (cap) to the session.

    `generation` counts placements. `failed_hosts` could not bring the session up since it last ran. `former_host_id` is
    set while a session that lost its host, or was given away, waits for another: that host ran the current generation
    and may still do so. `for_result` is one run that cannot go on elsewhere.
    """

    position: Position
    generation: int
    host_id: str | None
    failed_hosts: tuple[str, ...]
    deadline: datetime | None
    expires_at: datetime
    ends_at: datetime
    end: End | None = None
    former_host_id: str | None = None
    for_result: bool = False


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
    """The host, or the former host, reports that the session is over there."""

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
    """The clock may be past the deadline of the position, the idle time or the cap."""


@dataclass(frozen=True, slots=True)
class HostLost:
    """The host's lease is over, and nobody sees the game's picture any more."""


@dataclass(frozen=True, slots=True)
class GivenAway:
    """Its host is to be emptied, nobody is connected, and another host has room: it ends there with its save and goes
    on elsewhere.
    """


@dataclass(frozen=True, slots=True)
class Returned:
    """A host that was lost reports that this generation still runs there."""

    host_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The database went back to a backup that was made during the session: where that went since, nobody knows."""


Event = (
    Placed
    | NowhereElse
    | Advanced
    | EndedOnHost
    | StopAsked
    | Used
    | DeadlinePassed
    | HostLost
    | GivenAway
    | Returned
    | Restored
)
Move = tuple[Life, tuple[Effect, ...]]

_TIMED_OUT = {
    Position.PULLING: reasons.PULL_STALLED,
    Position.RESTORING: reasons.RESTORE_TIMEOUT,
    Position.BOOTING: reasons.BOOT_TIMEOUT,
}
_ENDS_A_RELOCATION = frozenset({EndCode.EXITED, EndCode.EXPIRED, EndCode.SAVE_FAILED})


def new_life(now: datetime, *, for_result: bool = False) -> Life:
    """A session that was just asked for."""
    ends = now + IDLE_TIMEOUT, now + SESSION_CAP
    return _enter(Life(Position.PLACING, 0, None, (), None, *ends, for_result=for_result), Position.PLACING, now)


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
    return life.host_id is not None and life.position in (*PREPARING, Position.RUNNING)


def due_at(life: Life) -> datetime | None:
    """When time alone moves the session on; None once it is over."""
    if life.position in FINAL:
        return None
    if life.position is Position.STOPPING:
        return life.deadline
    ends = (life.expires_at, life.ends_at)
    return min(ends) if life.deadline is None else min(life.deadline, *ends)


def is_due(life: Life, now: datetime) -> bool:
    """True when `DeadlinePassed` has a move."""
    due = due_at(life)
    return due is not None and now >= due


def step(life: Life, event: Event, now: datetime) -> Move:
    """The move for this event, or the same life and no effect when the table has none."""
    move = MOVES.get((life.position, type(event)))
    if move is None or (isinstance(event, DeadlinePassed) and not is_due(life, now)):
        return life, ()
    if isinstance(event, Advanced | EndedOnHost | Returned) and event.generation != life.generation:
        return life, ()
    return move(life, event, now)


def _enter(life: Life, position: Position, now: datetime) -> Life:
    limit = TIME_LIMITS.get(position)
    return replace(life, position=position, deadline=now + limit if limit else None)


def _finish(life: Life, position: Position, end: End) -> Move:
    return replace(life, position=position, deadline=None, end=end), (Effect.TELL_HOST,)


def _placed(life: Life, event: Placed, now: datetime) -> Move:
    placed = replace(life, host_id=event.host_id, generation=life.generation + 1, former_host_id=None)
    return _enter(placed, Position.PULLING, now), (Effect.TELL_HOST,)


def _nowhere_else(life: Life, _event: NowhereElse, _now: datetime) -> Move:
    return _finish(life, Position.ERROR, life.end or reasons.NO_PLACE)


def _returned(life: Life, event: Returned, _now: datetime) -> Move:
    if event.host_id != life.former_host_id or life.end == reasons.HOST_DRAINED:  # what is given away ends there
        return life, ()
    back = replace(life, position=Position.RUNNING, host_id=event.host_id, former_host_id=None, deadline=None, end=None)
    return back, (Effect.TELL_HOST,)


def _advanced(life: Life, event: Advanced, now: datetime) -> Move:
    order = (*STARTING, Position.RUNNING)
    if event.position not in order:
        return life, ()
    if order.index(event.position) > order.index(life.position):
        moved = _enter(life, event.position, now)
        if event.position is not Position.RUNNING:
            return moved, ()
        return replace(moved, expires_at=now + IDLE_TIMEOUT, failed_hosts=(), end=None), (Effect.TELL_HOST,)
    if event.position is Position.PULLING and life.position is Position.PULLING and event.has_progress:
        return _enter(life, Position.PULLING, now), ()
    return life, ()


def _failed_while_preparing(life: Life, end: End, now: datetime) -> Move:
    failed = (*life.failed_hosts, str(life.host_id))
    if len(failed) >= MAX_FAILED_PLACEMENTS:
        return _finish(life, Position.ERROR, end)
    moved = replace(life, host_id=None, failed_hosts=failed, end=end)
    return _enter(moved, Position.PLACING, now), (Effect.PLACE, Effect.TELL_HOST)


def _ended_while_preparing(life: Life, event: EndedOnHost, now: datetime) -> Move:
    end = ended_on_host(event.code, event.message, event.log_tail)
    if event.code == EndCode.EXPIRED:
        return _finish(life, Position.STOPPED, end)
    if life.for_result and event.code == EndCode.EXITED:  # it was played before anybody heard that it runs
        return _ended_while_running(life, event, now)
    return _failed_while_preparing(life, end, now)


def _ended_while_running(life: Life, event: EndedOnHost, _now: datetime) -> Move:
    end = ended_on_host(event.code, event.message, event.log_tail)
    match event.code:
        case EndCode.EXITED:
            return _finish(life, Position.STOPPED, replace(end, code=Reason.GAME_EXITED))
        case EndCode.EXPIRED | EndCode.STOPPED:
            return _finish(life, Position.STOPPED, end)
        case _:
            return _finish(life, Position.ERROR, end)


def _ended_on_former(life: Life, event: EndedOnHost, now: datetime) -> Move:
    """The lost host is back without the game. What it saved is sent by now, so another may go on from there, or the
    same one; not when the game's own end was missed, or while the save is still to come.
    """
    if life.former_host_id is None:
        return life, ()
    if event.code in _ENDS_A_RELOCATION:
        return _ended_while_running(life, event, now)
    return replace(life, former_host_id=None), (Effect.PLACE,)


def _ended_while_stopping(life: Life, event: EndedOnHost, _now: datetime) -> Move:
    end = life.end or reasons.STOPPED_BY_PLAYER
    if event.code == EndCode.SAVE_FAILED:
        end = End(event.code, event.message, Decider.HOST, event.log_tail)
    return _finish(life, Position.STOPPED, end)


def _stop_before_host(life: Life, event: StopAsked, _now: datetime) -> Move:
    return _finish(life, Position.STOPPED, event.end)


def _stop_on_host(life: Life, event: StopAsked, now: datetime) -> Move:
    return _enter(replace(life, end=event.end), Position.STOPPING, now), (Effect.TELL_HOST,)


def _stop_again(life: Life, _event: StopAsked, _now: datetime) -> Move:
    return life, ()


def _used(life: Life, _event: Used, now: datetime) -> Move:
    return replace(life, expires_at=max(life.expires_at, now + IDLE_TIMEOUT)), ()


def _session_over(life: Life, now: datetime) -> StopAsked | None:
    if now >= life.ends_at:
        return StopAsked(reasons.CAP)
    return StopAsked(reasons.IDLE) if now >= life.expires_at else None


def _placing_timed_out(life: Life, _event: DeadlinePassed, now: datetime) -> Move:
    over = _session_over(life, now)
    if over is not None:
        return _stop_before_host(life, over, now)
    return _finish(life, Position.ERROR, life.end or reasons.NO_PLACE)


def _on_host_timed_out(life: Life, _event: DeadlinePassed, now: datetime) -> Move:
    over = _session_over(life, now)
    if over is not None:
        return _stop_on_host(life, over, now)
    return _failed_while_preparing(life, _TIMED_OUT[life.position], now)


def _stopping_timed_out(life: Life, _event: DeadlinePassed, _now: datetime) -> Move:
    return _finish(life, Position.STOPPED, reasons.SILENT_STOP)


def _preparing_host_lost(life: Life, _event: HostLost, now: datetime) -> Move:
    return _failed_while_preparing(life, reasons.HOST_LOST, now)


def _running_host_lost(life: Life, _event: HostLost, now: datetime) -> Move:
    if life.for_result:  # its host may still come back with the result
        return _stop_on_host(life, StopAsked(reasons.RUN_LOST), now)
    moved = replace(life, host_id=None, former_host_id=life.host_id, end=reasons.HOST_LOST)
    return _enter(moved, Position.PLACING, now), (Effect.PLACE, Effect.TELL_HOST)


def _given_away(life: Life, _event: GivenAway, now: datetime) -> Move:
    if life.for_result:
        return _stop_on_host(life, StopAsked(reasons.HOST_DRAINED), now)
    moved = replace(life, host_id=None, former_host_id=life.host_id, end=reasons.HOST_DRAINED)
    return _enter(moved, Position.PLACING, now), (Effect.TELL_HOST,)


def _restored(life: Life, _event: Restored, _now: datetime) -> Move:
    return _finish(life, Position.STOPPED, reasons.RESTORED)


_PREPARING_MOVES: dict[type[Event], Callable[..., Move]] = {
    Advanced: _advanced,
    EndedOnHost: _ended_while_preparing,
    StopAsked: _stop_on_host,
    Used: _used,
    DeadlinePassed: _on_host_timed_out,
    HostLost: _preparing_host_lost,
}

MOVES: dict[tuple[Position, type[Event]], Callable[..., Move]] = {
    (Position.PLACING, Placed): _placed,
    (Position.PLACING, NowhereElse): _nowhere_else,
    (Position.PLACING, Returned): _returned,
    (Position.PLACING, EndedOnHost): _ended_on_former,
    (Position.PLACING, StopAsked): _stop_before_host,
    (Position.PLACING, Used): _used,
    (Position.PLACING, DeadlinePassed): _placing_timed_out,
    **{(position, event): move for position in PREPARING for event, move in _PREPARING_MOVES.items()},
    (Position.RUNNING, EndedOnHost): _ended_while_running,
    (Position.RUNNING, StopAsked): _stop_on_host,
    (Position.RUNNING, Used): _used,
    (Position.RUNNING, DeadlinePassed): _on_host_timed_out,
    (Position.RUNNING, HostLost): _running_host_lost,
    (Position.RUNNING, GivenAway): _given_away,
    (Position.STOPPING, StopAsked): _stop_again,
    (Position.STOPPING, EndedOnHost): _ended_while_stopping,
    (Position.STOPPING, DeadlinePassed): _stopping_timed_out,
    **{(position, Restored): _restored for position in ACTIVE},
}
