"""How much sound is left out for a page that has fallen behind. Pure.

A browser that stood still, or whose network did, plays all sound that came meanwhile, a little faster than it was: for
many seconds it is heard long after the picture. What is left out is sound that has not been sent yet; the moments of
what follows tell the browser of the gap, which it jumps over once it has played what it holds.
"""

from dataclasses import dataclass

LEAST_S, MOST_S = 0.1, 3.0
SETTLES_S = 2.0


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Sound from `silent_until_s` on is sent. What a page says before `deaf_until_s` is of sound sent earlier."""

    silent_until_s: float = 0.0
    deaf_until_s: float = 0.0


def catching_up(state: CatchUp, behind_s: float, now: float) -> CatchUp:
    """The page plays sound `behind_s` later than it has to, by what it says at `now`."""
    if behind_s < LEAST_S or now < state.deaf_until_s:
        return state
    left_out_s = min(behind_s, MOST_S)
    return CatchUp(now + left_out_s, now + left_out_s + SETTLES_S)
