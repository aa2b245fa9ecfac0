"""Makes a game's image out of Debian packages and gives it to a Docker Engine.

    build.py FOLDER            make the image of FOLDER/recipe.toml unless the engine already has this very recipe
    build.py --digest FOLDER   print what the image will be labelled with

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
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUNTIME = Path(__file__).parent / "runtime"
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
    def digest(self) -> str:
        """Changes whenever anything changes that the image is made of, except the packages' versions in Debian."""
        total = hashlib.sha256()
        for root in (Path(__file__), RUNTIME, self.folder):
            for path in sorted([root, *root.rglob("*")]):
                if path.is_file() and path.name != "game.toml" and "__pycache__" not in path.parts:
                    total.update(f"{path.relative_to(root.parent)}\0{path.stat().st_mode & 0o111:o}\0".encode())
                    total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()


def read_recipe(folder: Path) -> Recipe:
    runtime = tomllib.loads((RUNTIME / "runtime.toml").read_text(encoding="utf-8"))
    recipe = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    return Recipe(
        folder=folder,
        image=recipe["image"],
        suite=runtime["suite"],
        packages=(*runtime["packages"], *recipe["packages"]),
        environment={**runtime["environment"], **recipe.get("environment", {})},
        command=tuple(recipe["command"]),
        prepare=recipe.get("prepare"),
    )


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


def remove_image(image_id: str) -> None:
    """Gives the disk of an earlier recipe's image back; one that a container still uses stays."""
    subprocess.run(["docker", "image", "rm", image_id], capture_output=True, check=False)


def build(recipe: Recipe) -> str:
    """Makes the image and returns its id. Raises BuildFailed."""
    if os.geteuid() != 0:
        raise BuildFailed("Making an image out of Debian packages needs root.")
    for program in ("mmdebstrap", "tar", "docker"):
        if shutil.which(program) is None:
            raise BuildFailed(f"The program {program} is missing.")
    with tempfile.TemporaryDirectory(prefix="playhouse-image-") as work:
        root = Path(work, "root")
        install(recipe, root)
        report("prepare", 0, 1)
        _prepare(recipe, root)
        report("prepare", 1, 1)
        return _import(recipe, root)


def install(recipe: Recipe, root: Path) -> None:
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--verbose", "--format=directory"]
    command += ["--dpkgopt=force-unsafe-io"]  # nothing of this outlives a power cut
    command += [f"--dpkgopt=path-exclude=/{pattern}" for pattern in UNUSED]
    command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    command += [f"--aptopt={setting}" for setting in _apt_settings()]
    command += [f"--include={','.join(recipe.packages)}", recipe.suite, str(root), *_sources(recipe.suite)]
    said: list[str] = []
    # mmdebstrap mounts and unmounts as it goes: it is told to stop by its own signal, never killed in the middle
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        try:
            for step, done, total in _progress(running.stdout, said):
                report(step, done, total)
        except BaseException:
            running.terminate()
            raise
    if running.returncode != 0:
        raise BuildFailed("mmdebstrap could not install the packages:\n" + "\n".join(said[-15:]))


def _progress(lines: Iterator[str], said: list[str]) -> Iterator[tuple[str, int, int]]:
    """What apt's and dpkg's lines mean: first the base, then the game and its libraries, each fetched and installed."""
    stage, total, fetched, installed = "base", 0, 0, 0
    for line in lines:
        said.append(line.rstrip())
        del said[:-200]
        if line.startswith("I: running apt-get update"):
            yield "lists", 0, 1
        elif line.startswith("I: downloading packages"):
            yield "lists", 1, 1
        elif line.startswith("I: installing remaining packages"):
            stage, total, fetched, installed = "game", 0, 0, 0
        elif found := re.match(r"\d+ upgraded, (\d+) newly installed", line):
            total = int(found.group(1))
        elif total and line.startswith("Get:"):
            fetched += 1
            yield f"fetch {stage}", min(fetched, total), total
        elif total and line.startswith(("Unpacking ", "Setting up ")):
            installed += 1
            yield f"install {stage}", min(installed, 2 * total), 2 * total


def _prepare(recipe: Recipe, root: Path) -> None:
    for unwanted in MMDEBSTRAP_LEFTOVERS:
        (root / unwanted).unlink(missing_ok=True)
    for files in (RUNTIME / "files", recipe.folder / "files"):
        if files.is_dir():
            shutil.copytree(files, root, dirs_exist_ok=True, copy_function=_copy)
    for folder in ("home/player", "session"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _run_inside(root, "fc-cache", "--system-only", "--force")
    if recipe.prepare is None:
        return
    script = root / "tmp" / recipe.prepare
    _copy(recipe.folder / recipe.prepare, script)
    _run_inside(root, "python3", f"/tmp/{recipe.prepare}")
    for left_over in (root / "tmp").iterdir():
        if left_over.is_dir():
            shutil.rmtree(left_over)
        else:
            left_over.unlink()


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
    size = int(subprocess.run(["du", "-sb", str(root)], capture_output=True, text=True, check=True).stdout.split()[0])
    changes = [f"ENV {name}={value}" for name, value in recipe.environment.items()]
    changes += [f"CMD {json.dumps(recipe.command)}", f"LABEL {RECIPE_LABEL}={recipe.digest}", "USER 65534:65534"]
    command = ["docker", "import", *[part for change in changes for part in ("--change", change)], "-", recipe.image]
    packer = subprocess.Popen(
        ["tar", "--numeric-owner", "--one-file-system", "-C", str(root), "-c", "."], stdout=subprocess.PIPE
    )
    importer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert packer.stdout is not None
    assert importer.stdin is not None
    assert importer.stdout is not None
    assert importer.stderr is not None
    done = 0
    try:
        while chunk := packer.stdout.read(1 << 20):
            importer.stdin.write(chunk)
            done += len(chunk)
            if done % (16 << 20) < (1 << 20):
                report("import", min(done, size), size)
        importer.stdin.close()
    except BrokenPipeError:
        packer.terminate()
    image_id = importer.stdout.read().decode().strip()
    complaint = importer.stderr.read().decode().strip()
    if importer.wait() != 0 or packer.wait() != 0:
        raise BuildFailed(f"docker import failed: {complaint}")
    report("import", size, size)
    return image_id


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
    recipe = read_recipe(arguments.folder.resolve())
    if arguments.digest:
        print(recipe.digest)
        return 0
    before, digest = existing_image(recipe)
    is_new = digest != recipe.digest
    try:
        image_id = build(recipe) if is_new else before
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    if is_new and before and re.fullmatch(r"[0-9a-f]{64}", digest):  # ours, by its label
        remove_image(before)
    print(json.dumps({"image": recipe.image, "image_id": image_id, "is_new": is_new}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
