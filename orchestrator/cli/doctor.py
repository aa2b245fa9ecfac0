"""`orchestrator doctor`: names what is wrong and the command that mends it."""

import asyncio
import sys

import click

from diagnosis import exit_code, told
from orchestrator.cli.calls import friendly
from orchestrator.settings import Settings


@click.command()
def doctor() -> None:
    """Look at all that a replica needs here; exit code 1 when something is broken."""
    from orchestrator.doctor.gathering import gather  # noqa: PLC0415 - no other command needs it
    from orchestrator.doctor.rules import findings  # noqa: PLC0415 - as above

    with friendly():
        settings = Settings()
    found = findings(asyncio.run(gather(settings)))
    for line in told(found):
        click.echo(line)
    sys.exit(exit_code(found))
