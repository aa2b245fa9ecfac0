"""`orchestrator games`: the catalogue."""

import asyncio
import os
from pathlib import Path

import click

from orchestrator.catalog.definition import load_definition
from orchestrator.catalog.sources import image_of
from orchestrator.cli.calls import call, friendly
from orchestrator.columns import columns
from orchestrator.embedded.engine import private_engine_of
from orchestrator.settings import Settings


@click.group()
def games() -> None:
    """The catalogue."""


@games.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--docker-host", help="The engine that has the image, such as unix:///run/docker.sock.")
@click.option("--push", "push_to", metavar="REGISTRY/REPOSITORY", help="Push the engine's image there first.")
def add_game(file: Path, docker_host: str | None, push_to: str | None) -> None:
    """Add the game that FILE describes, or bring it up to date.

    An image whose name says a registry is looked up there. With ORCHESTRATOR_REGISTRY any other is pushed to that one.
    """
    with friendly():
        settings, definition = Settings(), load_definition(file)
        image = asyncio.run(
            image_of(
                definition,
                push_to=push_to,
                registry=settings.registry,
                insecure=settings.insecure_registries,
                docker_host=docker_host or private_engine_of(settings.data, os.environ),
            )
        )
        added = call(settings, lambda services: services.catalog.add_game(definition, image))
    what = "Added" if added.is_new else "Already there:"
    click.echo(f"{what} {definition.slug} {definition.build.version} (build {added.build_id}).")
    if image.manifest_digest is not None:
        layers_mb = sum(image.layers.values()) / 1e6
        click.echo(f"{image.reference} is {image.manifest_digest}: {len(image.layers)} layers, {layers_mb:.1f} MB.")


@games.command("list")
def list_games() -> None:
    """Print every game with its current build."""
    with friendly():
        listed = call(Settings(), lambda services: services.catalog.list_builds())
    if not listed:
        click.echo("There are no games yet. Add one with `orchestrator games add FILE.toml`.")
        return
    rows = [(game.slug, build.version, game.title, build.build_spec.image) for game, build in listed]
    click.echo("\n".join(columns(("SLUG", "VERSION", "TITLE", "IMAGE"), rows)))


@games.command("access")
@click.argument("slug", metavar="GAME")
@click.option("--code/--open", "needs_code", required=True, help="Whether it needs a library code or is everyone's.")
def set_game_access(slug: str, *, needs_code: bool) -> None:
    """Say whether GAME is for those alone who have redeemed a code."""
    with friendly():
        call(Settings(), lambda services: services.library.set_access(slug, needs_code=needs_code))
    click.echo(f"{slug} needs a code." if needs_code else f"{slug} is everyone's.")
