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
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RUNTIME = Path(__file__).parent / "runtime"
BASE = Path(__file__).parent / "base"
RECIPE_LABEL = "playhouse.recipe"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://security.debian.org/debian-security"
APT_SETTINGS = re.compile(
    r'^(Acquire::https?::(?:[^ ]*::)?(?:Proxy|Proxy-Auto-Detect|CaInfo|CaPath)) "(.*)";$', re.IGNORECASE
)
MMDEBSTRAP_LEFTOVERS = (
    "etc/resolv.conf",
    "etc/hostname",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
)
UNUSED = ("usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/doc/*")
LISTS = Path("var/lib/apt/lists")  # kept between the base and a game on it, and in no image


class BuildFailed(Exception):
    """The image could not be made; the message says why and where to look."""


@dataclass(frozen=True)
class Recipe:
    folder: Path
    image: str
    suite: str
    packages: tuple[str, ...]
    environment: dict[str, str]
    command: tuple[str, ...]
    prepare: str | None

    @property
    def is_base(self) -> bool:
        return self.folder == BASE.resolve()

    @property
    def digest(self) -> str:
        """Changes whenever anything changes that the image is made of, except the packages' versions in Debian."""
        total = hashlib.sha256()
        for root in (Path(__file__), RUNTIME, BASE, *(() if self.is_base else (self.folder,))):
            for path in sorted([root, *root.rglob("*")]):
                if path.is_file() and path.name != "game.toml" and "__pycache__" not in path.parts:
                    total.update(f"{path.relative_to(root.parent)}\0{path.stat().st_mode & 0o111:o}\0".encode())
                    total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()


def read_recipe(folder: Path) -> Recipe:
    runtime = tomllib.loads((RUNTIME / "runtime.toml").read_text(encoding="utf-8"))
    recipe = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    return Recipe(
        folder=folder.resolve(),
        image=recipe["image"],
        suite=runtime["suite"],
        packages=tuple(recipe["packages"]),
        environment={**runtime["environment"], **recipe.get("environment", {})},
        command=tuple(recipe["command"]),
        prepare=recipe.get("prepare"),
    )


def runtime_packages() -> tuple[str, ...]:
    return tuple(tomllib.loads((RUNTIME / "runtime.toml").read_text(encoding="utf-8"))["packages"])


def report(step: str, done: int, total: int) -> None:
    print(json.dumps({"step": step, "done": done, "total": total}), flush=True)


def existing_image(recipe: Recipe) -> tuple[str | None, str]:
    """The id of the image that has this name now, None without one, and the digest of the recipe that made it."""
    form = '{{.Id}} {{index .Config.Labels "' + RECIPE_LABEL + '"}}'
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", form, recipe.image], capture_output=True, text=True, check=False
    )
    image_id, _, digest = found.stdout.strip().partition(" ")
    return (image_id, digest) if found.returncode == 0 else (None, "")


def remove_image(image_id: str | None, digest: str) -> None:
    """Gives the disk of an earlier recipe's image back, and of its base with the last game on it. What something still
    uses stays, and what is not ours.
    """
    if image_id is not None and re.fullmatch(r"[0-9a-f]{64}", digest):
        subprocess.run(["docker", "image", "rm", image_id], capture_output=True, check=False)


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
    before, digest = existing_image(base)
    with tempfile.TemporaryDirectory(prefix="playhouse-image-") as work:
        root = Path(work, "root")
        if before is not None and digest == base.digest:
            image_id = before
            _unpack(base, root)
        else:
            image_id = _build_base(base, root)
        if not recipe.is_base:
            image_id = _build_game(recipe, base, root)
    return image_id


