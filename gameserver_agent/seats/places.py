"""Where a seat lives on the host: a folder with a short path, and a uid that no other living seat has.

A uid is taken by the folder that it owns: whoever holds the lock file sees every agent's seats of this machine, so two
agents never share a uid. One under which anything runs is taken as well. A seat that was started before its session is
bound to it by a link in its folder, which can be made once. All calls block and are run in a thread.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gameserver_agent.errors import SeatError
from gameserver_agent.saves.archive import Owner

FIRST_UID = 210_000
LAST_UID = 219_999
_KILL_ROUNDS = 100
_WAITING = "waiting."  # no session's id has a dot in it
_BOUND_TO = "bound-to"
X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where every X server and client looks


@dataclass(frozen=True)
class SeatPlace:
    """`seat` is the worker's own folder; `session` is what the game sees as `/session`: mount points, and read-only."""

    folder: Path
    owner: Owner

    @property
    def seat(self) -> Path:
        return self.folder / "seat"

    @property
    def session(self) -> Path:
        return self.folder / "session"

    @property
    def control_socket(self) -> Path:
        return self.seat / "control.sock"


class SeatPlaces:
    """All seat folders of this machine's agents lie at `root/<host>/<session>`, or `root/<host>/waiting.<number>`."""

    def __init__(self, root: Path, host_id: str) -> None:
        self._root = root
        self._own = root / host_id
        self._is_root = os.geteuid() == 0

    def claim(self, session_id: str) -> SeatPlace:
        """A fresh folder and a free uid. What an earlier seat of the session left there is removed."""
        return self._claimed(self._own / session_id)

    def claim_waiting(self) -> SeatPlace:
        """The same, of no session yet."""
        return self._claimed(self._own / f"{_WAITING}{secrets.token_hex(4)}")

    def bind(self, place: SeatPlace, session_id: str) -> None:
        """From now on this is the session's place. Raises `SeatError` when it is one's already, or is gone."""
        with self._locked():
            earlier = self._own / session_id
            if earlier.exists():
                shutil.rmtree(earlier)
            try:
                (place.folder / _BOUND_TO).symlink_to(session_id)
            except OSError as error:
                raise SeatError(f"the seat cannot be taken: {error.strerror}") from error

    def _claimed(self, folder: Path) -> SeatPlace:
        self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
        with self._locked():
            self._own.mkdir(mode=0o711, exist_ok=True)
            if folder.exists():
                shutil.rmtree(folder)
            owner = self._free_owner()
            folder.mkdir(mode=0o711)
            folder.chmod(0o711)
            place = SeatPlace(folder, owner)
            for inner in (place.session, place.seat):
                inner.mkdir(mode=0o700)
            (place.session / "Xauthority").touch()
            (place.session / "pulse").mkdir(mode=0o700)
            if owner.drop:
                for path in (place.session / "Xauthority", place.session / "pulse", place.session, place.seat):
                    os.chown(path, owner.uid, owner.gid)
        prepare_x_sockets()
        return place

    def known(self) -> tuple[str, ...]:
        """The sessions that have a folder here."""
        found = (_session_of(path.parent) for path in self._own.glob("*/seat"))
        return tuple(sorted(session_id for session_id in found if session_id is not None))

    def waiting(self) -> tuple[SeatPlace, ...]:
        """The places that are bound to no session."""
        folders = (path.parent for path in sorted(self._own.glob(f"{_WAITING}*/seat")))
        found = (self._place(folder) for folder in folders if _session_of(folder) is None)
        return tuple(place for place in found if place is not None)

    def existing(self, session_id: str) -> SeatPlace | None:
        """The place of a session that an earlier agent raised."""
        if (place := self._place(self._own / session_id)) is not None:
            return place
        bound = (folder for folder in self._own.glob(f"{_WAITING}*") if _session_of(folder) == session_id)
        return next((self._place(folder) for folder in bound), None)

    def _place(self, folder: Path) -> SeatPlace | None:
        try:
            about = (folder / "seat").lstat()
        except FileNotFoundError:
            return None
        return SeatPlace(folder, Owner(about.st_uid, about.st_gid, self._is_root))

    def release(self, place: SeatPlace) -> None:
        """End every process of the seat that is left, and remove the folder with its uid's claim."""
        for _ in range(_KILL_ROUNDS):  # a process may have forked while we looked, and takes a moment to be gone
            left = seat_processes(place)
            if not left:
                break
            for process_id in left:
                with suppress(ProcessLookupError):
                    os.kill(process_id, signal.SIGKILL)
            time.sleep(0.02)
        if place.owner.drop:
            _remove_x_leftovers(place.owner.uid)
        with self._locked():
            if place.folder.exists():
                shutil.rmtree(place.folder)
            with suppress(OSError):  # other seats are there, or it is gone
                self._own.rmdir()

    def _free_owner(self) -> Owner:
        if not self._is_root:
            return Owner(os.getuid(), os.getgid(), drop=False)
        taken = {path.lstat().st_uid for path in self._root.glob("*/*/seat")} | _uids_at_work()
        for _ in range(1000):
            uid = FIRST_UID + secrets.randbelow(LAST_UID - FIRST_UID + 1)
            if uid not in taken:
                return Owner(uid, uid, drop=True)
        raise SeatError("the host has no free user id for another seat")

    @contextmanager
    def _locked(self) -> Generator[None]:
        descriptor = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class PlacesAside:
    """The same, asked beside the event loop: what all `Seats` of a host do alike."""

    def __init__(self, places: SeatPlaces) -> None:
        self._places = places

    async def claim(self, session_id: str) -> SeatPlace:
        return await asyncio.to_thread(self._places.claim, session_id)

    async def claim_waiting(self) -> SeatPlace:
        return await asyncio.to_thread(self._places.claim_waiting)

    async def bind(self, place: SeatPlace, session_id: str) -> None:
        await asyncio.to_thread(self._places.bind, place, session_id)

    async def known(self) -> tuple[str, ...]:
        return await asyncio.to_thread(self._places.known)

    async def waiting(self) -> tuple[SeatPlace, ...]:
        return await asyncio.to_thread(self._places.waiting)

    async def existing(self, session_id: str) -> SeatPlace | None:
        return await asyncio.to_thread(self._places.existing, session_id)


