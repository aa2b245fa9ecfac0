"""Packs Debian's Ren'Py tutorial as Ren'Py's own launcher packs a game for Linux, for uploading it as a publisher does.

    pack.py FOLDER        write FOLDER/renpy-demo-linux.tar.gz; the two roots that it is made of stay in FOLDER

One folder: `renpy-demo.sh`, `renpy.py`, `renpy/`, `game/`, and below `lib/py3-linux-x86_64/` the Python and the
libraries that the base image lacks. It needs what `build.py` needs, but no engine. Links become what they lead to.
Standard library only: it runs under any Python from 3.11.
"""

import gzip
import io
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

GAMES = Path(__file__).parents[1]
sys.path.insert(0, str(GAMES))

from image_builder import debian  # noqa: E402  # found only now
from image_builder.recipe import read_recipe  # noqa: E402

TOP = "renpy-demo-linux"
LIBRARIES = f"{TOP}/lib/py3-linux-x86_64"
RENPY = "usr/share/games/renpy/"
PATCHED = b'renpy_base = "/usr/share/games/renpy"'  # where Debian's looks for itself
UPSTREAM = b"renpy_base = os.path.dirname(os.path.abspath(__file__))"
LAUNCHER = b"""#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
lib="$here/lib/py3-linux-x86_64/usr"
export PYTHONHOME="$lib" PYTHONPATH="$lib/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1
export LD_LIBRARY_PATH="$lib/lib/x86_64-linux-gnu:$lib/lib/x86_64-linux-gnu/blas:$lib/lib/x86_64-linux-gnu/lapack"
exec "$lib/bin/python3.13" "$here/renpy.py" "$here" "$@"
"""


def install(folder: Path, *, with_game: bool) -> Path:
    """A root with the base image's packages, and with the game's; one that is there already is used again."""
    root = folder / ("full" if with_game else "base")
    if not root.exists():
        debian.install_base(root)
        if with_game:
            debian.install_game(read_recipe(GAMES / "renpy-demo"), root)
    return root


def files(base: Path, full: Path) -> Iterator[tuple[str, Path]]:
    """Names in the distribution, each once, with the file that has the content."""
    seen = {f"{TOP}/renpy-demo.sh"}
    for folder, folders, names in os.walk(full / "usr"):
        folders.sort()
        linked = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = str(Path(folder, name).relative_to(full))
            target = None if os.path.lexists(base / path) else place(path)
            if target is None:
                continue
            real = followed(full, path)
            below = sorted(real.rglob("*")) if real.is_dir() else [real]
            for found in below:
                content = followed(full, str(found.relative_to(full)))
                inner = f"{target}/{found.relative_to(real)}" if real.is_dir() else target
                if content.is_file() and inner not in seen:
                    seen.add(inner)
                    yield inner, content


def place(path: str) -> str | None:
    """Where a file of the root goes, None for one that is not needed."""
    if "__pycache__" in path:
        return None
    if path.startswith(RENPY):
        inner = path.removeprefix(RENPY)
        if inner.startswith("demo/"):
            return f"{TOP}/{inner.removeprefix('demo/')}" if inner.startswith("demo/game/") else None
        return None if inner.startswith("launcher/") else f"{TOP}/{inner}"
    is_needed = path.startswith(("usr/lib/", "usr/bin/python3", "usr/share/fonts/", "usr/share/python3/"))
    return f"{LIBRARIES}/{path}" if is_needed else None


def followed(root: Path, path: str) -> Path:
    """What a path of the root leads to, as if the root were `/`."""
    for _ in range(40):
        here = root / path.lstrip("/")
        if not here.is_symlink():
            return here
        path = os.path.normpath(Path("/", path).parent / here.readlink())
    return root / path.lstrip("/")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    base, full = install(folder, with_game=False), install(folder, with_game=True)
    target = folder / "renpy-demo-linux.tar.gz"
    with (
        gzip.GzipFile(target, "wb", 6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        add(archive, f"{TOP}/renpy-demo.sh", LAUNCHER, is_executable=True)
        for name, source in files(base, full):
            content = source.read_bytes()
            if name == f"{TOP}/renpy.py":
                assert PATCHED in content
                content = content.replace(PATCHED, UPSTREAM)
            add(archive, name, content, is_executable=os.access(source, os.X_OK))
    print(target)


def add(archive: tarfile.TarFile, name: str, content: bytes, *, is_executable: bool) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o755 if is_executable else 0o644, 1_700_000_000
    archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main()
