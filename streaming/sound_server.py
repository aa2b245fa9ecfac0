"""The seat's sound: one PulseAudio with one null sink, `game`, behind one Unix socket.

Nothing can be loaded or ended through that socket: a client that could load modules could open files and TCP ports,
which would be a way out of a container without network. Shared memory is off, since the game has an IPC namespace of
its own.
"""

import asyncio
import socket
from pathlib import Path

from streaming.children import Child, child_environment
from streaming.errors import SeatFailed

SINK = "game"
MONITOR = f"{SINK}.monitor"
SAMPLE_RATE = 48_000
REST_AFTER_S = 1  # without anything that plays, whoever listens
QUICK_RESTARTS = 3
QUICK_PAUSE_S = 0.5
SLOW_PAUSE_S = 30.0


def restart_pause_s(failures: int) -> float:
    """How long to wait before the start that follows `failures` ends in a row: soon at first, then seldom, for ever."""
    return QUICK_PAUSE_S if failures <= QUICK_RESTARTS else SLOW_PAUSE_S


def answers(path: Path) -> bool:
    """Whether somebody accepts connections at this Unix socket now."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


class SoundServer:
    """Launched at once by the constructor; usable when `ready` has returned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "pulse" / "native"
        self.address = f"unix:{self.socket}"
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        self.server = self._launched()

    def launch_again(self) -> None:
        """After it has ended: a new server at the same place. Who was connected has to connect again."""
        self.server = self._launched()

    def _launched(self) -> Child:
        self.socket.unlink(missing_ok=True)
        arguments = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        arguments += ["--disallow-module-loading=1", "--disallow-exit=1", "--disable-shm=yes"]
        arguments += ["--realtime=no", "--high-priority=no", "--log-level=error"]
        arguments += ["-L", f"module-null-sink sink_name={SINK} rate={SAMPLE_RATE} channels=2"]
        arguments += ["-L", f"module-suspend-on-idle timeout={REST_AFTER_S}"]
        arguments += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}"]
        return Child(arguments, self.environment())

    def environment(self) -> dict[str, str]:
        """What the server and its clients need: no D-Bus, no home of anybody else."""
        return child_environment(
            HOME=str(self._folder),
            XDG_RUNTIME_DIR=str(self._folder),
            DBUS_SESSION_BUS_ADDRESS="disabled:",
            PULSE_SERVER=self.address,
        )

    async def ready(self, timeout_s: float = 15.0) -> None:
        """Returns when the socket takes clients; raises `SeatFailed` when PulseAudio ended or was not up in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not answers(self.socket):
                    if self.server.process.poll() is not None:
                        raise SeatFailed("PulseAudio ended before it had a socket")
                    await asyncio.sleep(0.003)
        except TimeoutError as error:
            raise SeatFailed(f"PulseAudio did not start within {timeout_s:g} s") from error