def _build_base(base: Recipe, root: Path) -> str:
    install_base(root)
    _tidy(root)
    for folder in ("home/player", "session"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _lay_files(RUNTIME / "files", root)
    _run_inside(root, "fc-cache", "--system-only", "--force")
    return _import(base, root)


def _build_game(recipe: Recipe, base: Recipe, root: Path) -> str:
    before = _contents(root)
    install_game(recipe, root)
    report("prepare", 0, 1)
    _tidy(root)
    _lay_files(recipe.folder / "files", root)
    _run_inside(root, "fc-cache", "--system-only")
    if recipe.prepare is not None:
        _copy(recipe.folder / recipe.prepare, root / "tmp" / recipe.prepare)
        _run_inside(root, "python3", f"/tmp/{recipe.prepare}")
        _empty(root / "tmp")
    report("prepare", 1, 1)
    changed = [path for path, seen in _contents(root).items() if before.get(path) != seen]
    return _commit(recipe, base, root, changed)


def install_base(root: Path) -> None:
    """A root file system with what every game gets. Its package lists stay, for `install_game`."""
    _mmdebstrap(root, ("base", "runtime"), runtime_packages(), "--variant=minbase", "--skip=cleanup/apt/lists")


def install_game(recipe: Recipe, root: Path) -> None:
    """The recipe's packages, and what they need, into a root that has the base. Without any it does nothing."""
    if not recipe.packages:
        return
    _empty(root / "dev")  # mmdebstrap makes what belongs there, and stumbles over what is there
    has_lists = any((root / LISTS).glob("*_Packages*"))
    skipped = "--skip=check/empty" + (",update" if has_lists else "")
    _mmdebstrap(root, ("game",), recipe.packages, "--variant=custom", skipped)


def _mmdebstrap(root: Path, stages: tuple[str, ...], packages: Iterable[str], *options: str) -> None:
    suite = read_recipe(BASE).suite
    command = ["mmdebstrap", "--mode=root", "--verbose", "--format=directory", *options]
    command += ["--dpkgopt=force-unsafe-io"]  # nothing of this outlives a power cut
    command += [f"--dpkgopt=path-exclude=/{pattern}" for pattern in UNUSED]
    command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    command += [f"--aptopt={setting}" for setting in _apt_settings()]
    command += [f"--include={','.join(packages)}", suite, str(root), *_sources(suite)]
    said: list[str] = []
    # mmdebstrap mounts and unmounts as it goes: it is told to stop by its own signal, never killed in the middle
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        try:
            for step, done, total in _progress(running.stdout, said, *stages):
                report(step, done, total)
        except BaseException:
            running.terminate()
            raise
    if running.returncode != 0:
        raise BuildFailed("mmdebstrap could not install the packages:\n" + "\n".join(said[-15:]))


def _progress(
    lines: Iterator[str], said: list[str], stage: str, rest: str | None = None
) -> Iterator[tuple[str, int, int]]:
    """What apt's and dpkg's lines mean: first `stage`, then what is installed from inside, each fetched and set up."""
    total, fetched, installed = 0, 0, 0
    for line in lines:
        said.append(line.rstrip())
        del said[:-200]
        if line.startswith("I: running apt-get update"):
            yield "lists", 0, 1
        elif line.startswith("I: downloading packages"):
            yield "lists", 1, 1
        elif line.startswith("I: installing remaining packages"):
            stage, total, fetched, installed = rest or stage, 0, 0, 0
        elif found := re.match(r"\d+ upgraded, (\d+) newly installed", line):
            total = int(found.group(1))
        elif total and line.startswith("Get:"):
            fetched += 1
            yield f"fetch {stage}", min(fetched, total), total
        elif total and line.startswith(("Unpacking ", "Setting up ")):
            installed += 1
            yield f"install {stage}", min(installed, 2 * total), 2 * total


def _tidy(root: Path) -> None:
    for unwanted in MMDEBSTRAP_LEFTOVERS:
        (root / unwanted).unlink(missing_ok=True)


def _lay_files(files: Path, root: Path) -> None:
    if files.is_dir():
        shutil.copytree(files, root, dirs_exist_ok=True, copy_function=_copy)


def _empty(folder: Path) -> None:
    for left_over in folder.iterdir():
        if left_over.is_dir() and not left_over.is_symlink():
            shutil.rmtree(left_over)
        else:
            left_over.unlink()


def _contents(root: Path) -> dict[str, tuple[int, ...]]:
    """What is in the root and when it was touched last, by path. Package lists and an engine's files are left out."""
    found: dict[str, tuple[int, ...]] = {}
    left_out = {str(root / folder) for folder in (LISTS, "dev", "proc", "sys", "run", "tmp")}
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


def _import(recipe: Recipe, root: Path) -> str:
    """The root as an image of one layer."""
    size = int(subprocess.run(["du", "-sb", str(root)], capture_output=True, text=True, check=True).stdout.split()[0])
    packed = ["tar", "--numeric-owner", "--one-file-system", f"--exclude=./{LISTS}/*", "-C", str(root), "-c", "."]
    return _hand_over("import base", packed, size, ["docker", "import", *_changes(recipe), "-", recipe.image])


def _unpack(base: Recipe, root: Path) -> None:
    """The base as the engine has it."""
    root.mkdir()
    with _container(base.image) as container:
        exporter = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        unpacked = subprocess.run(
            ["tar", "--numeric-owner", "-C", str(root), "-x"], stdin=exporter.stdout, capture_output=True, check=False
        )
        if exporter.wait() != 0 or unpacked.returncode != 0:
            raise BuildFailed(f"The base image could not be read: {unpacked.stderr.decode(errors='replace')[-1000:]}")
    (root / ".dockerenv").unlink(missing_ok=True)


def _commit(recipe: Recipe, base: Recipe, root: Path, changed: Iterable[str]) -> str:
    """What has changed in the root as one layer on the base. Answers the image's id."""
    listed = root.with_name("changed")
    listed.write_bytes(b"".join(os.fsencode(path) + b"\0" for path in sorted(changed)))
    packed = ["tar", "--numeric-owner", "--no-recursion", "--null", "-C", str(root), "-T", str(listed), "-c"]
    size = sum((root / path).lstat().st_size for path in changed)
    with _container(base.image) as container:
        _hand_over("import", packed, size, ["docker", "cp", "-", f"{container}:/"])
        return _said(["docker", "commit", *_changes(recipe), container, recipe.image])


def _changes(recipe: Recipe) -> list[str]:
    changes = [f"ENV {name}={value}" for name, value in recipe.environment.items()]
    changes += [f"CMD {json.dumps(recipe.command)}", f"LABEL {RECIPE_LABEL}={recipe.digest}", "USER 65534:65534"]
    return [part for change in changes for part in ("--change", change)]


@contextmanager
def _container(image: str) -> Iterator[str]:
    """A container of this image that never runs; it is gone after the block."""
    container = _said(["docker", "create", "--network=none", image])
    try:
        yield container
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)


