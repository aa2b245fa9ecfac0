"""The seat worker's process: `python -m streaming.worker FOLDER`.

Composition root of one seat. It launches the display and the sound first, answers `hello` as soon as both are up, and
imports the media libraries beside that, while the game boots. A seat that waits for its session does all of that at
once and opens its media when it is taken, which can happen to it once. It lives on without any client of its socket and
ends by `shutdown`, by SIGTERM, or with its X server. It never changes its uid: who starts it has chosen one.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from streaming import SPOKEN_PROTOCOLS, log
from streaming.audience import Role
from streaming.control_server import ControlServer
from streaming.display import Display
from streaming.errors import SeatError, SeatFailed
from streaming.log import keep_short
from streaming.moments import Moments
from streaming.sound_server import QUICK_RESTARTS, SoundServer, restart_pause_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from streaming.studio import Studio

THREAD_TURN_S = 0.0005
SOUND_SETTLED_S = 60.0
LOG, LOG_EVERY_S = "worker.log", 5.0


class Worker:
    """One seat from its launch to its end. Made before the event loop runs, so that the children start at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._moments, self._began_ns = Moments(), time.time_ns()
        (folder / "control.sock").unlink(missing_ok=True)  # of a worker that was killed
        self._config = json.loads((folder / "seat.json").read_bytes())
        _carry(self._config)
        self._display = Display(folder, int(self._config.get("width", 1280)), int(self._config.get("height", 720)))
        self._sound = SoundServer(folder)
        self._control = ControlServer(self._handle)

    async def run(self) -> int:
        """Until the seat ends; the exit status."""
        # The threads of picture and sound hand over to this one: Python's usual 5 ms turns would be a third of a frame.
        sys.setswitchinterval(THREAD_TURN_S)
        loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        self._failure: str | None = None
        loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        loop.add_signal_handler(signal.SIGINT, self._ending.set)
        self._ended = asyncio.Event()
        self._taken: asyncio.Future[Mapping[str, object]] = loop.create_future()
        self._taken_ns = self._began_ns
        if not self._config.get("waits", False):
            self._taken.set_result(self._config)
        self._ready = asyncio.create_task(self._bring_up())
        self._studio = asyncio.create_task(self._open_studio())
        await self._control.start(self._folder / "control.sock")
        watched = (self._watch_display(), self._watch_sound(), self._watch_log())
        watchers = [asyncio.create_task(watching) for watching in watched]
        await self._ending.wait()
        for watcher in watchers:
            watcher.cancel()
        await self._close()
        return 0 if self._failure is None else 1

    async def _handle(self, method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        match method:
            case "hello":
                return await self._hello(parameters)
            case "connect" | "watch":
                return await self._connect(method, parameters)
            case "take":
                self._take(parameters)
            case "revoke":
                (await asyncio.shield(self._studio)).revoke(parameters)
            case "status" | "moments":
                return self._status() if method == "status" else {"moments": self._moments.taken()}
            case "is_drawn":
                return {"is_drawn": await asyncio.to_thread(_is_drawn, self._display.name)}
            case "thumbnail":
                return (await (await asyncio.shield(self._studio)).thumbnail()).model_dump()
            case "shutdown":
                self._ending.set()
                await self._ended.wait()
            case _:
                raise SeatError(f"there is no method {method!r}", code="unknown_method")
        return {}

    async def _hello(self, parameters: Mapping[str, object]) -> Mapping[str, object]:
        asked = parameters.get("protocol")
        if asked not in SPOKEN_PROTOCOLS:
            spoken = ", ".join(map(str, SPOKEN_PROTOCOLS))
            raise SeatError(f"this seat speaks protocol {spoken}", code="unknown_protocol")
        await asyncio.shield(self._ready)
        return {
            "protocol": asked,
            "pid": os.getpid(),
            "display": self._display.number,
            "x_socket": self._display.socket,
            "xauthority": str(self._display.xauthority),
            "pulse_socket": str(self._sound.socket),
        }

    def _take(self, parameters: Mapping[str, object]) -> None:
        """Once: whoever comes later is refused, and so no two sessions ever share a seat."""
        if self._taken.done():
            raise SeatError("this seat is taken", code="taken")
        _carry(parameters)
        self._taken_ns = time.time_ns()
        self._taken.set_result(parameters)

    def _status(self) -> Mapping[str, object]:
        if self._studio.done() and self._studio.exception() is None:
            return self._studio.result().status().model_dump()
        nothing_yet = {"first_frame": False, "peers": 0, "players": 0, "idle_s": None}
        return nothing_yet | {"fps": 0.0, "bitrate_bps": 0, "frames": 0}

    async def _connect(self, method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        studio = await asyncio.shield(self._studio)
        role, began_ns = Role.PLAYER if method == "connect" else Role.WATCHER, time.time_ns()
        answer = await studio.connect(role, parameters)
        if role is Role.PLAYER:
            self._moments.note("seat.answer", began_ns)
        return {"answer": answer.model_dump()}

    async def _bring_up(self) -> None:
        try:
            await asyncio.gather(self._display.ready(), self._sound.ready())
            self._moments.note("seat.display", self._began_ns)
        except SeatFailed as error:
            self._fail(error.message)
            raise

    async def _open_studio(self) -> "Studio":
        """The heavy part, in a thread: the event loop goes on answering."""
        try:
            began_ns = time.time_ns()
            module = await asyncio.to_thread(load_media)
            self._moments.note("seat.media", began_ns)
            opened: Callable[..., Studio] = module.open_studio
            await asyncio.shield(self._ready)
            return opened(await self._taken, self._display.name, self._sound, self._announce, self._fail)
        except Exception as error:
            log.exception("media.failed")
            self._fail(f"the seat's media could not be started: {error}")
            raise SeatFailed(str(error)) from error

    def _announce(self, event: Mapping[str, object]) -> None:
        if event.get("event") == "first_frame":
            self._moments.note("seat.first_frame", self._taken_ns)
        self._control.broadcast(event)

    async def _watch_display(self) -> None:
        await self._display.server.wait()
        self._fail("the X server ended")

    async def _watch_sound(self) -> None:
        """Starts the sound server again where it was, for as long as the seat lives: without sound it still plays."""
        failures = 0
        while True:
            began = time.monotonic()
            await self._sound.server.wait()
            failures = 1 if time.monotonic() - began > SOUND_SETTLED_S else failures + 1
            if failures == QUICK_RESTARTS + 1:
                message = "the sound server ended and does not stay up"
                log.warning("sound.lost", message=message)
                self._control.broadcast({"event": "sound_lost", "message": message})
            await asyncio.sleep(restart_pause_s(failures))
            try:
                self._sound.launch_again()
            except OSError:
                log.exception("sound.not_started")

    async def _watch_log(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # a seat that cannot write plays on
                keep_short(self._folder / LOG)
            await asyncio.sleep(LOG_EVERY_S)

    def _fail(self, message: str) -> None:
        """Tells everybody and ends the seat."""
        if self._failure is None and not self._ending.is_set():
            self._failure = message
            self._control.broadcast({"event": "failed", "message": message})
            self._ending.set()

    async def _close(self) -> None:
        if self._studio.done() and self._studio.exception() is None:
            await self._studio.result().close()
        else:
            self._studio.cancel()
        await asyncio.gather(self._display.server.stop(), self._sound.server.stop())
        self._remove_leftovers()
        self._ended.set()
        await self._control.close()

    def _remove_leftovers(self) -> None:
        for name in ("control.sock", "worker.pid", "Xauthority"):
            (self._folder / name).unlink(missing_ok=True)
        self._sound.socket.unlink(missing_ok=True)


def load_media() -> ModuleType:
    """The module with everything heavy behind it; slow, for a thread."""
    module = importlib.import_module("streaming.studio")
    importlib.import_module("streaming.encoders.choice").best_h264()
    # What the media libraries have loaded stays for good. Looked through anew by each full collection, it would hold up
    # all threads for longer than a frame lasts.
    gc.collect()
    gc.freeze()
    return module


def _carry(config: Mapping[str, object]) -> None:
    fields = config.get("log_fields")
    if isinstance(fields, dict):
        log.carry(fields)


def _is_drawn(display: str) -> bool:
    """Blocks, and imports what it needs."""
    return bool(importlib.import_module("streaming.first_picture").is_drawn(display))


def main() -> int:
    folder = Path(sys.argv[1]).absolute()
    os.umask(0o077)
    os.environ["XAUTHORITY"] = str(folder / "Xauthority")
    os.environ["HOME"] = str(folder)  # where libpulse keeps its cookie
    with (folder / LOG).open("ab") as log_file:
        os.dup2(log_file.fileno(), sys.stdout.fileno())
        os.dup2(log_file.fileno(), sys.stderr.fileno())
    (folder / "worker.pid").write_text(f"{os.getpid()}\n")
    return asyncio.run(Worker(folder).run())


if __name__ == "__main__":
    sys.exit(main())
