"""How the tracks look from behind the runner: metres become pixels of a display of 1280 by 720. Pure."""

from dataclasses import dataclass

WIDTH, HEIGHT = 1280, 720
HORIZON = 268
BEHIND_M = 5.2
"""How far the eye is behind the runner."""
EYE_M = 3.1
NEAREST_M, FARTHEST_M = 0.2, 110.0
GROUND_FROM_M = 4.2
"""What lies on the ground nearer than this is below the display."""
_FOCAL = 640.0
_HAZE_FROM_M = 18.0


@dataclass(frozen=True, slots=True)
class View:
    """From `eye_x_m` across the tracks and `distance_m` along them, where the runner is."""

    eye_x_m: float
    distance_m: float

    def depth_m(self, at_m: float) -> float:
        """From the eye to what stands at `at_m` along the tracks; negative behind it."""
        return at_m - self.distance_m + BEHIND_M

    def edge_m(self, x_m: float) -> float:
        """How far away what stands at `x_m` across the tracks comes into the display."""
        return max(NEAREST_M, abs(x_m - self.eye_x_m) * _FOCAL / (WIDTH / 2 + 10))

    def at(self, x_m: float, height_m: float, depth_m: float) -> tuple[float, float]:
        """Where on the display. `depth_m` is at least `NEAREST_M`."""
        scale = pixels_of_metre(depth_m)
        return WIDTH / 2 + (x_m - self.eye_x_m) * scale, HORIZON + (EYE_M - height_m) * scale


def pixels_of_metre(depth_m: float) -> float:
    return _FOCAL / depth_m


def haze(depth_m: float) -> float:
    """How much of what is so far away the evening air hides: 0 nothing, 1 all."""
    return max(0.0, min(1.0, (depth_m - _HAZE_FROM_M) / (FARTHEST_M - _HAZE_FROM_M))) ** 0.8


def blended(colour: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    """`share` of the other one."""
    red, green, blue = (round(one + (two - one) * share) for one, two in zip(colour, other, strict=True))
    return red, green, blue
