"""Packs Debian's Ren'Py tutorial as Ren'Py's own launcher packs a game for Linux, for uploading it as a publisher does.

    pack.py FOLDER        write FOLDER/renpy-demo-linux.tar.gz

One folder: `renpy-demo.sh`, `renpy.py`, `renpy/`, `game/`, and below `lib/py3-linux-x86_64/` the Python and the
libraries that the base image lacks. It needs what `build.py` needs, but no engine: that of DOCKER_HOST saves time where
it has the base image. A link stays one where it leads to what is in the folder, else it becomes its target.
Standard library only: it runs under any Python from 3.11.
"""

import argparse
import gzip
import io
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

GAMES = Path(__file__).parents[1]
sys.path.insert(0, str(GAMES))

from image_builder import debian, engine  # noqa: E402 - found only now
from image_builder.recipe import BASE, read_recipe  # noqa: E402 - as above

TOP = "renpy-demo-linux"
LAUNCHER_PATH = f"{TOP}/renpy-demo.sh"
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


def install(root: Path) -> set[str]:
    """Makes a root with the game. Answers the paths of what the base image has of it."""
    base = read_recipe(BASE)
    if shutil.which("docker") is not None and engine.existing_image(base)[1] == base.digest:
        engine.unpack(base, root)
    else:
        debian.install_base(root)
    there = {str(path.relative_to(root)) for path in (root / "usr").rglob("*")}
    debian.install_game(read_recipe(GAMES / "renpy-demo"), root)
    return there


def files(root: Path, base: Collection[str]) -> Iterator[tuple[str, Path | str]]:
    """Names in the distribution, each with the file that has the content, or with where it leads as a link."""
    for folder, folders, names in os.walk(root / "usr"):
        folders.sort()
        linked = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = str(Path(folder, name).relative_to(root))
            target = None if path in base else place(path)
            if target is None or target == LAUNCHER_PATH:
                continue
            real = followed(root, path)
            inner = str(real.relative_to(root))
            leads_to = None if inner in base else place(inner)
            if (root / path).is_symlink() and leads_to is not None:
                yield target, os.path.relpath(leads_to, Path(target).parent)
            elif real.is_dir():
                for found in sorted(real.rglob("*")):
                    content = followed(root, str(found.relative_to(root)))
                    if content.is_file():
                        yield f"{target}/{found.relative_to(real)}", content
            elif real.is_file():
                yield target, real


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
    parser = argparse.ArgumentParser(
        description="Packs Debian's Ren'Py tutorial, for uploading it as a publisher does."
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "renpy-demo-linux.tar.gz"
    with (
        tempfile.TemporaryDirectory(prefix="renpy-demo-", dir=folder) as work,
        gzip.GzipFile(target, "wb", 1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        root = Path(work, "root")
        base = install(root)
        add(archive, LAUNCHER_PATH, LAUNCHER, is_executable=True)
        for name, source in files(root, base):
            if isinstance(source, str):
                link(archive, name, source)
                continue
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


def link(archive: tarfile.TarFile, name: str, leads_to: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mtime = tarfile.SYMTYPE, leads_to, 1_700_000_000
    archive.addfile(member)


if __name__ == "__main__":
    main()
