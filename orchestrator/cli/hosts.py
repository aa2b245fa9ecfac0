"""`orchestrator hosts`: the machines that run games, and the tokens with which they join."""

from collections.abc import Sequence

import click

from orchestrator.cli.calls import call, friendly
from orchestrator.fleet.host_lines import label_words, lines_of, plays, state_words, table_of, token_lines
from orchestrator.fleet.models import labels_of
from orchestrator.fleet.operations import HostChange
from orchestrator.fleet.overview import HostDetail
from orchestrator.fleet.schemas import JoinTokenRequest
from orchestrator.http import parse
from orchestrator.services import Services
from orchestrator.settings import Settings


@click.group()
def hosts() -> None:
    """Machines that run games. HOST is an id, or a name that no other has."""


@hosts.command("list")
@click.option("--gone", is_flag=True, help="Show those that were removed as well.")
def list_hosts(*, gone: bool) -> None:
    """Print every host with its state and what it does."""
    with friendly():
        listed = call(Settings(), lambda services: services.fleet_overview.hosts(with_gone=gone))
    if not listed:
        click.echo("There are no hosts yet. Join one with `orchestrator hosts token`.")
        return
    click.echo("\n".join(table_of(listed)))


@hosts.command("show")
@click.argument("host_id", metavar="HOST")
def show_host(host_id: str) -> None:
    """Print all about one host: its state, when it changed, and what plays there."""
    with friendly():
        detail = call(Settings(), lambda services: _host(services, host_id))
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
    with friendly():

        async def remove(services: Services) -> None:
            known_as = await services.fleet_overview.id_of(host_id)
            await services.fleet_operations.remove(known_as, is_sure=force)

        call(Settings(), remove)
    click.echo(f"{host_id} was removed.")


@hosts.command("token")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="What the host gets; repeatable.")
def issue_host_token(labels: tuple[str, ...]) -> None:
    """Print a token with which one machine may join, once, within a day."""
    given = _labels(labels)
    with friendly():
        token = call(Settings(), lambda services: services.identities.issue_join_token(given))
    click.echo(token)


@hosts.command("tokens")
def list_host_tokens() -> None:
    """Print the tokens that nobody has used yet, by their ids."""
    with friendly():
        tokens = call(Settings(), lambda services: services.identities.join_tokens())
    if not tokens:
        click.echo("No token waits to be used. Make one with `orchestrator hosts token`.")
        return
    click.echo("\n".join(token_lines(tokens)))


@hosts.command("revoke-token")
@click.argument("token_id", metavar="ID")
def revoke_host_token(token_id: str) -> None:
    """Make a token worthless that nobody has used yet."""
    with friendly():
        call(Settings(), lambda services: services.identities.revoke_join_token(token_id))
    click.echo(f"{token_id} was revoked.")


def _change_host(host_id: str, change: HostChange) -> HostDetail:
    """The host after the change."""

    async def do(services: Services) -> HostDetail:
        known_as = await services.fleet_overview.id_of(host_id)
        await services.fleet_operations.change(known_as, change)
        return await services.fleet_overview.host(known_as)

    with friendly():
        return call(Settings(), do)


async def _host(services: Services, word: str) -> HostDetail:
    return await services.fleet_overview.host(await services.fleet_overview.id_of(word))


def _labels(words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise click.UsageError(f"'{word}' is not NAME=VALUE.")
    with friendly():
        return parse(JoinTokenRequest, {"labels": dict(word.split("=", 1) for word in words)}).labels
