"""A running session's home folder on the host: an ext4 image of limited size where the agent is root, else a plain
folder.

An image has all its blocks from the start: a host's disk that fills up later never damages a save. All calls block and
are run in a thread. Making is all or nothing; removing what is not there does nothing, and nothing is ever deleted
through a mount that would not go.
"""

import contextlib
import errno
import os
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import structlog

from gameserver_agent.errors import SaveError
from gameserver_agent.saves.archive import Owner
from gameserver_agent.saves.changes import disk_bytes

log = structlog.get_logger()
# Without the last, the kernel writes zeros later, which a loop device makes holes of.
_MOUNT_OPTIONS = "loop,nosuid,nodev,noinit_itable"


@dataclass(frozen=True)
class HomeFolder:
    """`folder` holds the image and the mount point; `path` is what the game sees as its home."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "home"

    @property
    def image(self) -> Path:
        return self.folder / "home.ext4"

    def exists(self) -> bool:
        return self.image.exists() or self.path.exists()

    def has_own_limit(self) -> bool:
        """Whether the home is an image that cannot grow; a plain folder has to be watched."""
        return self.path.is_mount()

    def make(self, size_bytes: int, owner: Owner) -> None:
        """A fresh, empty home that its owner alone can enter. Raises `SaveError`, or `OSError` `ENOSPC` where the host
        has no room for all of it.
        """
        self.remove()
        self.path.mkdir(mode=0o700, parents=True)
        if owner.drop:
            if self._mounted_image(size_bytes, owner):
                return
            os.chown(self.path, owner.uid, owner.gid)

    def found_again(self) -> Owner:
        """The home as the game left it, and whose it is. After a reboot of the host its image is mended and mounted
        again. Raises `SaveError` when there is none.
        """
        if self.image.exists() and not self.path.is_mount():
            self.path.mkdir(mode=0o700, exist_ok=True)
            self._mend()
            _run("mount", "-o", _MOUNT_OPTIONS, str(self.image), str(self.path))
        try:
            about = self.path.lstat()
        except OSError as error:
            raise SaveError("The save folder is gone.") from error
        return Owner(about.st_uid, about.st_gid, drop=os.geteuid() == 0)

    def unmount(self) -> None:
        """Not by force. Raises `SaveError` while somebody uses it."""
        if self.path.is_mount():
            _run("umount", str(self.path))

    def remove(self) -> None:
        """Unmount and delete, for a home whose save is safe and whose game has ended. Raises `SaveError` when the mount
        does not go.
        """
        if self.path.is_mount():
            try:
                _run("umount", str(self.path))
            except SaveError:
                _run("umount", "--lazy", str(self.path))
        if self.path.is_mount():
            raise SaveError("The save folder could not be unmounted.")
        if self.path.exists():
            self._delete_folder()
        self.image.unlink(missing_ok=True)

    def hand_over(self, to: "HomeFolder") -> None:
        """From now on it is `to`, also for who has it mounted; what was there goes, and so does this folder. Raises
        `SaveError` or `OSError`.
        """
        to.remove()
        to.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.is_mount():
            to.path.mkdir(mode=0o700)
            _run("mount", "--bind", str(self.path), str(to.path))
            _run("umount", str(self.path))
            self.path.rmdir()
            self.image.rename(to.image)
        else:
            self.path.rename(to.path)
        self.folder.rmdir()

    def empty(self) -> None:
        """Nothing is in it any more. Raises `SaveError`."""
        _run("find", str(self.path), "-xdev", "-mindepth", "1", "-delete")

    def used_bytes(self, size_bytes: int) -> int:
        """How much of `size_bytes`, which it was made with, the home takes: of its blocks or of its places for files,
        whichever is nearer to its end. Raises `OSError`.
        """
        if not self.has_own_limit():
            return disk_bytes(self.path)
        about = os.statvfs(self.path)
        blocks = 1 - about.f_bavail / max(1, about.f_blocks)
        files = 1 - about.f_favail / max(1, about.f_files)
        return round(size_bytes * max(blocks, files, 0.0))

    def _delete_folder(self) -> None:
        """By `rm`, which goes deeper than a path may be long. A rootless game can lock its own folders: they are opened
        first.
        """
        try:
            _run("rm", "-rf", "--one-file-system", "--", str(self.path))
        except SaveError:
            _run("chmod", "-R", "u+rwX", "--", str(self.path))
            _run("rm", "-rf", "--one-file-system", "--", str(self.path))

    def _mend(self) -> None:
        """What a machine that lost its power left half written. The image has no journal, so it is looked at whole."""
        try:
            _run("e2fsck", "-f", "-p", str(self.image), fine=(0, 1, 2))
        except SaveError as error:
            log.warning("save_folder.damaged", image=str(self.image), reason=str(error))
            _run("e2fsck", "-f", "-y", str(self.image), fine=(0, 1, 2))

    def _mounted_image(self, size_bytes: int, owner: Owner) -> bool:
        """False where the machine lets us mount nothing: a plain folder then, without a limit of its own."""
        whole_bytes = whole_size(size_bytes)
        try:
            with self.image.open("wb") as handle:
                os.fchmod(handle.fileno(), 0o600)
                _reserve(handle.fileno(), whole_bytes - whole_bytes % 4096)
                options = f"root_owner={owner.uid}:{owner.gid},nodiscard,lazy_itable_init=1"
                _run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", options, str(self.image))
                _reserve(handle.fileno(), whole_bytes - whole_bytes % 4096)  # mkfs gives back what it need not write
            _run("mount", "-o", _MOUNT_OPTIONS, str(self.image), str(self.path))
            (self.path / "lost+found").rmdir()
            self.path.chmod(0o700)
        except (SaveError, OSError) as error:
            with contextlib.suppress(SaveError):
                _run("umount", "--lazy", str(self.path))
            self.image.unlink(missing_ok=True)
            if is_out_of_room(error):
                raise
            log.warning("save_folder.unlimited", reason=str(error))
            return False
        return True


def whole_size(save_bytes: int) -> int:
    """How large a home may be whose save may have `save_bytes`: what fits into it can be captured."""
    return max(save_bytes, 2 * 1024**2)


def is_out_of_room(error: BaseException) -> bool:
    """Whether the host's disk is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _reserve(descriptor: int, size_bytes: int) -> None:
    """All blocks now, where the file system can; else a sparse file."""
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
            raise
        os.ftruncate(descriptor, size_bytes)


def _run(*command: str, fine: Collection[int] = (0,)) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=15, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise SaveError(f"The host lacks the program {command[0]}.") from error
    except subprocess.TimeoutExpired as error:
        raise SaveError(f"{command[0]} took too long.") from error
    if done.returncode not in fine:
        raise SaveError(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()[-200:]}")
