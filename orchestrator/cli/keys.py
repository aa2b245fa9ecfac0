"""`orchestrator keys`: the key that signs the tokens with which pages open their streams."""

import click

from orchestrator.cli.calls import call, friendly
from orchestrator.http import utc_seconds
from orchestrator.settings import Settings


@click.group()
def keys() -> None:
    """The key that signs stream tokens."""


@keys.command("rotate")
@click.option("--now", "at_once", is_flag=True, help="And all tokens so far are nothing: for a key that was stolen.")
def rotate_signing_key(*, at_once: bool) -> None:
    """Make another key. It signs in ten minutes, when all hosts know it, and whoever plays notices nothing."""
    with friendly():
        signs_from = call(Settings(), lambda services: services.signing_keys.rotate(at_once=at_once))
    click.echo(f"Another key signs from {utc_seconds(signs_from)} on.")
