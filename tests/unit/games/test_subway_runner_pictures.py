"""Subway Runner's pictures, drawn without a display: a long run takes no more memory than its build may have."""

import os
import subprocess
import sys

from orchestrator.catalog.definition import load_definition
from orchestrator.embedded.game import GAMES

GAME = GAMES / "subway-runner"
RUNS = """
import re
import pygame
from subway_runner import pilot
from subway_runner.running import Run, step
from subway_runner.scene import Scene

pygame.display.init()
pygame.font.init()
scene = Scene(pygame.display.set_mode((1280, 720)))
run = Run(3)
while run.distance_m < 900:
    for _ in range(6):
        run = step(run, pilot.actions(run))
    scene.draw(run)
status = open("/proc/self/status").read()  # getrusage would tell of whoever started this, too
print(run.distance_m, int(re.search("VmHWM:(.*) kB", status)[1]) * 1024)
"""


def test_a_long_run_takes_well_under_the_memory_that_it_may_have() -> None:
    path = str(GAME / "files" / "usr" / "share" / "games")
    environment = {**os.environ, "PYTHONPATH": path, "SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    ran = subprocess.run([sys.executable, "-c", RUNS], env=environment, capture_output=True, text=True, check=True)
    distance_m, most_bytes = (float(word) for word in ran.stdout.split())
    assert distance_m >= 900
    assert most_bytes < load_definition(GAME / "game.toml").build.limits.memory_bytes * 0.6
