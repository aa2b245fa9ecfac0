"""The `orchestrator` command: it reads the operator's words, calls a service, and prints a line.

Every command works beside a running replica. What the operator can mend is one line on standard error and exit code 1.
"""

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
import structlog
from asyncpg import PostgresError
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from migrations import migrate as run_migrations
from orchestrator.accounts.account import AccountState, Role
from orchestrator.accounts.schemas import Registration
from orchestrator.catalog.definition import InvalidDefinition, load_definition
from orchestrator.catalog.images import ImageUnavailable
from orchestrator.catalog.sources import image_of
from orchestrator.columns import columns
from orchestrator.embedded.engine import private_engine_of
from orchestrator.errors import ApiError, DatabaseUnavailable, StoreUnavailable
from orchestrator.fleet.host_lines import label_words, lines_of, plays, state_words, table_of, token_lines
from orchestrator.fleet.models import labels_of
from orchestrator.fleet.operations import HostChange
from orchestrator.fleet.overview import HostDetail
from orchestrator.fleet.schemas import JoinTokenRequest
from orchestrator.http import parse, utc_seconds
from orchestrator.library.schemas import CodesRequest
from orchestrator.library.service import MOST_CODES_AT_ONCE
from orchestrator.logging import configure_logging
from orchestrator.publishers.models import PublisherKey
from orchestrator.publishers.schemas import PublisherForm
from orchestrator.replica import StartupError, sole_replica
from orchestrator.saves.store import StoreRefused
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings

Result = TypeVar("Result")


