"""The whole house as a person starts it: `make play`, what it prints, Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIRST_START_S = 540.0
STOP_S = 20.0


class House:
    """One `make play` on a data folder of its own. Only loopback candidates are offered for the stream."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = data.with_name(f"{data.name}-terminal.txt")

    @property
    def printed(self) -> str:
        return self._terminal.read_text(errors="replace")

    @property
    def credentials(self) -> tuple[str, str]:
        """E-mail and password, read off the terminal as a person would."""
        email = re.search(r"(\S+@\S+)", self.printed)
        password = re.search(r"[Pp]assword:?\s+(\S+)", self.printed)
        assert email, self.printed
        assert password, self.printed
        return email[1], password[1]

    def start(self) -> float:
        """Run until the page can be opened; the seconds that took."""
        started = time.monotonic()
        with self._terminal.open("wb") as terminal:
            self._process = subprocess.Popen(
                ["make", "play", f"PORT={self.port}", f"DATA={self.data}"],
                cwd=ROOT,
                env={**os.environ, "GAMESERVER_AGENT_ICE_ADDRESSES": "127.0.0.1"},
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.monotonic() - started < FIRST_START_S:
            if self._process.poll() is not None:
                raise RuntimeError(f"make play ended with {self._process.returncode}:\n{self.printed}")
            if re.search(r"[Pp]assword:?\s+\S+", self.printed):
                return time.monotonic() - started
            time.sleep(0.1)
        raise TimeoutError(self.printed)

    def interrupt(self) -> float:
        """Ctrl-C, which a terminal sends to the whole foreground group; the seconds until everything has ended."""
        assert self._process is not None
        started = time.monotonic()
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(timeout=2 * STOP_S)
        self._process = None
        return time.monotonic() - started

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.interrupt()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