def _said(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise BuildFailed(f"{' '.join(command[:2])} failed: {ran.stderr.strip()}")
    return ran.stdout.strip()


def _hand_over(step: str, packed: list[str], size: int, taking: list[str]) -> str:
    """What one command packs goes to another; answers what that one says."""
    packer = subprocess.Popen(packed, stdout=subprocess.PIPE)
    taker = subprocess.Popen(taking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert packer.stdout is not None
    assert taker.stdin is not None
    assert taker.stdout is not None
    assert taker.stderr is not None
    done = 0
    try:
        while chunk := packer.stdout.read(1 << 20):
            taker.stdin.write(chunk)
            done += len(chunk)
            if done % (16 << 20) < (1 << 20):
                report(step, min(done, size), size)
        taker.stdin.close()
    except BrokenPipeError:
        packer.terminate()
    answer = taker.stdout.read().decode().strip()
    complaint = taker.stderr.read().decode().strip()
    if taker.wait() != 0 or packer.wait() != 0:
        raise BuildFailed(f"{' '.join(taking[:2])} failed: {complaint}")
    report(step, size, size)
    return answer


def _apt_settings() -> list[str]:
    """This machine's proxy and certificate settings of apt; mmdebstrap begins with none."""
    if shutil.which("apt-config") is None:
        return []
    dumped = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    return [f'{found[1]} "{found[2]}"' for line in dumped.splitlines() if (found := APT_SETTINGS.match(line))]


def _sources(suite: str) -> list[str]:
    """Lines for sources.list when this machine gets Debian from another place than everybody; else none."""
    if shutil.which("apt-get") is None:
        return []
    form = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    listed = subprocess.run(form, capture_output=True, text=True, check=False).stdout.split()
    places = [place.rstrip("/") for place in listed]
    mirror = next((place for place in places if place.endswith("/debian")), DEFAULT_MIRROR)
    if mirror == DEFAULT_MIRROR:
        return []
    security = next((place for place in places if place.endswith("/debian-security")), SECURITY_MIRROR)
    return [
        f"deb {mirror} {suite} main",
        f"deb {mirror} {suite}-updates main",
        f"deb {security} {suite}-security main",
    ]


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
    before, digest = existing_image(recipe)
    is_new = digest != recipe.digest
    try:
        if not is_new and existing_image(read_recipe(BASE))[0] is None:
            build(read_recipe(BASE))  # somebody has removed it, and publishers' games need it
        image_id = build(recipe) if is_new else before
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    if is_new:
        remove_image(before, digest)
    print(json.dumps({"image": recipe.image, "image_id": image_id, "is_new": is_new}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
