"""How far a session may go from where it is. Pure: the table of legal moves and every phase's deadline."""

from agent_protocol import ObservedState

LEGAL_MOVES: dict[ObservedState, frozenset[ObservedState]] = {
    ObservedState.PULLING: frozenset({ObservedState.RESTORING, ObservedState.STOPPING}),
    ObservedState.RESTORING: frozenset({ObservedState.BOOTING, ObservedState.STOPPING}),
    ObservedState.BOOTING: frozenset({ObservedState.RUNNING, ObservedState.STOPPING}),
    ObservedState.RUNNING: frozenset({ObservedState.STOPPING}),
    ObservedState.STOPPING: frozenset({ObservedState.ENDED}),
    ObservedState.ENDED: frozenset(),
}

DEADLINE_S: dict[ObservedState, float | None] = {
    ObservedState.PULLING: 30.0,  # without a byte
    ObservedState.RESTORING: 60.0,
    ObservedState.BOOTING: 60.0,
    ObservedState.RUNNING: None,  # the session's own `expires_at` and `ends_at`
    ObservedState.STOPPING: 30.0,
    ObservedState.ENDED: None,
}


def moved(state: ObservedState, to: ObservedState) -> ObservedState:
    """`to`, if the table allows it; staying is always allowed. A forbidden move is a bug and raises `ValueError`."""
    if to is not state and to not in LEGAL_MOVES[state]:
        raise ValueError(f"a session cannot go from {state} to {to}")
    return to
