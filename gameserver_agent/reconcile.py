"""What to do next, given what is here, what is wanted, and the time. Pure.

An absent, empty or unreadable desired state kills nothing: a session ends because it is listed with `want="stop"`,
because a higher generation of it is wanted, or because its own deadline has passed by this host's clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent_protocol import DesiredSession


@dataclass(frozen=True)
class Seen:
    """One session on this host. `was_reported` says that an ended one has reached the orchestrator since it ended."""

    desired: DesiredSession
    is_stopping: bool = False
    has_ended: bool = False
    was_reported: bool = False


@dataclass(frozen=True)
class Start:
    desired: DesiredSession


@dataclass(frozen=True)
class Renew:
    """Same generation, newer deadlines or epoch."""

    desired: DesiredSession


@dataclass(frozen=True)
class Stop:
    session_id: str
    code: str
    message: str


@dataclass(frozen=True)
class NoteEnded:
    """The session is to be over and is not here: say so, or the orchestrator would wait for it."""

    desired: DesiredSession
    code: str
    message: str


@dataclass(frozen=True)
class Forget:
    session_id: str


Action = Start | Renew | Stop | NoteEnded | Forget

_STOPPED = "The session was stopped."
_EXPIRED = "The session was ended because nobody was playing any more."
_CAPPED = "The session was ended because it reached its longest duration."


def plan(observed: Iterable[Seen], desired: Iterable[DesiredSession] | None, now: datetime) -> tuple[Action, ...]:
    """At most one action for a session. `desired` is None until the orchestrator has been heard."""
    wanted = {} if desired is None else _newest(desired)
    actions: list[Action] = []
    here: set[str] = set()
    for seen in observed:
        session_id = seen.desired.session_id
        here.add(session_id)
        action = _for_seen(seen, wanted.get(session_id), now, was_heard=desired is not None)
        if action is not None:
            actions.append(action)
    actions.extend(_for_new(order, now) for session_id, order in wanted.items() if session_id not in here)
    return tuple(actions)


def _newest(desired: Iterable[DesiredSession]) -> Mapping[str, DesiredSession]:
    newest: dict[str, DesiredSession] = {}
    for order in desired:
        other = newest.get(order.session_id)
        if other is None or order.generation > other.generation:
            newest[order.session_id] = order
    return newest


def _for_seen(seen: Seen, order: DesiredSession | None, now: datetime, *, was_heard: bool) -> Action | None:
    mine = seen.desired
    if seen.has_ended:
        if order is None:
            return Forget(mine.session_id) if was_heard and seen.was_reported else None
        return _for_new(order, now) if order.generation > mine.generation else None
    if seen.is_stopping:
        return None
    if order is None or order.generation < mine.generation:  # not listed, or an old answer
        return _for_running(mine, mine, now)
    return _for_running(mine, order, now)


def _for_running(mine: DesiredSession, order: DesiredSession, now: datetime) -> Action | None:
    if order.generation > mine.generation:
        return Stop(mine.session_id, "stopped", "The session was started anew.")
    if order.want == "stop":
        return Stop(mine.session_id, "stopped", _STOPPED)
    late = _late(order, now)
    if late is not None:
        return Stop(mine.session_id, "expired", late)
    return Renew(order) if order != mine else None


def _for_new(order: DesiredSession, now: datetime) -> Action:
    if order.want == "stop":
        return NoteEnded(order, "stopped", _STOPPED)
    late = _late(order, now)
    return NoteEnded(order, "expired", late) if late is not None else Start(order)


def _late(order: DesiredSession, now: datetime) -> str | None:
    if now >= order.ends_at:
        return _CAPPED
    return _EXPIRED if now >= order.expires_at else None
