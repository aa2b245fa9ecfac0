"""Which Docker Engine runs the games: the one that answers, else as root a private one under DATA."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.embedded import engine_api
from orchestrator.embedded.errors import NoEngine
from orchestrator.embedded.private_engine import PrivateEngine

USUAL_SOCKET = Path("/var/run/docker.sock")
WATCH_S = 2.0


@dataclass(frozen=True)
class FoundEngine:
    """An engine that somebody else runs; it is neither started nor stopped here."""

    docker_host: str


def find_engine(environment: Mapping[str, str], usual: Path = USUAL_SOCKET) -> FoundEngine | None:
    """The engine of DOCKER_HOST, else the one at the usual place; None when none answers. Blocks.

    Raises NoEngine when DOCKER_HOST names one that cannot be used: what was asked for is never silently replaced.
    """
    wanted = environment.get("DOCKER_HOST")
    if wanted:
        if not wanted.startswith("unix://"):
            raise NoEngine(
                f"DOCKER_HOST={wanted} is not on this machine, and games share their display with it by Unix sockets. "
                "Unset it, or give it as unix://…"
            )
        if not engine_api.answers(Path(wanted.removeprefix("unix://"))):
            raise NoEngine(f"No Docker Engine answers at DOCKER_HOST={wanted}. Start it, or unset DOCKER_HOST.")
        return FoundEngine(wanted)
    return FoundEngine(f"unix://{usual}") if engine_api.answers(usual) else None


def private_engine_of(data: Path, environment: Mapping[str, str], usual: Path = USUAL_SOCKET) -> str | None:
    """The private engine that runs under this folder now, where nobody named another and none is at the usual place.
    Blocks.
    """
    if environment.get("DOCKER_HOST") or engine_api.answers(usual):
        return None
    private = PrivateEngine(data)
    return private.docker_host if private.is_answering() else None


@asynccontextmanager
async def open_engine(data: Path, say: Callable[[str], None]) -> AsyncGenerator[engine_api.Engine]:
    """An engine that answers for as long as the block runs. A private one is watched, and stopped at the end."""
    found = await asyncio.to_thread(find_engine, os.environ)
    if found is not None:
        say(f"Docker Engine: the one at {found.docker_host}")
        yield found
        return
    if os.geteuid() != 0:
        raise NoEngine(
            "No Docker Engine answers, and starting a private one needs root. Start Docker and join the group docker, "
            "or run `sudo make play`."
        )
    if shutil.which("dockerd") is None:
        raise NoEngine("No Docker Engine answers, and dockerd is not installed: apt-get install docker.io")
    private = PrivateEngine(data)
    try:
        is_new = await private.start()
        say(f"Docker Engine: a private one in {data / 'engine'}" + ("" if is_new else ", still running from before"))
        watching = asyncio.create_task(keep_running(private, say))
        try:
            yield private
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    finally:
        await private.stop()


async def keep_running(private: PrivateEngine, say: Callable[[str], None]) -> None:
    """Starts the engine again when it stops answering. Games live on meanwhile."""
    while True:
        await asyncio.sleep(WATCH_S)
        if await asyncio.to_thread(private.is_answering):
            continue
        await asyncio.sleep(WATCH_S)  # busy is not dead
        try:
            if await private.start():
                say("The private Docker Engine had ended and was started again.")
        except (NoEngine, OSError) as error:
            say(str(error))
