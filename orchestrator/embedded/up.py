"""`orchestrator up`: one machine, one command, until Ctrl-C."""

import asyncio
import logging
import os
import signal
from pathlib import Path

from rich.console import Console

from orchestrator.embedded import address as addresses
from orchestrator.embedded.address import Address
from orchestrator.embedded.errors import PartFailed
from orchestrator.embedded.lock import sole_holder
from orchestrator.embedded.supervisor import playground
from orchestrator.embedded.terminal import Terminal
from orchestrator.logging import configure_logging
from orchestrator.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(host: str, port: int, data: Path) -> int:
    """Serves until Ctrl-C, SIGTERM or SIGHUP and answers 0. Raises StartupError when it cannot start."""
    configure_logging(logging.WARNING)
    address = Address(host, port)
    terminal = Terminal(Console())
    data = data.absolute()
    try:
        if not data.exists():  # a start that is refused leaves no folder behind
            addresses.require_free(address)
        settings = _settings(address, data)
        with sole_holder(data, port, settings.public_url):
            addresses.require_free(address)
            asyncio.run(_serve(settings, address, terminal))
    except OSError as error:  # a full disk, a folder without rights: said as it is, not as a bug
        raise PartFailed(f"{error.strerror}: {error.filename}" if error.filename else str(error)) from error
    return 0


def _settings(address: Address, data: Path) -> Settings:
    """What the environment says; the public URL follows the address unless it was given."""
    if os.environ.get("ORCHESTRATOR_PUBLIC_URL"):
        return Settings(data=data)
    return Settings(data=data, public_url=address.public_url(addresses.lan_host() if address.is_wildcard else None))


async def _serve(settings: Settings, address: Address, terminal: Terminal) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, told_to_stop.set)  # a second Ctrl-C changes nothing: all is on its way already
    playing = asyncio.create_task(_play(settings, address, terminal))
    waiting = asyncio.create_task(told_to_stop.wait())
    await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not playing.done():
        terminal.say("Stopping: games end with a save, then the agent, the replica and the engine (20 s at most) …")
        playing.cancel()
        await asyncio.wait({playing})
        terminal.done("Stopped")
    if not playing.cancelled():
        playing.result()


async def _play(settings: Settings, address: Address, terminal: Terminal) -> None:
    async with playground(settings, address, terminal) as running:
        terminal.invite(running.url, running.sign_in, str(settings.data))
        await asyncio.Event().wait()