def _session_of(folder: Path) -> str | None:
    """Whose seat the folder holds; None while it waits."""
    if not folder.name.startswith(_WAITING):
        return folder.name
    try:
        return str((folder / _BOUND_TO).readlink())
    except OSError:
        return None


def seat_processes(place: SeatPlace) -> tuple[int, ...]:
    """Processes of this seat: all of its uid where it has one of its own, else those started for its folder."""
    found: list[int] = []
    own_uid = place.owner.drop and FIRST_UID <= place.owner.uid <= LAST_UID
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if own_uid:
                belongs = entry.stat().st_uid == place.owner.uid
            else:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                belongs = entry.stat().st_uid == os.getuid() and any(
                    str(place.seat).encode() in word for word in command
                )
        except OSError:
            continue  # it ended while we looked
        if belongs and int(entry.name) != os.getpid() and not _is_dead(entry):
            found.append(int(entry.name))
    return tuple(found)


def _uids_at_work() -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended while we looked
                found.add(entry.stat().st_uid)
    return found


def _is_dead(process: Path) -> bool:
    """A process that has ended and that its parent has not yet asked about."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


def _remove_x_leftovers(uid: int) -> None:
    """An X server that was killed leaves its socket, its lock and the keymap that was being compiled for it."""
    for pattern in (".X11-unix/X*", ".X*-lock", "server-*.xkm"):
        for path in X_SOCKETS.parent.glob(pattern):
            with suppress(FileNotFoundError):
                if path.lstat().st_uid == uid:
                    path.unlink()


def prepare_x_sockets() -> None:
    """X servers that do not run as root cannot make this folder themselves, nor use one that is root's alone, as an
    engine makes it for a mount.
    """
    with suppress(FileExistsError):
        X_SOCKETS.mkdir()
    about = X_SOCKETS.lstat()
    if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and stat.S_IMODE(about.st_mode) != 0o1777:
        X_SOCKETS.chmod(0o1777)
