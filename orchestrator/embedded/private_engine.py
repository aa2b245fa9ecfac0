"""A Docker Engine of our own: its images live under DATA, its sockets in a short path under /run; it makes no network.

It runs in a session of its own, out of reach of Ctrl-C, and with live-restore, so that games outlive its crash.
One that still runs from an earlier start on the same DATA is adopted. `stop` leaves no process, mount or socket behind.
"""

import asyncio
import contextlib
import hashlib
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

from orchestrator.embedded import engine_api
from orchestrator.embedded.errors import NoEngine
from orchestrator.embedded.logs import open_log, tail

RUNTIME = Path("/run/playhouse")
START_WITHIN_S = 30.0
STOP_WITHIN_S = 3.0
_KILLED_WITHIN_S = 0.5


class PrivateEngine:
    def __init__(self, data: Path, runtime: Path = RUNTIME) -> None:
        self._images = data / "engine"
        self._log = data / "logs" / "engine.log"
        self._runtime = runtime / f"engine-{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]}"
        self._socket = self._runtime / "docker.sock"
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def docker_host(self) -> str:
        return f"unix://{self._socket}"

    def is_answering(self) -> bool:
        return engine_api.answers(self._socket)

    async def start(self) -> bool:
        """Makes it answer; True when it had to be started, False when it was adopted. Raises NoEngine."""
        if await asyncio.to_thread(self.is_answering):
            return False
        await asyncio.to_thread(self._clear, time.monotonic() + STOP_WITHIN_S)
        self._make_folders()
        with open_log(self._log) as log:
            self._daemon = subprocess.Popen(  # noqa: ASYNC220  # forking is all that it does here
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        deadline = time.monotonic() + START_WITHIN_S
        while not await asyncio.to_thread(self.is_answering):
            if self._daemon.poll() is not None:
                raise NoEngine(f"The private Docker Engine did not start:\n{tail(self._log)}\nAll of it: {self._log}")
            if time.monotonic() > deadline:
                raise NoEngine(f"The private Docker Engine did not answer in {START_WITHIN_S:.0f} s. See {self._log}")
            await asyncio.sleep(0.05)
        return True

    async def stop(self) -> None:
        """Ends the engine and whatever it still runs, within `STOP_WITHIN_S` unless the kernel keeps a process."""
        deadline = time.monotonic() + STOP_WITHIN_S
        await asyncio.to_thread(engine_api.remove_all_containers, self._socket, STOP_WITHIN_S / 2)
        await asyncio.to_thread(self._clear, deadline)
        await asyncio.to_thread(self._kill_containers, max(deadline, time.monotonic() + _KILLED_WITHIN_S))
        await asyncio.to_thread(self._remove_runtime)

    def _make_folders(self) -> None:
        self._images.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._runtime.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._runtime.mkdir(mode=0o700, exist_ok=True)

    def _remove_runtime(self) -> None:
        shutil.rmtree(self._runtime, ignore_errors=True)
        with contextlib.suppress(OSError):  # another engine's folder is still in it
            self._runtime.parent.rmdir()

    def _command(self) -> list[str]:
        return [
            "dockerd",
            f"--data-root={self._images / 'root'}",
            f"--exec-root={self._runtime / 'exec'}",
            f"--pidfile={self._runtime / 'pid'}",
            f"--host={self.docker_host}",
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--live-restore",
            "--log-level=warn",
        ]

    def _clear(self, deadline: float) -> None:
        """Ends what is left of an earlier daemon: the daemon first, then its containerd, then their mounts."""
        self._end_by(self._runtime / "pid", deadline)
        if self._daemon is not None:
            _end_group(self._daemon, deadline)
            self._daemon = None
        self._end_by(self._runtime / "exec" / "containerd" / "containerd.pid", deadline)
        for mount in _mounts_below(self._images.resolve(), self._runtime):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)

    def _kill_containers(self, deadline: float) -> None:
        """Those of an engine that could not be asked to remove them: with live-restore they outlive it."""
        shims = _shims_of(self._runtime)
        _kill([process for shim in shims for process in (*_children(shim), shim)], deadline)
        for mount in _mounts_below(self._images.resolve(), self._runtime):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)

    def _end_by(self, pid_file: Path, deadline: float) -> None:
        process_id = _running(pid_file, str(self._runtime))
        if process_id is not None:
            _end(process_id, deadline)
        pid_file.unlink(missing_ok=True)


def _end_group(daemon: subprocess.Popen[bytes], deadline: float) -> None:
    """Ends a daemon of ours that has not come so far as to write its pid file; one that has ended is only buried."""
    for number, patience_s in ((signal.SIGTERM, max(0.1, deadline - time.monotonic())), (signal.SIGKILL, None)):
        if daemon.poll() is None:
            os.killpg(daemon.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(timeout=patience_s)
            return


def _running(pid_file: Path, of: str) -> int | None:
    """The process that the file names, when it lives and its command line shows that it is ours."""
    try:
        process_id = int(pid_file.read_text())
        command = Path(f"/proc/{process_id}/cmdline").read_bytes().decode(errors="replace")
    except (OSError, ValueError):
        return None
    return process_id if of in command else None


def _shims_of(runtime: Path) -> list[int]:
    """What holds the containers of the engine with this folder. Whoever else names the folder is a stranger."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            program, *words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            is_shim = Path(program).name.startswith("containerd-shim")
            if is_shim and any(word.startswith(f"{runtime}/") for word in words):
                found.append(int(process.name))
    return found


def _children(process_id: int) -> list[int]:
    try:
        text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _end(process_id: int, deadline: float) -> None:
    """SIGTERM, and SIGKILL at the deadline (`time.monotonic`); returns when the process is gone."""
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        for number, patience_s in (
            (signal.SIGTERM, max(0.1, deadline - time.monotonic())),
            (signal.SIGKILL, _KILLED_WITHIN_S),
        ):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if _is_over(handle, patience_s):
                return
    finally:
        os.close(handle)


def _kill(process_ids: list[int], deadline: float) -> None:
    """SIGKILL for all; returns when each of them is gone, at the latest at the deadline (`time.monotonic`)."""
    with contextlib.ExitStack() as handles:
        killed: list[int] = []
        for process_id in process_ids:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(process_id)
                handles.callback(os.close, handle)
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                killed.append(handle)
        for handle in killed:
            _is_over(handle, max(0.0, deadline - time.monotonic()))


def _is_over(handle: int, patience_s: float) -> bool:
    return bool(select.select([handle], [], [], patience_s)[0])


def _mounts_below(*folders: Path) -> list[str]:
    """Mount points inside the folders, the deepest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return [point for point in reversed(points) if any(Path(point).is_relative_to(folder) for folder in folders)]
