"""By how much the pictures of a steady motion are held back, so that each meets a refresh of the player's screen. Pure.

Pictures that arrive at the edge of a refresh fall now before and now behind it: two meet in one, and the next has none.
Which phase is right only the page can see; it tells each second how many pictures it decoded and how many it showed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from streaming.page_messages import Shown

HOLDS_S = (0.0, 0.004, 0.008)
STEADY_SHARE = 0.9  # of the target rate; below it nothing can be learnt
MISSED_SHARE = 0.02
LOOKS = 2  # reports of one phase that are judged; the one before them is mixed with the phase before
REST_REPORTS = 30


@dataclass(frozen=True, slots=True)
class PhaseState:
    """`place` is that of the hold in `HOLDS_S`; `shares` are those of the pictures missed in the phases that were tried
    in this round, None for the others; `rest` counts the reports until a next round.
    """

    place: int = 0
    looks: tuple[float, ...] | None = None
    shares: tuple[float | None, ...] = (None,) * len(HOLDS_S)
    rest: int = 0

    @property
    def hold_s(self) -> float:
        return HOLDS_S[self.place]


def told(state: PhaseState, shown: Shown, fps: float) -> PhaseState:
    """After a report of the page, with pictures sent at up to `fps`: another phase is tried when this one misses, and
    of all that miss the best is kept for a while.
    """
    if shown.decoded < STEADY_SHARE * fps * shown.seconds or shown.decoded == 0:
        return replace(state, looks=None)
    if state.rest:
        return replace(state, rest=state.rest - 1)
    if state.looks is None:
        return replace(state, looks=())
    looks = (*state.looks, max(0, shown.decoded - shown.frames) / shown.decoded)
    if len(looks) < LOOKS:
        return replace(state, looks=looks)
    missed = sum(looks) / LOOKS
    if missed <= MISSED_SHARE:
        return PhaseState(state.place, looks=())
    return _moved_on([missed if place == state.place else share for place, share in enumerate(state.shares)])


def _moved_on(shares: Sequence[float | None]) -> PhaseState:
    if None in shares:
        return PhaseState(shares.index(None), shares=tuple(shares))
    known = [share for share in shares if share is not None]
    return PhaseState(known.index(min(known)), rest=REST_REPORTS)
