"""`orchestrator users`: people who may sign in."""

import sys

import click

from orchestrator.accounts.account import AccountState, Role
from orchestrator.accounts.schemas import Registration
from orchestrator.audit.recording import COMMAND_LINE
from orchestrator.cli.calls import call, friendly
from orchestrator.columns import columns
from orchestrator.http import parse
from orchestrator.services import Services
from orchestrator.settings import Settings


@click.group()
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
    with friendly():
        wanted = parse(Registration, {"email": email, "password": password, "name": name or email.partition("@")[0]})

        async def create(services: Services) -> None:
            await services.accounts.create(wanted.email, wanted.password, wanted.name, role, by=COMMAND_LINE)

        call(Settings(), create)
    click.echo(f"Created {role.value} {wanted.email}.")


@users.command("list")
@click.argument("search", default="")
def list_users(search: str) -> None:
    """Print the newest accounts, or those whose name or e-mail address contains SEARCH: a hundred at most."""
    with friendly():
        found = call(Settings(), lambda services: services.standing.people(search, page=1, limit=100))
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

    with friendly():
        call(Settings(), change)
    click.echo(f"{email} is {state.value}.")
