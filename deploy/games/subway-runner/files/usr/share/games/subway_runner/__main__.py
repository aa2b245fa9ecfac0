"""`python3 -m subway_runner [FRAMES]`: FRAMES a second, 60 without."""

import os
import sys

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_WINDOW_POS", "0,0")
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")  # pictures go to the display as they are

from subway_runner.game import start

start(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
