"""The seat's X server: one Xvfb of its own, with a private cookie and no door but its socket file.

The display's number is claimed before the server starts: Xvfb's own choice takes no lock and would unlink the socket of
a living server of the same user. The cookie is written for every address and number (FamilyWild), so the same file also
serves a game that sees this display as `:0`.
"""

import asyncio
import os
import secrets
import socket
import struct
from pathlib import Path

from streaming.children import Child, child_environment
from streaming.errors import SeatFailed

FAMILY_WILD = 0xFFFF
COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 -- the one place where X clients look
NUMBERS = range(10_000)


def authority_entry(cookie: bytes) -> bytes:
    """One entry of an Xauthority file (libXau's format): family, address, number, name, data, each with its length."""

    def counted(data: bytes) -> bytes:
        return struct.pack(">H", len(data)) + data

    return struct.pack(">H", FAMILY_WILD) + counted(b"") + counted(b"") + counted(COOKIE_NAME) + counted(cookie)


class Display:
    """Launched at once by the constructor; usable when `ready` has returned."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self.xauthority = folder / "Xauthority"
        self.xauthority.touch(mode=0o600)
        self.xauthority.write_bytes(authority_entry(secrets.token_bytes(16)))
        self.number, claim = claim_number()
        self._ready_pipe, write_end = os.pipe()
        arguments = ["Xvfb", self.name, "-displayfd", str(write_end), "-screen", "0", f"{width}x{height}x24"]
        arguments += ["-auth", str(self.xauthority), "-nolisten", "tcp", "-nolisten", "local", "-noreset"]
        try:
            # The claim is inherited, so that it lasts exactly as long as the server.
            self.server = Child(arguments, child_environment(HOME=str(folder)), pass_fds=[write_end, claim.fileno()])
        finally:
            os.close(write_end)
            claim.close()

    @property
    def name(self) -> str:
        return f":{self.number}"

    @property
    def socket(self) -> str:
        return str(X_SOCKETS / f"X{self.number}")

    async def ready(self, timeout_s: float = 15.0) -> None:
        """Returns when the display takes clients; raises `SeatFailed` when Xvfb ended or said nothing in time."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._ready_pipe, readable.set)
        said = b""
        try:
            async with asyncio.timeout(timeout_s):
                while not said.endswith(b"\n"):
                    await readable.wait()
                    readable.clear()
                    part = os.read(self._ready_pipe, 32)
                    if not part:
                        raise SeatFailed("Xvfb ended before it had a display")
                    said += part
        except TimeoutError as error:
            raise SeatFailed(f"Xvfb did not start within {timeout_s:g} s") from error
        finally:
            loop.remove_reader(self._ready_pipe)
            os.close(self._ready_pipe)


def claim_number() -> tuple[int, socket.socket]:
    """A display number that is nobody's, and the claim that keeps it while the socket is open in any process: the
    kernel gives an abstract name to one holder alone. Raises `SeatFailed` when all are taken.
    """
    for number in NUMBERS:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0playhouse-display-{number}")
        except OSError:
            claim.close()
            continue
        if _is_free(X_SOCKETS / f"X{number}") and _is_ours(compiled_keymap(number)):
            return number, claim
        claim.close()
    raise SeatFailed("every display number is taken")


def compiled_keymap(number: int) -> Path:
    """What Xvfb's keymap compiler writes for a moment; a server that was killed then leaves it, and no other user's
    server can start with this number again.
    """
    return X_SOCKETS.parent / f"server-{number}.xkm"


def _is_free(path: Path) -> bool:
    """Nobody listens there, and what a dead server may have left is ours to replace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except FileNotFoundError:
            return True
        except ConnectionRefusedError:
            return _is_ours(path)
        except OSError:
            return False
    return False


def _is_ours(path: Path) -> bool:
    """It is not there, or ours to replace."""
    try:
        return path.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return True
