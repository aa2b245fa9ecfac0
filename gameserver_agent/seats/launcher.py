"""Starting a seat worker so that it outlives the agent: in a session of its own, orphaned, as its uid.

Where the agent is a service of systemd, ending the service ends every process in its control group, whatever session or
process group it has. There a seat gets a scope of its own.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from gameserver_agent.errors import SeatError
from gameserver_agent.seats.install import SeatRuntime
from gameserver_agent.seats.places import SeatPlace

_WITHIN_S = 10.0
_SYSTEMD_RUNS = Path("/run/systemd/system")  # sd_booted(3)


class SeatLauncher(Protocol):
    """Starts a worker for a place whose `seat.json` is written. Returns when it is started, not when it answers.

    The worker has the place's uid and no way to a greater one, its own session, nothing of the agent's environment, and
    writes to `worker.log`. Raises `SeatError` when it could not be started.
    """

    async def launch(self, place: SeatPlace) -> None: ...


@dataclass(frozen=True)
class WorkerCommand:
    """What runs in a seat."""

    runtime: SeatRuntime
    module: str = "streaming.worker"

    def words(self, place: SeatPlace) -> list[str]:
        return [self.runtime.interpreter, "-P", "-s", "-S", "-m", self.module, str(place.seat)]

    def environment(self, place: SeatPlace) -> dict[str, str]:
        return {
            "PYTHONPATH": str(self.runtime.site),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(place.seat),
            "XDG_RUNTIME_DIR": str(place.seat),
            "TMPDIR": str(place.seat),
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }


def best_launcher(command: WorkerCommand, environment: Mapping[str, str]) -> SeatLauncher:
    """A scope where systemd runs this machine and listens to us; else a process of its own. `environment` is ours."""
    if not _SYSTEMD_RUNS.is_dir() or shutil.which("systemd-run") is None:
        return DetachedLauncher(command)
    if os.geteuid() == 0:
        return SystemdScopeLauncher(command, "--system")
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime, "systemd").is_dir():
        return SystemdScopeLauncher(command, "--user")
    return DetachedLauncher(command)


class DetachedLauncher:
    """A double fork (`setsid --fork`) outside the agent's process group and session."""

    def __init__(self, command: WorkerCommand) -> None:
        self._command = command

    async def launch(self, place: SeatPlace) -> None:
        words = detached(self._command.words(place), place)
        await asyncio.to_thread(_run, words, self._command.environment(place), place)


class SystemdScopeLauncher:
    """The same in a transient scope unit, which belongs to the manager and not to the agent's service. With `--scope`
    the command is run by `systemd-run` itself; `--collect` forgets the unit with its last process.
    """

    def __init__(self, command: WorkerCommand, manager: str) -> None:
        self._command = command
        self._manager = manager

    async def launch(self, place: SeatPlace) -> None:
        await asyncio.to_thread(_run, self.words(place), dict(os.environ), place)

    def words(self, place: SeatPlace) -> list[str]:
        environment = [f"{name}={value}" for name, value in self._command.environment(place).items()]
        return [
            *("systemd-run", self._manager, "--scope", "--collect", "--quiet", f"--unit={unit_name(place)}"),
            *("--", "env", "--ignore-environment", *environment),
            *detached(self._command.words(place), place),
        ]


def unit_name(place: SeatPlace) -> str:
    """Of this start alone: the unit of an earlier one may take a moment to go."""
    return f"playhouse-seat-{place.folder.parent.name}-{place.folder.name}-{secrets.token_hex(3)}.scope"


def detached(command: Sequence[str], place: SeatPlace) -> list[str]:
    """`command` as the place's owner, orphaned, in a session of its own."""
    owner = place.owner
    drop = (f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups") if owner.drop else ()
    return ["setpriv", *drop, "--no-new-privs", "setsid", "--fork", *command]


def _run(words: Sequence[str], environment: dict[str, str], place: SeatPlace) -> None:
    log = place.seat / "worker.log"
    try:
        with _log_file(log, place) as output:
            subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=place.seat,
                env=environment,
                umask=0o077,
                timeout=_WITHIN_S,
                check=True,
            )
    except FileNotFoundError as error:
        raise SeatError(f"the host lacks the program {words[0]}") from error
    except subprocess.CalledProcessError as error:
        raise SeatError(f"the seat worker could not be started: {_last_line(log) or error}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise SeatError(f"the seat worker could not be started: {error}") from error


def _last_line(log: Path) -> str:
    lines = log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _log_file(path: Path, place: SeatPlace) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.fdopen(os.open(path, flags, 0o600), "ab")
    if place.owner.drop:
        os.fchown(handle.fileno(), place.owner.uid, place.owner.gid)
    return handle
