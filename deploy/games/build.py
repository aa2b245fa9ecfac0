"""Makes a game's image out of Debian packages and gives it to a Docker Engine.

    build.py FOLDER            make the image of FOLDER/recipe.toml unless the engine already has this very recipe
    build.py --digest FOLDER   print what the image will be labelled with

Every game is one layer on the base image of `base/recipe.toml`, which is made first where the engine lacks it: what all
games need is fetched and kept once, and publishers' games have what they are laid on.
It needs root, mmdebstrap, tar and the docker command, and no image registry. The engine is the one of DOCKER_HOST.
Packages come from the Debian mirror of this machine's own apt sources, by its own proxy settings. On standard output it
prints one JSON object a line: {"step", "done", "total"}, then {"image", "image_id", "is_new"}.
Standard library only: it runs under any Python from 3.11.
"""

import argparse
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from image_builder import debian, engine
from image_builder.recipe import BASE, RUNTIME, BuildFailed, Recipe, read_recipe, report


def build(recipe: Recipe) -> str:
    """Makes the image, and the base where the engine lacks it; returns the image's id. Raises BuildFailed."""
    if os.geteuid() != 0:
        raise BuildFailed("Making an image out of Debian packages needs root.")
    for program in ("mmdebstrap", "tar", "docker"):
        if shutil.which(program) is None:
            raise BuildFailed(f"The program {program} is missing.")
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode != 0:
        raise BuildFailed("No Docker Engine answers. Start `make play`, or say by DOCKER_HOST which one to use.")
    base = read_recipe(BASE)
    before, digest = engine.existing_image(base)
    with tempfile.TemporaryDirectory(prefix="playhouse-image-") as work:
        root = Path(work, "root")
        if before is not None and digest == base.digest:
            image_id = before
            engine.unpack(base, root)
        else:
            image_id = _build_base(base, root)
        if not recipe.is_base:
            image_id = _build_game(recipe, base, root)
    return image_id


def _build_base(base: Recipe, root: Path) -> str:
    debian.install_base(root)
    debian.tidy(root)
    for folder in ("home/player", "session"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _lay_files(RUNTIME / "files", root)
    _run_inside(root, "fc-cache", "--system-only", "--force")
    return engine.import_root(base, root)


def _build_game(recipe: Recipe, base: Recipe, root: Path) -> str:
    before = _contents(root)
    debian.install_game(recipe, root)
    report("prepare", 0, 1)
    debian.tidy(root)
    _lay_files(recipe.folder / "files", root)
    _run_inside(root, "fc-cache", "--system-only")
    if recipe.prepare is not None:
        _copy(recipe.folder / recipe.prepare, root / "tmp" / recipe.prepare)
        _run_inside(root, "python3", f"/tmp/{recipe.prepare}")
        debian.empty(root / "tmp")
    report("prepare", 1, 1)
    changed = [path for path, seen in _contents(root).items() if before.get(path) != seen]
    return engine.commit(recipe, base, root, changed)


def _lay_files(files: Path, root: Path) -> None:
    if files.is_dir():
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(files, root, ignore=unwanted, dirs_exist_ok=True, copy_function=_copy)


def _contents(root: Path) -> dict[str, tuple[int, ...]]:
    """What is in the root and when it was touched last, by path. Package lists and an engine's files are left out."""
    found: dict[str, tuple[int, ...]] = {}
    left_out = {str(root / folder) for folder in (debian.LISTS, "dev", "proc", "sys", "run", "tmp")}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if f"{folder}/{name}" not in left_out]
        for name in (*folders, *files):
            path = f"{folder}/{name}"
            seen = os.lstat(path)
            is_folder = stat.S_ISDIR(seen.st_mode)  # which is touched by whatever comes into it
            own = (seen.st_uid, seen.st_gid) if is_folder else (seen.st_size, seen.st_ctime_ns)
            found[os.path.relpath(path, root)] = (seen.st_mode, seen.st_ino, *own)
    return found


def _run_inside(root: Path, *words: str) -> None:
    environment = ("-i", "HOME=/tmp/home", "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "SDL_VIDEODRIVER=dummy")
    ran = subprocess.run(
        ["chroot", str(root), "/usr/bin/env", *environment, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    if ran.returncode != 0:
        raise BuildFailed(f"{' '.join(words)} failed:\n{ran.stdout[-1000:]}{ran.stderr[-3000:]}")


def _copy(source: str | Path, target: str | Path) -> None:
    """Copied content and the right to run it, whatever the checkout's owner and umask."""
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if Path(source).stat().st_mode & 0o100 else 0o644)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a game's image out of Debian packages.")
    parser.add_argument("folder", type=Path, help="the folder with recipe.toml")
    parser.add_argument("--digest", action="store_true", help="print the recipe's digest and do nothing")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.folder)
    if arguments.digest:
        print(recipe.digest)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of what has to be tidied up
    before, digest = engine.existing_image(recipe)
    is_new = digest != recipe.digest
    try:
        if not is_new and engine.existing_image(read_recipe(BASE))[0] is None:
            build(read_recipe(BASE))  # somebody has removed it, and publishers' games need it
        image_id = build(recipe) if is_new else before
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    if is_new:
        engine.remove_image(before, digest)
    print(json.dumps({"image": recipe.image, "image_id": image_id, "is_new": is_new}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
