"""Keys, and strokes of the mouse or a finger, as what the runner does."""

import pygame

from subway_runner.running import Action

_KEYS = {
    pygame.K_LEFT: Action.LEFT,
    pygame.K_a: Action.LEFT,
    pygame.K_RIGHT: Action.RIGHT,
    pygame.K_d: Action.RIGHT,
    pygame.K_UP: Action.JUMP,
    pygame.K_w: Action.JUMP,
    pygame.K_SPACE: Action.JUMP,
    pygame.K_DOWN: Action.ROLL,
    pygame.K_s: Action.ROLL,
}
_STROKE_PX = 40


def action_of_key(key: int) -> Action | None:
    return _KEYS.get(key)


class Strokes:
    """A stroke is told as soon as it is long enough, once for each press."""

    def __init__(self) -> None:
        self._begun: tuple[int, int] | None = None

    def heard(self, event: pygame.event.Event) -> Action | None:
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._begun = event.pos
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._begun = None
        elif event.type == pygame.MOUSEMOTION and self._begun is not None:
            action = stroke(event.pos[0] - self._begun[0], event.pos[1] - self._begun[1])
            if action is not None:
                self._begun = None
            return action
        return None


def stroke(right_px: int, down_px: int) -> Action | None:
    """None while it is too short to say whither."""
    if max(abs(right_px), abs(down_px)) < _STROKE_PX:
        return None
    if abs(right_px) > abs(down_px):
        return Action.RIGHT if right_px > 0 else Action.LEFT
    return Action.ROLL if down_px > 0 else Action.JUMP
