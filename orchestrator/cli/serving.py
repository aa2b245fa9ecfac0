"""`orchestrator serve`, `up` and `migrate`: what runs the service itself."""

import asyncio
import importlib
import sys

import click
import structlog

from migrations import migrate as run_migrations
from orchestrator.cli.calls import call, friendly
from orchestrator.errors import StoreUnavailable
from orchestrator.logging import configure_logging
from orchestrator.replica import StartupError, sole_replica
from orchestrator.saves.store import StoreRefused
from orchestrator.services import Services
from orchestrator.settings import Settings


@click.command()
@click.option("--host", envvar="ORCHESTRATOR_HOST", show_envvar=True, default="127.0.0.1", show_default=True)
@click.option("--port", envvar="ORCHESTRATOR_PORT", show_envvar=True, default=8000, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve one replica."""
    configure_logging()
    with friendly():
        settings = Settings()
        with sole_replica(settings):  # said in one line here; held by the application itself
            call(settings, _store_lets_us_in)
        from orchestrator.server import serve_until_told  # noqa: PLC0415 - no other command needs the web application

        if not serve_until_told(settings, host, port):
            raise click.ClickException("The replica could not start; the log above says why.")


@click.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    with friendly():
        settings = Settings()
        settings.data.mkdir(parents=True, exist_ok=True)
        before = asyncio.run(run_migrations(settings.database_url))
    if before.is_current:
        click.echo(f"The database is up to date (revision {before.current}).")
    else:
        click.echo(f"The database was migrated from {before.current or 'nothing'} to revision {before.head}.")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def up(host: str, port: int) -> None:
    """Serve one replica with an agent beside it: everything on this machine."""
    configure_logging()
    with friendly():
        settings = Settings()
        embedded = importlib.import_module("orchestrator.embedded.up")
        code: int = embedded.run(host=host, port=port, data=settings.data)
    sys.exit(code)


async def _store_lets_us_in(services: Services) -> None:
    """Opening the services has already checked the database. A store that is away may come back, one that refuses us
    must be mended first.
    """
    try:
        await services.store.check()
    except StoreRefused as error:
        raise StartupError(error.message) from error
    except StoreUnavailable:
        structlog.get_logger().warning("store.away_at_start", text="Saves wait on their hosts until it answers.")
