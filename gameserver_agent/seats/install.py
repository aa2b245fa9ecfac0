"""A versioned install folder for seats, and an interpreter that a seat's uid can run.

A seat outlives the agent and runs as a uid that often cannot read the checkout (a home folder of mode 0700). So what
the `streaming` package needs is put, once per version, into a folder that anybody can read: hard links where the file
system allows it, copies elsewhere. A finished folder is never changed; it appears by one rename. It is removed by the
start of an agent of another version, once no seat runs from it and no agent starts seats from it. One that is being
made is held by its maker; what nobody holds any more was left by a crash. Whatever is not called like one of these
folders is a stranger's, and stays.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gameserver_agent.errors import StartUpError

log = structlog.get_logger()
_ROOTS = ("aiortc", "av", "numpy", "pydantic", "xcffib")
_OURS = re.compile(r"\.*[0-9a-f]{16}(\.[0-9a-f]{8})*")  # a version, in the making or on its way out
_REQUIREMENT_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_PRIME = "import pydantic, av, aiortc, numpy, xcffib, streaming.worker, streaming.studio"


@dataclass(frozen=True)
class SeatRuntime:
    """How a seat worker is started: `interpreter -P -s -S -m streaming.worker` with `PYTHONPATH=site`. The folder stays
    while this is open, whoever else removes old versions.
    """

    interpreter: str
    site: Path
    hold: int = field(compare=False)

    def close(self) -> None:
        os.close(self.hold)


def install(parent: Path) -> SeatRuntime:
    """Make sure that this version is installed below `parent`, and say where. Blocks for seconds the first time,
    milliseconds afterwards. Safe to run from several agents at once.
    """
    interpreter = readable_interpreter()
    distributions = _needed(_ROOTS)
    streaming = _package_folder("streaming")
    version = _version(streaming, distributions)
    site = parent / version
    while (hold := _held(site)) is None:
        _make(site, interpreter, streaming, distributions)
    for folder in (parent, site):
        if not _is_reachable(folder):
            os.close(hold)
            raise StartUpError(f"{folder} cannot be entered by the uids that seats run as; put it elsewhere")
    _remove_unused(parent, site)
    return SeatRuntime(interpreter, site, hold)


def readable_interpreter() -> str:
    """A Python of our minor version that any uid can run. Raises `StartUpError` saying what to install."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    candidates = [own, f"/usr/bin/python{minor}", f"/usr/local/bin/python{minor}"]
    if os.geteuid() != 0:
        return own
    for candidate in candidates:
        path = Path(candidate)
        if path.exists() and _is_reachable(path) and (candidate != own or _is_reachable(_standard_library())):
            return candidate
    raise StartUpError(
        f"seats run as users of their own and need a Python {minor} that everybody can read, and {own} is not: "
        f"install python{minor} (Debian/Ubuntu: apt-get install python{minor}) or run the agent from one under /usr"
    )


def _make(
    site: Path, interpreter: str, streaming: Path, distributions: Iterable[importlib.metadata.Distribution]
) -> None:
    """The finished folder, ours or that of somebody who was faster."""
    while True:
        temporary = site.with_name(f".{site.name}.{secrets.token_hex(4)}")
        temporary.mkdir(mode=0o755, parents=True)
        if (hold := _held(temporary)) is not None:
            break
    try:
        _fill(temporary, streaming, distributions)
        _prime(interpreter, temporary)
        temporary.chmod(0o755)
        try:
            temporary.rename(site)
        except OSError:
            if not site.exists():
                raise
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)
        os.close(hold)
    log.info("seat_runtime.installed", folder=str(site))


