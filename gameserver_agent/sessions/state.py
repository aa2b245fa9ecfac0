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

RESTORING_WITHIN_S = 60.0
BOOTING_WITHIN_S = 60.0


def moved(state: ObservedState, to: ObservedState) -> ObservedState:
    """`to`, if the table allows it; staying is always allowed. A forbidden move is a bug and raises `ValueError`."""
    if to is not state and to not in LEGAL_MOVES[state]:
        raise ValueError(f"a session cannot go from {state} to {to}")
    return to
