"""The seat's X server: one Xvfb of its own, with a private cookie and no door but its socket file.

The display's number is chosen by Xvfb, so the cookie is written for every address and number (FamilyWild); the same
file therefore also serves a game that sees this display as `:0`.
"""

import asyncio
import os
import secrets
import struct
from pathlib import Path

from streaming.children import Child, child_environment
from streaming.errors import SeatFailed

FAMILY_WILD = 0xFFFF
COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"


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
        self._number_pipe, write_end = os.pipe()
        arguments = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", f"{width}x{height}x24"]
        arguments += ["-auth", str(self.xauthority), "-nolisten", "tcp", "-nolisten", "local", "-noreset"]
        try:
            self.server = Child(arguments, child_environment(HOME=str(folder)), pass_fds=[write_end])
        finally:
            os.close(write_end)
        self.number = -1

    @property
    def name(self) -> str:
        return f":{self.number}"

    @property
    def socket(self) -> str:
        return f"/tmp/.X11-unix/X{self.number}"  # noqa: S108 -- the one place where X clients look

    async def ready(self, timeout_s: float = 15.0) -> None:
        """Returns when the display takes clients; raises `SeatFailed` when Xvfb ended or said nothing in time."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._number_pipe, readable.set)
        said = b""
        try:
            async with asyncio.timeout(timeout_s):
                while not said.endswith(b"\n"):
                    await readable.wait()
                    readable.clear()
                    part = os.read(self._number_pipe, 32)
                    if not part:
                        raise SeatFailed("Xvfb ended before it had a display")
                    said += part
        except TimeoutError as error:
            raise SeatFailed(f"Xvfb did not start within {timeout_s:g} s") from error
        finally:
            loop.remove_reader(self._number_pipe)
            os.close(self._number_pipe)
        self.number = int(said)
