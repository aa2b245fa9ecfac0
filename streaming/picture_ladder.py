"""What picture a rate is worth: first fewer bits, then fewer pictures a second, then fewer rows. Pure.

A step down is taken when the rate has been too little for a while, a step up when it has been plenty for longer, so the
picture never swings between two sizes. Where it is many times what the step needs, there is no doubt to wait for.
"""

from dataclasses import dataclass, replace

from streaming.targets import VideoTarget

BITS_PER_PIXEL = 0.020
PLENTY, MANY_TIMES = 1.5, 4.0
DOWN_AFTER_S, UP_AFTER_S, UP_SOON_AFTER_S = 2.0, 8.0, 2.5
HALF_RATE_FROM_FPS = 50
HEIGHTS = (2160, 1440, 1080, 720, 540, 360)
LOWEST_BPS = 150_000


@dataclass(frozen=True, slots=True)
class Picture:
    """The largest picture that may be sent: the display's, or what the player chose."""

    width: int
    height: int
    fps: int


@dataclass(frozen=True, slots=True)
class LadderState:
    """`step` counts down from the full picture; `leaning_since_s` is since when another would fit better."""

    step: int = 0
    leaning: int = 0
    leaning_since_s: float = 0.0


def steps(full: Picture) -> tuple[Picture, ...]:
    """From the full picture down. Each has the shape of the display, and even rows and columns."""
    fps = full.fps // 2 if full.fps >= HALF_RATE_FROM_FPS else full.fps
    smaller = [
        Picture(round(full.width * rows / full.height / 2) * 2, rows, fps) for rows in HEIGHTS if rows < full.height
    ]
    halved = [replace(full, fps=fps)] if fps != full.fps else []
    return (full, *halved, *smaller)


def least_bps(picture: Picture) -> float:
    """Below this the picture is not worth its size."""
    return picture.width * picture.height * picture.fps * BITS_PER_PIXEL


def climbed(state: LadderState, full: Picture, bitrate_bps: float, now: float) -> tuple[LadderState, VideoTarget]:
    """The state at `now` with `bitrate_bps` to spend, and what to send."""
    ladder = steps(full)
    step = min(state.step, len(ladder) - 1)
    leaning = 0
    if step + 1 < len(ladder) and bitrate_bps < least_bps(ladder[step]):
        leaning = 1
    elif step > 0 and bitrate_bps > PLENTY * least_bps(ladder[step - 1]):
        leaning = -1
    since_s = state.leaning_since_s if leaning == state.leaning else now
    if leaning > 0:
        after_s = DOWN_AFTER_S
    else:
        after_s = UP_SOON_AFTER_S if bitrate_bps > MANY_TIMES * least_bps(ladder[max(0, step - 1)]) else UP_AFTER_S
    if leaning and now - since_s >= after_s:
        step, since_s = step + leaning, now
    picture = ladder[step]
    target = VideoTarget(max(LOWEST_BPS, round(bitrate_bps)), picture.fps, picture.height)
    return LadderState(step, leaning, since_s), target
