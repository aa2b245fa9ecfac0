"""`orchestrator partners`: publishers and their keys."""

from datetime import timedelta

import click

from orchestrator.cli.calls import call, friendly
from orchestrator.columns import columns
from orchestrator.http import parse, utc_seconds
from orchestrator.publishers.models import PublisherKey
from orchestrator.publishers.schemas import PublisherForm
from orchestrator.services import Services
from orchestrator.settings import Settings


@click.group()
def partners() -> None:
    """Publishers and their keys. PUBLISHER is an id or a name."""


@partners.command("create")
@click.argument("name")
def create_partner(name: str) -> None:
    """Make the publisher NAME and print its key, which is shown this once."""
    with friendly():
        wanted = parse(PublisherForm, {"name": name}).name
        made = call(Settings(), lambda services: services.publisher_keys.create(wanted))
    click.echo("The publisher's id and its key, shown this once:", err=True)
    click.echo(f"{made.publisher.id}\t{made.secret}")


@partners.command("list")
def list_partners() -> None:
    """Print every publisher."""
    with friendly():
        listed = call(Settings(), lambda services: services.publisher_keys.list())
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

    with friendly():
        rows = call(Settings(), read)
    click.echo("\n".join(columns(("ID", "BEGINS", "STATE"), rows)))


@partners.command("rotate")
@click.argument("publisher")
@click.option("--grace-hours", type=click.FloatRange(0, 720), default=24.0, show_default=True)
def rotate_partner_key(publisher: str, grace_hours: float) -> None:
    """Print a new key of PUBLISHER, this once. Those before it stay good for the hours of grace."""

    async def rotate(services: Services) -> str:
        publisher_id = await services.publisher_keys.id_of(publisher)
        return (await services.publisher_keys.rotate(publisher_id, timedelta(hours=grace_hours))).secret

    with friendly():
        click.echo(call(Settings(), rotate))


@partners.command("revoke")
@click.argument("publisher")
@click.argument("key_id", metavar="KEY")
def revoke_partner_key(publisher: str, key_id: str) -> None:
    """Make a key of PUBLISHER worthless at once, by its id."""

    async def revoke(services: Services) -> None:
        await services.publisher_keys.revoke(await services.publisher_keys.id_of(publisher), key_id)

    with friendly():
        call(Settings(), revoke)
    click.echo(f"{key_id} was revoked.")


def _key_words(key: PublisherKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {utc_seconds(key.revoked_at)}"
    return f"good until {utc_seconds(key.expires_at)}" if key.expires_at else "good"
