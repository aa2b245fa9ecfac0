"""Starting a seat worker so that it outlives the agent: in a session of its own, orphaned, as its uid."""

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from gameserver_agent.errors import SeatError
from gameserver_agent.seats.install import SeatRuntime
from gameserver_agent.seats.places import SeatPlace


class SeatLauncher(Protocol):
    """Starts a worker for a place whose `seat.json` is written. Returns when it is started, not when it answers."""

    async def launch(self, place: SeatPlace) -> None: ...


class DetachedLauncher:
    """`setsid --fork`: a double fork outside the agent's process group and session, with no new privileges."""

    def __init__(self, runtime: SeatRuntime, module: str = "streaming.worker") -> None:
        self._runtime = runtime
        self._module = module

    async def launch(self, place: SeatPlace) -> None:
        await asyncio.to_thread(self._launch, place)

    def _launch(self, place: SeatPlace) -> None:
        command = [self._runtime.interpreter, "-P", "-s", "-S", "-m", self._module, str(place.seat)]
        environment = {
            "PYTHONPATH": str(self._runtime.site),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(place.seat),
            "XDG_RUNTIME_DIR": str(place.seat),
            "TMPDIR": str(place.seat),
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        start_detached(command, environment, place)


def start_detached(command: Sequence[str], environment: dict[str, str], place: SeatPlace) -> None:
    """Start `command` as the place's owner. Raises `SeatError`."""
    drop = place.owner.drop
    try:
        with _log_file(place.seat / "worker.log", place) as output:
            subprocess.run(
                ["setpriv", "--no-new-privs", "setsid", "--fork", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=place.seat,
                env=environment,
                user=place.owner.uid if drop else None,
                group=place.owner.gid if drop else None,
                extra_groups=[] if drop else None,
                umask=0o077,
                timeout=10,
                check=True,
            )
    except FileNotFoundError as error:
        raise SeatError("the host lacks setsid or setpriv (package util-linux)") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise SeatError(f"the seat worker could not be started: {error}") from error


def _log_file(path: Path, place: SeatPlace) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.fdopen(os.open(path, flags, 0o600), "ab")
    if place.owner.drop:
        os.fchown(handle.fileno(), place.owner.uid, place.owner.gid)
    return handle
