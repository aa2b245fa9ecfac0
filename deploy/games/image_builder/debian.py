"""Root file systems out of Debian's packages, by mmdebstrap."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from image_builder.recipe import BASE, BuildFailed, Recipe, read_recipe, report, runtime_packages

DEFAULT_MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://security.debian.org/debian-security"
APT_SETTINGS = re.compile(
    r'^(Acquire::https?::(?:[^ ]*::)?(?:Proxy|Proxy-Auto-Detect|CaInfo|CaPath)) "(.*)";$', re.IGNORECASE
)
UNUSED = ("usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/doc/*")
LISTS = Path("var/lib/apt/lists")  # kept between the base and a game on it, and in no image
MMDEBSTRAP_LEFTOVERS = (
    "etc/resolv.conf",
    "etc/hostname",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
)


def install_base(root: Path) -> None:
    """A root file system with what every game gets. Its package lists stay, for `install_game`."""
    _mmdebstrap(root, ("base", "runtime"), runtime_packages(), "--variant=minbase", "--skip=cleanup/apt/lists")


def install_game(recipe: Recipe, root: Path) -> None:
    """The recipe's packages, and what they need, into a root that has the base. Without any it does nothing."""
    if not recipe.packages:
        return
    empty(root / "dev")  # mmdebstrap makes what belongs there, and stumbles over what is there
    has_lists = any((root / LISTS).glob("*_Packages*"))
    skipped = "--skip=check/empty" + (",update" if has_lists else "")
    _mmdebstrap(root, ("game",), recipe.packages, "--variant=custom", skipped)


def tidy(root: Path) -> None:
    for unwanted in MMDEBSTRAP_LEFTOVERS:
        (root / unwanted).unlink(missing_ok=True)


def empty(folder: Path) -> None:
    for left_over in folder.iterdir():
        if left_over.is_dir() and not left_over.is_symlink():
            shutil.rmtree(left_over)
        else:
            left_over.unlink()


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
            for step, done, total in progress(running.stdout, said, *stages):
                report(step, done, total)
        except BaseException:
            running.terminate()
            raise
    if running.returncode != 0:
        raise BuildFailed("mmdebstrap could not install the packages:\n" + "\n".join(said[-15:]))


def progress(
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
