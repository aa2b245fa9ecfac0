"""Which of the games and seats that no record on this host explains may be ended now. Pure.

Each may be somebody's game. It is ended because the orchestrator orders so: the session is listed with `want="stop"`,
or with a higher generation. What is not listed at all waits: `GRACE_S` where other sessions are listed, and where the
list is empty, which may be a mistake, `EMPTY_GRACE_S`, as long as a session lives that nobody plays. Time under an
empty list does not count under one that is not. Until the orchestrator was heard nothing is ended, and no time counts.
`MOST_AT_ONCE` go in one look, so that a mistake of ours cannot empty a host before anybody sees it in the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent_protocol import DesiredSession

GRACE_S = 60.0
EMPTY_GRACE_S = 1800.0
MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Orphan:
    """`name` is the container's; None for a seat alone. `generation` is -1 where nothing says it."""

    session_id: str
    generation: int
    name: str | None


@dataclass(frozen=True)
class Waiting:
    """Since when each of them has been seen without being listed, on a steady clock; whether any session was."""

    since_s: Mapping[Orphan, float] = field(default_factory=dict[Orphan, float])
    any_listed: bool = True


@dataclass(frozen=True)
class Verdict:
    """Whom to end now, and what to remember for the next look."""

    due: tuple[Orphan, ...]
    waiting: Waiting


def judge(
    orphans: Iterable[Orphan], desired: Sequence[DesiredSession] | None, waiting: Waiting, now_s: float
) -> Verdict:
    """`desired` is None until the orchestrator has been heard."""
    if desired is None:
        return Verdict((), Waiting())
    grace_s = GRACE_S if desired else EMPTY_GRACE_S
    seen_since_s = {} if desired and not waiting.any_listed else waiting.since_s
    orders = {order.session_id: order for order in sorted(desired, key=lambda order: order.generation)}
    since_s: dict[Orphan, float] = {}
    due: dict[Orphan, float] = {}
    for orphan in orphans:
        order = orders.get(orphan.session_id)
        if order is not None and order.generation >= orphan.generation:
            if not is_wanted(orphan, order):
                due[orphan] = 0.0
            continue
        since_s[orphan] = seen_since_s.get(orphan, now_s)
        if now_s - since_s[orphan] >= grace_s:
            due[orphan] = since_s[orphan]
    oldest_first = sorted(due, key=lambda orphan: (due[orphan], orphan.session_id, orphan.generation))
    return Verdict(tuple(oldest_first[:MOST_AT_ONCE]), Waiting(since_s, bool(desired)))


def is_wanted(orphan: Orphan, order: DesiredSession) -> bool:
    """Whether this is the very game that is to run here: it can be taken up without a record."""
    return (
        orphan.name is not None
        and (orphan.session_id, orphan.generation) == (order.session_id, order.generation)
        and order.want == "run"
    )
