"""An image of Subway Runner out of what this machine has: its Python, the tests' pygame, and the libraries of both. No
package is fetched; the recipe's own image is Debian's, and is the same to play.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pygame

from orchestrator.embedded.game import GAMES
from tests.integration.docker_engine import DockerEngine

GAME = GAMES / "subway-runner" / "files" / "usr" / "share" / "games"
PYTHON = Path("/proc/self/exe").resolve()
SITE = Path(pygame.__file__).parents[1]
_SITE_THERE = Path("/usr/lib/own-game")
ENVIRONMENT = {"PYTHONPATH": f"/usr/share/games:{_SITE_THERE}"}
_NAMED_BY_SDL = ("libX11.so.6", "libXext.so.6", "libXcursor.so.1", "libXi.so.6", "libXfixes.so.3", "libXrandr.so.2")
_MODULES = """
import pkgutil, runpy, sys, traceback
sys.modules["numpy"] = None  # pygame does without
import subway_runner.game
for module in list(sys.modules.values()):
    for name in ("__file__", "__cached__"):
        print(getattr(module, name, None) or "")
"""


def import_own_game(engine: DockerEngine) -> str:
    """The image's id."""
    modules = {path for path in map(Path, _said(sys.executable, "-c", _MODULES).splitlines()) if path.is_file()}
    files = {path for path in modules if GAME not in path.parents} | set(SITE.glob("pygame*.libs/*"))
    files |= set(Path(pygame.__file__).parent.glob("freesansbold*"))
    x_libraries = re.findall(r"=> (/\S+)", _said("ldconfig", "-p"))
    files |= {path for path in map(Path, x_libraries) if path.name in _NAMED_BY_SDL}
    files |= {
        library for file in (PYTHON, *files) if ".so" in file.name or file == PYTHON for library in _named_by(file)
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", dereference=True) as archive:
        for folder in ("home/player", "session", "tmp", "run", "proc", "sys", "dev", "etc"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for file in sorted({PYTHON, *files}):
            archive.add(file.resolve(), str(_place_of(file)).lstrip("/"), recursive=False)
        archive.add(GAME / "subway_runner", "usr/share/games/subway_runner")
    client = engine.client()
    try:
        client.import_image_from_data(raw.getvalue(), repository="playhouse/own-game", tag="test")
        return str(client.inspect_image("playhouse/own-game:test")["Id"])
    finally:
        client.close()


def _place_of(file: Path) -> Path:
    """In the image. What the tests' environment has is elsewhere there: a game sees nothing of the image's `/tmp`."""
    return _SITE_THERE / file.relative_to(SITE) if file.is_relative_to(SITE) else file


def _said(*command: str) -> str:
    environment = {"PYTHONPATH": str(GAME), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def _named_by(binary: Path) -> list[Path]:
    """The shared libraries of a program or an extension module, the loader among them."""
    return [Path(os.path.normpath(path)) for path in re.findall(r"(/\S+) \(0x", _said("ldd", str(binary)))]
