"""`orchestrator games`: the catalogue."""

import asyncio
import os
from pathlib import Path

import click
from rich.console import Console

from orchestrator.catalog.service import AddedBuild
from orchestrator.cli.calls import call, friendly
from orchestrator.columns import columns
from orchestrator.embedded.engine import private_engine_of
from orchestrator.importing import Brought, Importer
from orchestrator.services import Services
from orchestrator.settings import Settings

HELD_WITHIN_S = 20.0


@click.group()
def games() -> None:
    """The catalogue."""


@games.command("add")
@click.argument("what")
@click.option("--docker-host", help="The engine that has the image, such as unix:///run/docker.sock.")
@click.option("--push", "push_to", metavar="REGISTRY/REPOSITORY", help="Push the engine's image there first.")
@click.option(
    "--about",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file that describes the archive's game.",
)
def add_game(what: str, docker_host: str | None, push_to: str | None, about: Path | None) -> None:
    r"""Add a game, or bring it up to date. WHAT is one of

    \b
    FILE.toml       which describes it and names its image
    FILE.tar.gz     a game for Linux in one folder, such as Ren'Py's launcher makes
    FOLDER          with recipe.toml and game.toml: its image is made of Debian packages
    NAME            of a folder in deploy/games

    An image whose name says a registry is looked up there. With ORCHESTRATOR_REGISTRY any other is pushed to that one.
    """
    with friendly():
        settings = Settings()
        engine = docker_host or private_engine_of(settings.data, os.environ)
        brought = asyncio.run(Importer(settings, engine, Console(stderr=True), push_to).bring(what, about))
        added, is_ready = call(settings, lambda services: _add(services, brought))
    definition, image = brought.definition, brought.image
    told = "Added" if added.is_new else "Already there:"
    click.echo(f"{told} {definition.slug} {definition.build.version} (build {added.build_id}).")
    if image.manifest_digest is not None:
        layers_mb = sum(image.layers.values()) / 1e6
        click.echo(f"{image.reference} is {image.manifest_digest}: {len(image.layers)} layers, {layers_mb:.1f} MB.")
    if not is_ready:
        click.echo("It can be played once a host that is up has its image.")


async def _add(services: Services, brought: Brought) -> tuple[AddedBuild, bool]:
    """Also whether it can be fetched, or a host has it already."""
    added = await services.catalog.add_game(brought.definition, brought.image)
    is_pullable = brought.image.manifest_digest is not None
    return added, is_pullable or await services.host_images.is_held(brought.image.image_id, HELD_WITHIN_S)


@games.command("list")
def list_games() -> None:
    """Print every game with its current build."""
    with friendly():
        listed = call(Settings(), lambda services: services.catalog.list_builds())
    if not listed:
        click.echo("There are no games yet. Add one with `orchestrator games add`.")
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
