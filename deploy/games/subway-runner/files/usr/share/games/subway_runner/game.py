"""The game: title, run, end, and again. It turns what happens on the display into steps of a run, and shows them.

Where the folder `/session/result` is there, a run counts for whoever started the game: it is played once, told in
`result.json` while it is played and when it is over, and then the game leaves.
"""

import json
import os
import random
import signal
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import pygame

from subway_runner import pilot, sparks
from subway_runner.keys import Strokes, action_of_key
from subway_runner.result import put, result_of
from subway_runner.running import TICK_S, Action, Run, step
from subway_runner.scene import Scene
from subway_runner.sound import Sounds
from subway_runner.view import HEIGHT, WIDTH
from subway_runner.words import Words

RESULTS = Path("/session/result")
TOLD_EVERY_S = 5.0
LEAVES_AFTER_S = 4.0
FALL_SEEN_S = 0.8
"""How long one looks at the fall before the figures come, and no key begins another run."""
LONGEST_FRAME_S = 0.1
"""After a longer pause the game goes on where it was."""


class Screen(StrEnum):
    TITLE = "title"
    RUNNING = "running"
    PAUSED = "paused"
    OVER = "over"


class Game:
    """`seed` is None for another course with every run."""

    def __init__(self, seed: int | None, home: Path, results: Path = RESULTS) -> None:
        self._seed = seed
        self._best_file = home / ".local" / "share" / "subway-runner" / "best.json"
        self._result_file = results / "result.json" if results.is_dir() else None
        self._best = _read_best(self._best_file)
        self._display = pygame.display.set_mode((WIDTH, HEIGHT), pygame.NOFRAME)
        pygame.display.set_caption("Subway Runner")
        self._scene = Scene(self._display)
        self._words = Words(self._display, self._scene.coin)
        self._sounds, self._strokes = Sounds(), Strokes()
        self._screen, self._is_best, self._is_shown = Screen.TITLE, False, False
        self._run = self._new_run()
        self._sparks: list[sparks.Spark] = []
        self._since_s, self._unstepped_s, self._untold_s = 0.0, 0.0, 0.0
        self._is_left = False
        signal.signal(signal.SIGTERM, self.leave)

    def leave(self, *_: object) -> None:
        self._is_left = True

    def play(self, frames_a_second: int) -> None:
        """Until it is told to leave, or has told a result."""
        clock = pygame.time.Clock()
        before_s = time.monotonic()
        while not self._is_left:
            now_s = time.monotonic()
            passed_s, before_s = min(LONGEST_FRAME_S, now_s - before_s), now_s
            self._go_on(passed_s, self._heard())
            self._show()
            clock.tick(frames_a_second)
        if self._screen is not Screen.OVER:
            self._tell(self._run if self._screen is not Screen.TITLE else Run(self._run.seed), is_closed=True)

    # What happens.

    def _heard(self) -> list[Action | None]:
        """What the player does; None for any other key."""
        heard: list[Action | None] = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.leave()
            elif event.type in {pygame.VIDEOEXPOSE, pygame.WINDOWEXPOSED}:
                self._is_shown = False
            elif event.type == pygame.KEYDOWN:
                if self._screen is Screen.RUNNING and event.key in {pygame.K_ESCAPE, pygame.K_p}:
                    self._turn_to(Screen.PAUSED)
                else:
                    heard.append(action_of_key(event.key))
            elif (action := self._strokes.heard(event)) is not None:
                heard.append(action)
        return heard

    def _go_on(self, passed_s: float, heard: Sequence[Action | None]) -> None:
        self._since_s += passed_s
        self._sparks = sparks.later(self._sparks, passed_s)
        match self._screen:
            case Screen.TITLE:
                self._advance(passed_s, None)
                if heard or self._run.is_over:
                    self._run = self._new_run()
                if heard:
                    self._turn_to(Screen.RUNNING)
                    self._tell(self._run)
            case Screen.RUNNING:
                self._advance(passed_s, [action for action in heard if action is not None])
                self._untold_s += passed_s
                if self._run.is_over:
                    self._end()
                elif self._untold_s >= TOLD_EVERY_S:
                    self._tell(self._run)
            case Screen.PAUSED:
                if heard:
                    self._turn_to(Screen.RUNNING)
            case Screen.OVER:
                if self._result_file is not None:
                    self._is_left = self._is_left or self._since_s >= LEAVES_AFTER_S
                elif heard and self._since_s >= 2 * FALL_SEEN_S:
                    self._run = self._new_run()
                    self._turn_to(Screen.RUNNING)

    def _advance(self, passed_s: float, actions: Sequence[Action] | None) -> None:
        """By itself where no player's `actions` are given."""
        before = self._run
        self._unstepped_s += passed_s
        while self._unstepped_s >= TICK_S:
            self._unstepped_s -= TICK_S
            self._run = step(self._run, pilot.actions(self._run) if actions is None else actions)
            actions = actions and []
        if actions is not None:
            self._sound(before, self._run)

    def _sound(self, before: Run, after: Run) -> None:
        if after.coins > before.coins:
            self._sounds.play("coin")
            self._sparks += sparks.burst(*self._scene.runner_at(after), 6, random.random)
        if after.is_in_the_air and not before.is_in_the_air:
            self._sounds.play("jump")
        if after.is_rolling and not before.is_rolling:
            self._sounds.play("roll")

    def _end(self) -> None:
        self._sounds.play("crash")
        self._sparks += sparks.burst(*self._scene.runner_at(self._run), 40, random.random)
        self._is_best = self._run.score > self._best
        if self._is_best:
            self._best = self._run.score
            try:
                self._best_file.parent.mkdir(parents=True, exist_ok=True)
                put(self._best_file, {"score": self._best})
            except OSError as error:
                print(f"the best score is not kept: {error.strerror}", flush=True)
        self._turn_to(Screen.OVER)
        self._tell(self._run)

    def _tell(self, run: Run, *, is_closed: bool = False) -> None:
        self._untold_s = 0.0
        if self._result_file is None:
            return
        try:
            put(self._result_file, result_of(run, is_closed=is_closed))
        except OSError as error:
            print(f"the result is not told: {error.strerror}", flush=True)

    def _turn_to(self, screen: Screen) -> None:
        self._screen, self._since_s, self._is_shown = screen, 0.0, False

    def _new_run(self) -> Run:
        seed = self._seed if self._seed is not None else random.SystemRandom().randrange(2**31)
        return Run(seed)

    # What is seen.

    def _show(self) -> None:
        """A picture that stands still is drawn once."""
        if self._is_shown:
            return
        self._scene.draw(self._run, self._sparks)
        match self._screen:
            case Screen.TITLE:
                self._words.title(self._best, is_lit=self._since_s % 1.4 < 1.0)
            case Screen.RUNNING:
                self._words.score(self._run.score, self._run.coins)
            case Screen.PAUSED:
                self._words.paused()
                self._is_shown = True
            case Screen.OVER:
                self._show_over()
        pygame.display.flip()

    def _show_over(self) -> None:
        if self._since_s < FALL_SEEN_S:
            self._words.score(self._run.score, self._run.coins)
            return
        run = self._run
        figures = ((f"{int(run.distance_m)} m", "run"), (str(run.coins), "coins"), (_clock(run.duration_s), "time"))
        is_told = self._result_file is not None
        next_words = "Your result is on its way" if is_told else "Press any key to run again"
        self._words.over(figures, run.score, is_best=self._is_best and not is_told, next_words=next_words)
        self._is_shown = not self._sparks


def _clock(duration_s: float) -> str:
    minutes, seconds = divmod(int(duration_s), 60)
    return f"{minutes}:{seconds:02}"


def _read_best(file: Path) -> int:
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["score"])
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or nothing that could be read
        return 0


def start(frames_a_second: int) -> None:
    """By what the environment says: `SUBWAY_RUNNER_SEED` chooses the course."""
    said = os.environ.get("SUBWAY_RUNNER_SEED")
    pygame.display.init()
    pygame.font.init()
    Game(int(said) if said else None, Path(os.environ["HOME"])).play(frames_a_second)
    pygame.quit()
