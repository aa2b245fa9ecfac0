"""How far a session may go from where it is. Pure: the table of legal moves, and the deadlines of the phases that a
session has to pass.
"""

from agent_protocol import ObservedState

LEGAL_MOVES: dict[ObservedState, frozenset[ObservedState]] = {
    ObservedState.PULLING: frozenset({ObservedState.RESTORING, ObservedState.STOPPING}),
    ObservedState.RESTORING: frozenset({ObservedState.BOOTING, ObservedState.STOPPING}),
    ObservedState.BOOTING: frozenset({ObservedState.RUNNING, ObservedState.STOPPING}),
    ObservedState.RUNNING: frozenset({ObservedState.STOPPING}),
    ObservedState.STOPPING: frozenset({ObservedState.ENDED}),
    ObservedState.ENDED: frozenset(),
}

_RESTORING_WITHIN_S = 60.0
_RESTORING_MOST_S = 175.0  # the orchestrator gives it 180 s: a little before, it hears from us what is the matter
BOOTING_WITHIN_S = 60.0


def moved(state: ObservedState, to: ObservedState) -> ObservedState:
    """`to`, if the table allows it; staying is always allowed. A forbidden move is a bug and raises `ValueError`."""
    if to is not state and to not in LEGAL_MOVES[state]:
        raise ValueError(f"a session cannot go from {state} to {to}")
    return to


def restoring_within_s(size_bytes: int) -> float:
    """How long fetching and unpacking a save of this size may take: a minute, and what a slow line needs."""
    return min(_RESTORING_MOST_S, _RESTORING_WITHIN_S + size_bytes / 1024**2)