def _held(site: Path) -> int | None:
    """A descriptor that keeps the folder from being removed. None when it is not there, or about to go."""
    try:
        hold = os.open(site, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(hold, fcntl.LOCK_SH)
    if site.exists() and os.fstat(hold).st_ino == site.stat().st_ino:
        return hold
    os.close(hold)  # whoever removed it was faster
    return None


def _remove_unused(parent: Path, current: Path) -> None:
    """Other versions that no agent holds and from which no living process runs, and what a crash left half made."""
    others = [path for path in parent.iterdir() if path != current and _OURS.fullmatch(path.name)]
    environments = _environments() if others else ()
    for version in others:
        in_use = f"PYTHONPATH={version}\0".encode()
        if any(in_use in environment for environment in environments):
            continue
        with suppress(OSError):
            _remove_unheld(version)


def _remove_unheld(version: Path) -> None:
    """Raises `BlockingIOError` when somebody holds it. It leaves its name at once, so that nobody takes half of it."""
    lock = os.open(version, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        going = version.with_name(f".{version.name}.{secrets.token_hex(4)}")
        version.rename(going)
        shutil.rmtree(going, ignore_errors=True)
    finally:
        os.close(lock)


def _environments() -> tuple[bytes, ...]:
    found: list[bytes] = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # it ended while we looked
                found.append((process / "environ").read_bytes())
    return tuple(found)


def _standard_library() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def _is_reachable(path: Path) -> bool:
    """Can a uid that is nobody special read it, and enter every folder on the way?"""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    wanted = 0o5 if path.is_dir() or os.access(path, os.X_OK) else 0o4
    real = path.resolve()
    return real.stat().st_mode & wanted == wanted and all(parent.stat().st_mode & 0o1 for parent in real.parents)


def _needed(roots: Iterable[str]) -> tuple[importlib.metadata.Distribution, ...]:
    """The installed distributions that `roots` need, themselves included, sorted by name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    left = list(roots)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in roots:
                raise StartUpError(f"the package {name} is missing: install playhouse[agent]") from None
            continue  # needed on another platform or Python only
        found[name] = distribution
        for requirement in distribution.requires or ():
            match = _REQUIREMENT_NAME.match(requirement)
            if match is not None and "extra ==" not in requirement:
                left.append(match.group())
    return tuple(distribution for _, distribution in sorted(found.items()))


def _package_folder(name: str) -> Path:
    specification = importlib.util.find_spec(name)
    if specification is None or specification.origin is None:
        raise StartUpError(f"the package {name} is missing: install playhouse[agent]")
    return Path(specification.origin).parent


def _version(streaming: Path, distributions: Iterable[importlib.metadata.Distribution]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for distribution in distributions:
        digest.update(f"{distribution.name} {distribution.version}\n".encode())
    for file in sorted(streaming.rglob("*.py")):
        digest.update(str(file.relative_to(streaming)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _fill(site: Path, streaming: Path, distributions: Iterable[importlib.metadata.Distribution]) -> None:
    for file in streaming.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            _place(file, site / "streaming" / file.relative_to(streaming), may_link=False)
    for distribution in distributions:
        base = Path(str(distribution.locate_file("")))
        for relative in _files(distribution):
            _place(base / relative, site / relative, may_link=True)


def _files(distribution: importlib.metadata.Distribution) -> Iterator[Path]:
    """Files below site-packages, without scripts, compiled leftovers and tests."""
    for listed in distribution.files or ():
        relative = Path(str(listed))
        if ".." in relative.parts or relative.is_absolute() or "__pycache__" in relative.parts:
            continue
        if "tests" in relative.parts or not (Path(str(distribution.locate_file(relative)))).is_file():
            continue
        yield relative


def _place(source: Path, target: Path, *, may_link: bool) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if target.exists():
        return
    if may_link and source.stat().st_mode & 0o044 == 0o044:
        try:
            os.link(source, target)
        except OSError:
            pass  # another file system, or links to others' files are forbidden: a copy does as well
        else:
            return
    shutil.copy2(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _prime(interpreter: str, site: Path) -> None:
    """Import what a worker imports: it proves the folder, and leaves compiled files that make every start fast."""
    result = subprocess.run(
        [interpreter, "-P", "-s", "-S", "-c", _PRIME],
        env={"PYTHONPATH": str(site), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        timeout=120,
        check=False,
        umask=0o022,
    )
    if result.returncode != 0:
        last = result.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise StartUpError(f"the seat runtime does not start with {interpreter}: {last[0]}")
