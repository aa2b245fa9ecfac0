"""A host's life, told from what is known of it. Pure: time comes in, nothing is read or written.

    ready ⇄ draining       as an operator orders
      ↓        ↓
      suspect              its lease is over
        ↓
      lost                 for `LOST_AFTER_LEASE` more; what it ran may move
        ↓
      gone                 an operator removed it, or nobody missed it for `FORGOTTEN_AFTER`

From suspect and lost its next report brings it back to ready or draining; from gone nothing does. An operator may
remove a host in any state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LOST_AFTER_LEASE = timedelta(seconds=5)
FORGOTTEN_AFTER = timedelta(days=30)


class HostState(StrEnum):
    READY = "ready"
    DRAINING = "draining"
    SUSPECT = "suspect"
    LOST = "lost"
    GONE = "gone"


_AWAKE = frozenset({HostState.READY, HostState.DRAINING})

MOVES: Mapping[HostState, frozenset[HostState]] = {
    HostState.READY: frozenset({HostState.DRAINING, HostState.SUSPECT, HostState.GONE}),
    HostState.DRAINING: frozenset({HostState.READY, HostState.SUSPECT, HostState.GONE}),
    HostState.SUSPECT: _AWAKE | {HostState.LOST, HostState.GONE},
    HostState.LOST: _AWAKE | {HostState.GONE},
    HostState.GONE: frozenset(),
}
"""Every legal move. `changes` makes no other."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What decides. `lease_until` of a host that has never reported is when it joined."""

    lease_until: datetime
    draining_since: datetime | None
    removed_at: datetime | None

    @property
    def lost_at(self) -> datetime:
        return self.lease_until + LOST_AFTER_LEASE


@dataclass(frozen=True, slots=True)
class Change:
    state: HostState
    at: datetime


def state_of(facts: HostFacts, now: datetime) -> HostState:
    """What the host is now."""
    if facts.removed_at is not None:
        return HostState.GONE
    if now < facts.lease_until:
        return HostState.READY if facts.draining_since is None else HostState.DRAINING
    return HostState.SUSPECT if now < facts.lost_at else HostState.LOST


def changes(known: HostState, facts: HostFacts, now: datetime) -> tuple[Change, ...]:
    """The moves from the state that was last noted to that of now, each with its moment, however late somebody looks.

    A lost host whose lease was moved along with the clock stays lost until it reports.
    """
    state = state_of(facts, now)
    suspect, lost = Change(HostState.SUSPECT, facts.lease_until), Change(HostState.LOST, facts.lost_at)
    if state is known or known is HostState.GONE or (known, state) == (HostState.LOST, HostState.SUSPECT):
        return ()
    match state:
        case HostState.GONE:
            return (Change(state, facts.removed_at or now),)
        case HostState.SUSPECT:
            return (suspect,)
        case HostState.LOST:
            return (suspect, lost) if known in _AWAKE else (lost,)
        case HostState.DRAINING if known is HostState.READY:
            return (Change(state, facts.draining_since or now),)
        case _:
            return (Change(state, now),)


def is_forgotten(facts: HostFacts, sessions: int, now: datetime) -> bool:
    """Whether a lost host is removed without being asked for: nothing of a session is left to come back with it."""
    return facts.removed_at is None and sessions == 0 and now >= facts.lost_at + FORGOTTEN_AFTER