@click.group()
def main() -> None:
    """A cloud game service from your own machines. Settings come from ORCHESTRATOR_* in the environment."""
    configure_logging(logging.WARNING)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve one replica."""
    configure_logging()
    with _friendly():
        settings = Settings()
        with sole_replica(settings):  # said in one line here; held by the application itself
            _call(settings, _store_lets_us_in)
        from orchestrator.server import serve_until_told  # noqa: PLC0415 - no other command needs the web application

        if not serve_until_told(settings, host, port):
            raise click.ClickException("The replica could not start; the log above says why.")


@main.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    with _friendly():
        settings = Settings()
        settings.data.mkdir(parents=True, exist_ok=True)
        before = asyncio.run(run_migrations(settings.database_url))
    if before.is_current:
        click.echo(f"The database is up to date (revision {before.current}).")
    else:
        click.echo(f"The database was migrated from {before.current or 'nothing'} to revision {before.head}.")


@main.group()
def users() -> None:
    """People who may sign in."""


@users.command("create")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--admin", is_flag=True, help="May see and change everything.")
@click.option("--name", help="How the person is called; without it, what stands before the @.")
def create_user(email: str, *, password_stdin: bool, admin: bool, name: str | None) -> None:
    """Create an account for EMAIL."""
    if not password_stdin:
        raise click.UsageError("Give the password on standard input and say so with --password-stdin.")
    password = sys.stdin.readline().rstrip("\r\n")
    role = Role.ADMIN if admin else Role.PLAYER
    with _friendly():
        wanted = parse(Registration, {"email": email, "password": password, "name": name or email.partition("@")[0]})

        async def create(services: Services) -> None:
            await services.accounts.create(wanted.email, wanted.password, wanted.name, role)

        _call(Settings(), create)
    click.echo(f"Created {role.value} {wanted.email}.")


@users.command("list")
@click.argument("search", default="")
def list_users(search: str) -> None:
    """Print the newest accounts, or those whose name or e-mail address contains SEARCH: a hundred at most."""
    with _friendly():
        found = _call(Settings(), lambda services: services.standing.people(search, page=1, limit=100))
    rows = [(row.email, row.state.value, row.role.value, row.name) for row in found.people]
    click.echo("\n".join(columns(("ADDRESS", "STATE", "ROLE", "NAME"), rows)))
    if found.total > len(found.people):
        click.echo(f"… and {found.total - len(found.people)} more: say a part of a name or an address.", err=True)


@users.command("suspend")
@click.argument("email")
def suspend_user(email: str) -> None:
    """Sign EMAIL out everywhere, stop their game, and let them in no more until `users restore`."""
    _set_state(email, AccountState.SUSPENDED)


@users.command("close")
@click.argument("email")
def close_user(email: str) -> None:
    """As suspend, for good: the account is kept, so that nobody can register with its address again."""
    _set_state(email, AccountState.CLOSED)


@users.command("restore")
@click.argument("email")
def restore_user(email: str) -> None:
    """Let EMAIL in again."""
    _set_state(email, AccountState.ACTIVE)


def _set_state(email: str, state: AccountState) -> None:
    async def change(services: Services) -> None:
        await services.standing.change(await services.standing.id_of(email), state)

    with _friendly():
        _call(Settings(), change)
    click.echo(f"{email} is {state.value}.")


@main.group()
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
    with _friendly():
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
        added = _call(settings, lambda services: services.catalog.add_game(definition, image))
    what = "Added" if added.is_new else "Already there:"
    click.echo(f"{what} {definition.slug} {definition.build.version} (build {added.build_id}).")
    if image.manifest_digest is not None:
        layers_mb = sum(image.layers.values()) / 1e6
        click.echo(f"{image.reference} is {image.manifest_digest}: {len(image.layers)} layers, {layers_mb:.1f} MB.")


@games.command("list")
def list_games() -> None:
    """Print every game with its current build."""
    with _friendly():
        listed = _call(Settings(), lambda services: services.catalog.list_builds())
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
    with _friendly():
        _call(Settings(), lambda services: services.library.set_access(slug, needs_code=needs_code))
    click.echo(f"{slug} needs a code." if needs_code else f"{slug} is everyone's.")


@main.group()
def codes() -> None:
    """Library codes: each puts a game into the library of one person."""


@codes.command("create")
@click.argument("slug", metavar="GAME")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, MOST_CODES_AT_ONCE))
@click.option("--note", help="What they are for; only you see it.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help="Until when they can be redeemed: this day's begin in UTC."
)
def create_codes(slug: str, count: int, note: str | None, expires: datetime | None) -> None:
    """Make codes for GAME and print them, one a line. They are shown this once."""
    with _friendly():
        wanted = parse(
            CodesRequest,
            {
                "gameSlug": slug,
                "count": count,
                "note": note,
                "expiresAt": expires and expires.replace(tzinfo=UTC),
            },
        )
        made = _call(
            Settings(),
            lambda services: services.library.make_codes(
                wanted.game_slug, wanted.count, note=wanted.note, expires_at=wanted.expires_at, made_by=None
            ),
        )
    click.echo("\n".join(made.codes))
    click.echo(f"Batch {made.summary.batch.id}: `orchestrator codes revoke` takes it back.", err=True)


@codes.command("list")
@click.argument("slug", metavar="[GAME]", required=False)
def list_codes(slug: str | None) -> None:
    """Print the batches of codes, the newest first."""
    with _friendly():
        batches = _call(Settings(), lambda services: services.library.batches(slug))
    if not batches:
        click.echo("There are no codes yet. Make some with `orchestrator codes create GAME --count N`.")
    for each in batches:
        ends = "" if each.batch.expires_at is None else f"\tuntil {each.batch.expires_at:%Y-%m-%d}"
        figures = f"{each.codes} codes, {each.redeemed} redeemed, {each.revoked} revoked"
        click.echo(f"{each.batch.id}\t{each.game.slug}\t{figures}{ends}\t{each.batch.note or ''}".rstrip())


@codes.command("show")
@click.argument("batch_id", metavar="BATCH")
def show_codes(batch_id: str) -> None:
    """Print the codes of BATCH by their last characters, and what became of each."""
    with _friendly():
        found = _call(Settings(), lambda services: services.library.codes(batch_id))
    for code in found:
        state = "revoked" if code.revoked_at else "unused"
        if code.redeemed_at:
            state = f"redeemed {code.redeemed_at:%Y-%m-%d} by {code.redeemed_by or 'an account that is gone'}"
        click.echo(f"{code.id}\t…{code.ends_with}\t{state}")


@codes.command("revoke")
@click.argument("some_id", metavar="BATCH|CODE")
def revoke_codes(some_id: str) -> None:
    """Make worthless what nobody has redeemed yet of a batch, or one code, by its id."""
    with _friendly():
        count = _call(Settings(), lambda services: services.library.revoke(some_id))
    click.echo(f"{count} {'code was' if count == 1 else 'codes were'} revoked.")


@main.group()
def partners() -> None:
    """Publishers and their keys. PUBLISHER is an id or a name."""


@partners.command("create")
@click.argument("name")
def create_partner(name: str) -> None:
    """Make the publisher NAME and print its key, which is shown this once."""
    with _friendly():
        wanted = parse(PublisherForm, {"name": name}).name
        made = _call(Settings(), lambda services: services.publisher_keys.create(wanted))
    click.echo(f"{made.publisher.id}\t{made.secret}")


@partners.command("list")
def list_partners() -> None:
    """Print every publisher."""
    with _friendly():
        listed = _call(Settings(), lambda services: services.publisher_keys.list())
    if not listed:
        click.echo("There are no publishers yet. Make one with `orchestrator partners create NAME`.")
        return
    click.echo("\n".join(columns(("ID", "NAME"), [(publisher.id, publisher.name) for publisher in listed])))


@partners.command("keys")
@click.argument("publisher")
def list_partner_keys(publisher: str) -> None:
    """Print the keys of PUBLISHER: id, how it begins, and whether it works."""

    async def read(services: Services) -> list[tuple[str, str, str]]:
        _, keys = await services.publisher_keys.keys_of(await services.publisher_keys.id_of(publisher))
        return [(key.id, f"{key.hint}…", _key_words(key)) for key in keys]

    with _friendly():
        rows = _call(Settings(), read)
    click.echo("\n".join(columns(("ID", "BEGINS", "STATE"), rows)))


@partners.command("rotate")
@click.argument("publisher")
@click.option("--grace-hours", type=click.FloatRange(0, 720), default=24.0, show_default=True)
def rotate_partner_key(publisher: str, grace_hours: float) -> None:
    """Print a new key of PUBLISHER, this once. Those before it stay good for the hours of grace."""

    async def rotate(services: Services) -> str:
        publisher_id = await services.publisher_keys.id_of(publisher)
        return (await services.publisher_keys.rotate(publisher_id, timedelta(hours=grace_hours))).secret

    with _friendly():
        click.echo(_call(Settings(), rotate))


@partners.command("revoke")
@click.argument("publisher")
@click.argument("key_id", metavar="KEY")
def revoke_partner_key(publisher: str, key_id: str) -> None:
    """Make a key of PUBLISHER worthless at once, by its id."""

    async def revoke(services: Services) -> None:
        await services.publisher_keys.revoke(await services.publisher_keys.id_of(publisher), key_id)

    with _friendly():
        _call(Settings(), revoke)
    click.echo(f"{key_id} was revoked.")


@main.group()
def hosts() -> None:
    """Machines that run games. HOST is an id, or a name that no other has."""


@hosts.command("list")
@click.option("--gone", is_flag=True, help="Show those that were removed as well.")
def list_hosts(*, gone: bool) -> None:
    """Print every host with its state and what it does."""
    with _friendly():
        listed = _call(Settings(), lambda services: services.fleet_overview.hosts(with_gone=gone))
    if not listed:
        click.echo("There are no hosts yet. Join one with `orchestrator hosts token`.")
        return
    click.echo("\n".join(table_of(listed)))


@hosts.command("show")
@click.argument("host_id", metavar="HOST")
def show_host(host_id: str) -> None:
    """Print all about one host: its state, when it changed, and what plays there."""
    with _friendly():
        detail = _call(Settings(), lambda services: _host(services, host_id))
    click.echo("\n".join(lines_of(detail)))


@hosts.command("drain")
@click.argument("host_id", metavar="HOST")
@click.option("--move", is_flag=True, help="Save what nobody is connected to and let it go on elsewhere.")
def drain_host(host_id: str, *, move: bool) -> None:
    """Give HOST no new session; what plays there plays on. Prints what still does."""
    detail = _change_host(host_id, HostChange(is_draining=True, moves_idle=move))
    still = plays(detail.sessions, detail.overview.now)
    click.echo("\n".join(still) if still else f"{host_id} is drained: nothing plays there.")


@hosts.command("undrain")
@click.argument("host_id", metavar="HOST")
def undrain_host(host_id: str) -> None:
    """Let HOST take new sessions again."""
    click.echo(f"{host_id} is {state_words(_change_host(host_id, HostChange(is_draining=False)).overview)}.")


@hosts.command("label")
@click.argument("host_id", metavar="HOST")
@click.argument("labels", nargs=-1, required=True, metavar="NAME=VALUE|NAME-...")
def label_host(host_id: str, labels: tuple[str, ...]) -> None:
    """Set labels of HOST over what its agent said; NAME- takes that back, NAME= makes it none."""
    taken_back = {word[:-1]: None for word in labels if word.endswith("-") and "=" not in word}
    given = _labels([word for word in labels if word.removesuffix("-") not in taken_back])
    detail = _change_host(host_id, HostChange(labels={**given, **taken_back}))
    click.echo(label_words(labels_of(detail.overview.host)) or f"{host_id} has no labels.")


@hosts.command("remove")
@click.argument("host_id", metavar="HOST")
@click.option("--force", is_flag=True, help="Even while it has sessions: they move elsewhere from their newest saves.")
def remove_host(host_id: str, *, force: bool) -> None:
    """Take HOST out of the fleet for good: its key works no longer."""
    with _friendly():

        async def remove(services: Services) -> None:
            known_as = await services.fleet_overview.id_of(host_id)
            await services.fleet_operations.remove(known_as, is_sure=force)

        _call(Settings(), remove)
    click.echo(f"{host_id} was removed.")


@hosts.command("token")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="What the host gets; repeatable.")
def issue_host_token(labels: tuple[str, ...]) -> None:
    """Print a token with which one machine may join, once, within a day."""
    given = _labels(labels)
    with _friendly():
        token = _call(Settings(), lambda services: services.identities.issue_join_token(given))
    click.echo(token)


@hosts.command("tokens")
def list_host_tokens() -> None:
    """Print the tokens that nobody has used yet, by their ids."""
    with _friendly():
        tokens = _call(Settings(), lambda services: services.identities.join_tokens())
    if not tokens:
        click.echo("No token waits to be used. Make one with `orchestrator hosts token`.")
        return
    click.echo("\n".join(token_lines(tokens)))


@hosts.command("revoke-token")
@click.argument("token_id", metavar="ID")
def revoke_host_token(token_id: str) -> None:
    """Make a token worthless that nobody has used yet."""
    with _friendly():
        _call(Settings(), lambda services: services.identities.revoke_join_token(token_id))
    click.echo(f"{token_id} was revoked.")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def up(host: str, port: int) -> None:
    """Serve one replica with an agent beside it: everything on this machine."""
    configure_logging()
    with _friendly():
        settings = Settings()
        embedded = importlib.import_module("orchestrator.embedded.up")
        code: int = embedded.run(host=host, port=port, data=settings.data)
    sys.exit(code)


def _key_words(key: PublisherKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {utc_seconds(key.revoked_at)}"
    return f"good until {utc_seconds(key.expires_at)}" if key.expires_at else "good"


def _change_host(host_id: str, change: HostChange) -> HostDetail:
    """The host after the change."""

    async def do(services: Services) -> HostDetail:
        known_as = await services.fleet_overview.id_of(host_id)
        await services.fleet_operations.change(known_as, change)
        return await services.fleet_overview.host(known_as)

    with _friendly():
        return _call(Settings(), do)


async def _host(services: Services, word: str) -> HostDetail:
    return await services.fleet_overview.host(await services.fleet_overview.id_of(word))


def _labels(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise click.UsageError(f"'{word}' is not NAME=VALUE.")
    with _friendly():
        return parse(JoinTokenRequest, {"labels": dict(word.split("=", 1) for word in words)}).labels


def _call(settings: Settings, do: Callable[[Services], Awaitable[Result]]) -> Result:
    """What `do` answers, with the services open around it."""

    async def call() -> Result:
        async with open_services(settings) as services:
            return await do(services)

    return asyncio.run(call())


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


@contextmanager
def _friendly() -> Generator[None, None, None]:
    """Turns what an operator can mend into one line."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "".join(str(part) for part in first["loc"]).upper()
        raise click.ClickException(f"ORCHESTRATOR_{name}: {first['msg']}") from error
    except DatabaseUnavailable as error:
        raise _unusable(error.__cause__ or error) from error
    except (ApiError, StartupError, InvalidDefinition, ImageUnavailable) as error:
        raise click.ClickException(str(error)) from error
    except (SQLAlchemyError, PostgresError, OSError) as error:
        raise _unusable(error) from error


def _unusable(error: BaseException) -> click.ClickException:
    return click.ClickException(f"The database cannot be used: {str(error).splitlines()[0]}")
