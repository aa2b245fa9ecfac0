"""A running session's home folder on the host: an ext4 image of limited size where the agent is root, else a plain
folder.

All calls block and are run in a thread. Making is all or nothing; removing what is not there does nothing, and nothing
is ever deleted through a mount that would not go.
"""

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import structlog

from gameserver_agent.errors import SaveError
from gameserver_agent.saves.archive import Owner

log = structlog.get_logger()


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
        """A fresh, empty home that its owner alone can enter. Raises `SaveError`."""
        self.remove()
        self.path.mkdir(mode=0o700, parents=True)
        if owner.drop:
            if self._mounted_image(size_bytes, owner):
                return
            os.chown(self.path, owner.uid, owner.gid)

    def found_again(self) -> Owner:
        """The home as the game left it, and whose it is. After a reboot of the host its image is mounted again. Raises
        `SaveError` when there is none.
        """
        if self.image.exists() and not self.path.is_mount():
            self.path.mkdir(mode=0o700, exist_ok=True)
            _run("mount", "-o", "loop,nosuid,nodev", str(self.image), str(self.path))

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
            shutil.rmtree(self.path)
        self.image.unlink(missing_ok=True)

    def _mounted_image(self, size_bytes: int, owner: Owner) -> bool:
        """False where the machine lets us mount nothing: a plain folder then, without a limit of its own."""
        whole_bytes = whole_size(size_bytes)
        try:
            with self.image.open("wb") as handle:
                os.fchmod(handle.fileno(), 0o600)
                handle.truncate(whole_bytes - whole_bytes % 4096)
            options = f"root_owner={owner.uid}:{owner.gid},nodiscard,lazy_itable_init=1"
            _run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", options, str(self.image))
            _run("mount", "-o", "loop,nosuid,nodev", str(self.image), str(self.path))
            (self.path / "lost+found").rmdir()
            self.path.chmod(0o700)
        except (SaveError, OSError) as error:
            log.warning("save_folder.unlimited", reason=str(error))
            with contextlib.suppress(SaveError):
                _run("umount", "--lazy", str(self.path))
            self.image.unlink(missing_ok=True)
            return False
        return True


def whole_size(save_bytes: int) -> int:
    """How large a home may be whose save may have `save_bytes`: what fits into it can be captured."""
    return max(save_bytes, 2 * 1024**2)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=15, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise SaveError(f"The host lacks the program {command[0]}.") from error
    except subprocess.TimeoutExpired as error:
        raise SaveError(f"{command[0]} took too long.") from error
    except subprocess.CalledProcessError as error:
        text = bytes(error.stderr).decode(errors="replace").strip()[-200:]
        raise SaveError(f"{command[0]} failed: {text}") from error
