"""Finding and removing what a house has left: processes, mounts, folders, by its folder and its seats' uids."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from gameserver_agent.seats.places import FIRST_UID, LAST_UID

PREFIX = "chaos-"
OWNER = "owner.pid"


def clear(folder: Path, uids: set[int]) -> None:
    """Whatever happened: no process, no mount and no file of this house is left."""
    for seats in (folder / "seats", *folder.glob("h*/seats")):
        uids = uids | seat_uids(seats)
    kill_everything(folder, uids)
    unmount(folder)
    remove_x_leftovers(uids)
    shutil.rmtree(folder)


def clear_abandoned() -> None:
    """Houses whose test program was killed and could not clear them itself."""
    for owner in Path("/tmp").glob(f"{PREFIX}*/{OWNER}"):
        if not Path("/proc", owner.read_text()).exists():
            clear(owner.parent, set())


def kill_everything(folder: Path, uids: set[int]) -> None:
    """Every process that names this house, works in it, or is one of its seats. Forking ones need several rounds."""
    for _ in range(50):
        ours = [process for process, words in processes() if str(folder) in words or _works_in(process, folder)]
        ours += [process for process, _ in processes_of(uids)]
        if not ours:
            return
        for process in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def _works_in(process: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{process}/cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def unmount(folder: Path, keep: Path | None = None) -> None:
    for point in mounts_below(folder):
        if point != keep:
            subprocess.run(["umount", "--lazy", str(point)], check=False, capture_output=True)


def remove_x_leftovers(uids: set[int]) -> None:
    for left in x_leftovers(uids):
        left.unlink(missing_ok=True)


def seat_uids(seats: Path) -> set[int]:
    """Whom the seats that have a folder run as. A folder that is root's still is no seat's yet."""
    found: set[int] = set()
    for seat in seats.glob("*/*/seat"):
        with contextlib.suppress(OSError):
            found.add(seat.stat().st_uid)
    return {uid for uid in found if FIRST_UID <= uid <= LAST_UID}


def processes_of(uids: set[int]) -> list[tuple[int, str]]:
    """Every process of these seats' uids, with its words. Never asked about anybody else: what it finds is killed."""
    assert all(FIRST_UID <= uid <= LAST_UID for uid in uids), uids
    found: list[tuple[int, str]] = []
    for process, words in processes():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}").stat().st_uid in uids:
                found.append((process, words))
    return found


def processes() -> list[tuple[int, str]]:
    """Every process that lives, with its words."""
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}:
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if int(entry.name) != os.getpid():
            found.append((int(entry.name), words))
    return found


def mounts_below(folder: Path) -> list[Path]:
    """Mount points, the deepest first."""
    points = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in reversed(points) if point.is_relative_to(folder)]


def x_leftovers(uids: set[int]) -> list[Path]:
    """Sockets and locks of X servers of these users."""
    found: list[Path] = []
    for pattern in (".X11-unix/X*", ".X*-lock"):
        for path in Path("/tmp").glob(pattern):
            with contextlib.suppress(OSError):
                if path.lstat().st_uid in uids:
                    found.append(path)
    return found
