"""The tracks and all that stands on them at one moment, from behind the runner: from far to near."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter

import pygame

from subway_runner import backdrop, figure, palette, things
from subway_runner.course import LANE_M, LANES, Kind, Obstacle, number_at, stretch
from subway_runner.palette import Colour
from subway_runner.running import Run
from subway_runner.sparks import Spark
from subway_runner.view import BEHIND_M, FARTHEST_M, GROUND_FROM_M, NEAREST_M, View, blended, haze

_WALL_M, _WALL_TOP_M, _PANEL_M = 5.6, 1.15, 9.0
_SLEEPERS_M, _SLEEPERS_UNTIL_M = 1.3, 42.0
_RAIL_M = 0.72
_PIECES_M = (GROUND_FROM_M, 14.0, 20.0, 27.0, 36.0, 50.0, 72.0, FARTHEST_M)
_EYE_FOLLOWS = 0.8
Draws = Callable[[], None]
Order = tuple[float, float]
"""How far to the side of the eye its track is, and how far ahead it is. What stands on a track hides nothing of what
stands on one that is nearer to the eye, however far ahead that is.
"""


class Scene:
    """Draws on `display`. Everything that can be is drawn beforehand, which takes a good part of a second."""

    def __init__(self, display: pygame.Surface) -> None:
        self._display = display
        self._backdrop = backdrop.drawn()
        self._seen = things.Seen()
        self._coins, self._fronts = things.coins(), things.train_fronts()
        self.coin = self._coins[0]
        self._barrier, self._sign = things.barrier(), things.sign()
        self._lamp, self._tree = things.lamp(), things.tree()
        self._strides = [each.convert_alpha() for each in figure.strides()]
        self._turns = [each.convert_alpha() for each in figure.turns()]
        self._leap, self._fallen = figure.leap().convert_alpha(), figure.fallen().convert_alpha()

    def draw(self, run: Run, sparks: Sequence[Spark] = ()) -> None:
        view = View(run.x_m * _EYE_FOLLOWS, run.distance_m)
        self._display.blit(self._backdrop, (0, 0))
        self._ground(view)
        self._walls(view)
        beside = [*self._beside(view), *self._obstacles(run, view), *self._free_coins(run, view)]
        track_m = round(run.x_m / LANE_M) * LANE_M
        beside.append((_order(view, track_m, BEHIND_M), lambda: self._runner(run, view)))
        for _, draw in sorted(beside, key=itemgetter(0), reverse=True):
            draw()
        for spark in sparks:
            pygame.draw.circle(self._display, spark.colour, (spark.x, spark.y), spark.radius)

    def runner_at(self, run: Run) -> tuple[float, float]:
        """The middle of the runner on the display."""
        view = View(run.x_m * _EYE_FOLLOWS, run.distance_m)
        return view.at(run.x_m, run.height_m + 0.9, BEHIND_M)

    def _ground(self, view: View) -> None:
        half_m = LANE_M + 1.15
        self._strip(view, palette.BED, -half_m, half_m, _PIECES_M)
        first = int((view.distance_m - BEHIND_M + GROUND_FROM_M - 0.4) / _SLEEPERS_M) + 1
        for number in range(first, first + int(_SLEEPERS_UNTIL_M / _SLEEPERS_M)):
            near_m = view.depth_m(number * _SLEEPERS_M)
            far_m = near_m + 0.4
            hidden = min(1.0, haze(near_m) + (near_m / _SLEEPERS_UNTIL_M) ** 2)
            colour = blended(palette.SLEEPER, blended(palette.BED, palette.HAZE, haze(near_m)), hidden)
            corners = [view.at(-half_m, 0, near_m), view.at(half_m, 0, near_m)]
            corners += [view.at(half_m, 0, far_m), view.at(-half_m, 0, far_m)]
            pygame.draw.polygon(self._display, colour, corners)
        for middle_m in (-LANE_M / 2, LANE_M / 2):
            self._strip(view, palette.GROUND, middle_m - 0.22, middle_m + 0.22, _PIECES_M)
        for lane in LANES:
            for side_m in (-_RAIL_M, _RAIL_M):
                rail_m = lane * LANE_M + side_m
                self._strip(view, (50, 40, 60), rail_m - 0.09, rail_m + 0.09, (GROUND_FROM_M, 16.0))
                self._strip(view, palette.RAIL, rail_m - 0.045, rail_m + 0.045, (GROUND_FROM_M, 14.0, 40.0, FARTHEST_M))

    def _strip(self, view: View, colour: Colour, left_m: float, right_m: float, depths: Sequence[float]) -> None:
        """Along the tracks, in pieces from one depth to the next; the farther, the more the air hides them."""
        for near_m, far_m in pairwise(depths):
            corners = [view.at(left_m, 0, near_m), view.at(right_m, 0, near_m)]
            corners += [view.at(right_m, 0, far_m), view.at(left_m, 0, far_m)]
            hidden = min(1.0, 1.25 * haze((near_m + far_m) / 2)) if near_m > GROUND_FROM_M else 0.0
            pygame.draw.polygon(self._display, blended(colour, palette.HAZE, hidden), corners)

    def _walls(self, view: View) -> None:
        first = int((view.distance_m - BEHIND_M) // _PANEL_M)
        for number in range(first + int(FARTHEST_M / _PANEL_M), first - 1, -1):
            near_m = max(NEAREST_M, view.depth_m(number * _PANEL_M))
            far_m = view.depth_m((number + 1) * _PANEL_M)
            if far_m <= near_m:
                continue
            hidden = haze((near_m + far_m) / 2)
            for side in (-1, 1):
                x_m = side * _WALL_M
                painted = palette.PANELS[(number * 2 + (side > 0)) % len(palette.PANELS)]
                self._upright(view, blended(palette.WALL, palette.HAZE, hidden), x_m, near_m, far_m, 0.0, _WALL_TOP_M)
                gap_m = min(0.5, (far_m - near_m) / 3)
                colour = blended(blended(painted, palette.WALL, 0.25), palette.HAZE, hidden)
                self._upright(view, colour, x_m, near_m + gap_m, far_m - gap_m, 0.28, 0.92)
                shine = blended(blended(palette.SUN, palette.HAZE, hidden), palette.WALL, 0.45)
                self._upright(view, shine, x_m, near_m, far_m, _WALL_TOP_M - 0.07, _WALL_TOP_M)

    def _upright(
        self, view: View, colour: Colour, x_m: float, near_m: float, far_m: float, foot_m: float, top_m: float
    ) -> None:
        """A face along the tracks, as far as it is within the display."""
        near_m = max(near_m, view.edge_m(x_m))
        if far_m <= near_m:
            return
        corners = [view.at(x_m, foot_m, near_m), view.at(x_m, top_m, near_m)]
        corners += [view.at(x_m, top_m, far_m), view.at(x_m, foot_m, far_m)]
        pygame.draw.polygon(self._display, colour, corners)

    def _beside(self, view: View) -> list[tuple[Order, Draws]]:
        """Lamps and trees along the walls."""
        drawn: list[tuple[Order, Draws]] = []
        for thing, every_m, x_m, shift_m in (
            (self._lamp, 24.0, 5.9, 0.0),
            (self._tree, 13.0, 8.6, 5.0),
            (self._tree, 17.0, 12.5, 11.0),
        ):
            first = int((view.distance_m - BEHIND_M - shift_m) // every_m) + 1
            for number in range(first, first + int(FARTHEST_M / every_m)):
                depth_m = view.depth_m(number * every_m + shift_m)
                if depth_m > 2.0:
                    both = (self._standing(view, thing, side * x_m, 0.0, depth_m) for side in (-1, 1))
                    drawn.extend(((x_m + abs(view.eye_x_m), depth_m), draw) for draw in both)
        return drawn

    def _obstacles(self, run: Run, view: View) -> list[tuple[Order, Draws]]:
        drawn: list[tuple[Order, Draws]] = []
        for number in range(number_at(run.distance_m) - 1, number_at(run.distance_m + FARTHEST_M) + 1):
            if number < 0:
                continue
            for place, one in enumerate(stretch(run.seed, number).obstacles):
                near_m, far_m = view.depth_m(one.at_m), view.depth_m(one.at_m + one.length_m)
                if far_m <= NEAREST_M or near_m >= FARTHEST_M:
                    continue
                order = _order(view, one.lane * LANE_M, near_m)
                if one.kind is Kind.TRAIN:
                    livery = (number + place + one.lane) % len(self._fronts)
                    drawn.append((order, self._train(view, one, livery, near_m, far_m)))
                elif near_m > 1.0:
                    thing = self._barrier if one.kind is Kind.BARRIER else self._sign
                    drawn.append((order, self._standing(view, thing, one.lane * LANE_M, 0.0, near_m)))
        return drawn

    def _free_coins(self, run: Run, view: View) -> list[tuple[Order, Draws]]:
        drawn: list[tuple[Order, Draws]] = []
        for number in range(number_at(run.distance_m), number_at(run.distance_m + FARTHEST_M * 0.7) + 1):
            for place, coin in enumerate(stretch(run.seed, number).coins):
                depth_m = view.depth_m(coin.at_m)
                if depth_m > BEHIND_M - 1.5 and (number, place) not in run.taken:
                    turned = self._coins[int(run.ticks / 7 + coin.at_m) % len(self._coins)]
                    x_m, foot_m = coin.lane * LANE_M, coin.height_m - 0.4
                    drawn.append((_order(view, x_m, depth_m), self._standing(view, turned, x_m, foot_m, depth_m)))
        return drawn

    def _standing(self, view: View, thing: things.Thing, x_m: float, foot_m: float, depth_m: float) -> Draws:
        def draw() -> None:
            self._seen.draw(self._display, thing, *view.at(x_m, foot_m, depth_m), depth_m)

        return draw

    def _train(self, view: View, one: Obstacle, livery: int, near_m: float, far_m: float) -> Draws:
        body, stripe = palette.LIVERIES[livery]
        middle_m, half_m = one.lane * LANE_M, things.TRAIN_WIDTH_M / 2

        def draw() -> None:
            inner = middle_m + half_m if view.eye_x_m > middle_m else middle_m - half_m
            if abs(view.eye_x_m - middle_m) > half_m:
                self._train_side(view, body, stripe, inner, near_m, far_m)
            if near_m > NEAREST_M:
                self._standing(view, self._fronts[livery], middle_m, 0.0, near_m)()

        return draw

    def _train_side(self, view: View, body: Colour, stripe: Colour, x_m: float, near_m: float, far_m: float) -> None:
        hidden = haze((max(near_m, NEAREST_M) + far_m) / 2)

        def face(colour: Colour, begin_m: float, end_m: float, foot_m: float, top_m: float, shade: float = 0.3) -> None:
            shown = blended(blended(colour, palette.INK, shade), palette.HAZE, hidden)
            self._upright(view, shown, x_m, max(near_m, begin_m), end_m, foot_m, top_m)

        face(palette.INK, near_m, far_m, 0.05, 0.4)
        face(body, near_m, far_m, 0.35, things.TRAIN_HEIGHT_M - 0.05)
        face(stripe, near_m, far_m, 1.02, 1.22)
        end_m = far_m
        while end_m > near_m:  # cars of ten metres, from the rear
            for place in range(3):
                window_m = end_m - 3.2 * place - 0.6
                face(palette.INK, window_m - 2.55, window_m + 0.15, 1.5, 2.6)
                face(palette.LIT, window_m - 2.4, window_m, 1.6, 2.5, 0.08)
                face(palette.SUN, window_m - 2.4, window_m, 2.3, 2.5, 0.0)
            face(palette.INK, end_m - 10.0, end_m - 9.8, 0.35, things.TRAIN_HEIGHT_M - 0.05)
            end_m -= 10.0

    def _runner(self, run: Run, view: View) -> None:
        x, ground = view.at(run.x_m, 0.0, BEHIND_M)
        width = max(46, 120 - 40 * run.height_m)
        shadow = pygame.Surface((round(width), 26), pygame.SRCALPHA)
        pygame.draw.ellipse(shadow, (12, 8, 26, 130), shadow.get_rect())
        self._display.blit(shadow, shadow.get_rect(center=(x, ground - 2)))
        picture = self._pose(run)
        sunk_m = 0.22 if run.is_over else 0.04
        foot = view.at(run.x_m, run.height_m - sunk_m, BEHIND_M)[1]
        self._display.blit(picture, (x - picture.get_width() / 2, foot - picture.get_height()))

    def _pose(self, run: Run) -> pygame.Surface:
        if run.is_over:
            return self._fallen
        if run.is_rolling:
            return self._turns[int(run.distance_m / 0.45) % len(self._turns)]
        if run.is_in_the_air:
            return self._leap
        return self._strides[int(run.distance_m / 0.42) % len(self._strides)]


def _order(view: View, x_m: float, depth_m: float) -> Order:
    return abs(x_m - view.eye_x_m), depth_m
