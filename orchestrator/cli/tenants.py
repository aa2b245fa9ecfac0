"""`orchestrator tenants`: companies whose users play here, and their keys."""

import click

from orchestrator.cli.calls import call, friendly
from orchestrator.cli.webhooks import webhooks
from orchestrator.columns import columns
from orchestrator.http import parse, utc_seconds
from orchestrator.publishers.schemas import PublisherForm
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.tenants.models import TenantKey
from orchestrator.tenants.plans import KeyMode, Plan

_PLANS = click.Choice([plan.value for plan in Plan])
_MODES = click.Choice([mode.value for mode in KeyMode])


@click.group()
def tenants() -> None:
    """Companies whose users play here, and their keys. TENANT is an id or a name."""


tenants.add_command(webhooks)


@tenants.command("create")
@click.argument("name")
@click.option("--plan", type=_PLANS, default=Plan.STARTER.value, show_default=True)
@click.option("--origin", "origins", multiple=True, help="A page's origin that may use the keys; * is every one.")
def create_tenant(name: str, plan: str, origins: tuple[str, ...]) -> None:
    """Make the tenant NAME and print its live and its test key, which are shown this once."""
    with friendly():
        wanted = parse(PublisherForm, {"name": name}).name
        live, test = call(Settings(), lambda services: services.tenant_keys.create(wanted, Plan(plan), origins))
    click.echo("The tenant's id, its live key and its test key, shown this once:", err=True)
    click.echo(f"{live.tenant.id}\t{live.secret}\t{test.secret}")


@tenants.command("list")
def list_tenants() -> None:
    """Print every tenant."""
    with friendly():
        listed = call(Settings(), lambda services: services.tenant_keys.list())
    if not listed:
        click.echo("There are no tenants yet. Make one with `orchestrator tenants create NAME`.")
        return
    rows = [(tenant.id, tenant.name, tenant.plan, "active" if tenant.is_active else "inactive") for tenant in listed]
    click.echo("\n".join(columns(("ID", "NAME", "PLAN", "STATE"), rows)))


@tenants.command("keys")
@click.argument("tenant")
def list_tenant_keys(tenant: str) -> None:
    """Print the keys of TENANT: id, how each begins, and whether it works."""

    async def read(services: Services) -> list[tuple[str, str, str]]:
        keys = await services.tenant_keys.keys_of(await services.tenant_keys.id_of(tenant))
        return [(key.id, f"{key.hint}…", _key_words(key)) for key in keys]

    with friendly():
        rows = call(Settings(), read)
    click.echo("\n".join(columns(("ID", "BEGINS", "STATE"), rows)))


@tenants.command("rotate")
@click.argument("tenant")
@click.argument("mode", type=_MODES)
def rotate_tenant_key(tenant: str, mode: str) -> None:
    """Print a new key of TENANT for MODE, this once. Those before it end within 60 seconds."""

    async def rotate(services: Services) -> str:
        tenant_id = await services.tenant_keys.id_of(tenant)
        return (await services.tenant_keys.rotate(tenant_id, KeyMode(mode))).secret

    with friendly():
        click.echo(call(Settings(), rotate))


@tenants.command("revoke")
@click.argument("tenant")
@click.argument("key_id", metavar="KEY")
def revoke_tenant_key(tenant: str, key_id: str) -> None:
    """Make a key of TENANT worthless at once, by its id."""

    async def revoke(services: Services) -> None:
        await services.tenant_keys.revoke(await services.tenant_keys.id_of(tenant), key_id)

    with friendly():
        call(Settings(), revoke)
    click.echo(f"{key_id} was revoked.")


@tenants.command("change")
@click.argument("tenant")
@click.option("--plan", type=_PLANS)
@click.option("--monthly-sessions", type=click.IntRange(min=0), help="In place of the plan's.")
@click.option("--requests-a-minute", type=click.IntRange(min=1), help="In place of the plan's.")
@click.option("--seats", type=click.IntRange(min=0), help="How many streamed games at once, in place of the plan's.")
@click.option("--active/--inactive", "is_active", default=None, help="The keys of an inactive tenant are refused.")
@click.option("--origin", "origins", multiple=True, help="In place of the origins that its keys have.")
def change_tenant(
    tenant: str,
    plan: str | None,
    monthly_sessions: int | None,
    requests_a_minute: int | None,
    seats: int | None,
    is_active: bool | None,
    origins: tuple[str, ...],
) -> None:
    """Change what is said of TENANT, nothing else."""

    async def change(services: Services) -> None:
        await services.tenant_keys.change(
            await services.tenant_keys.id_of(tenant),
            plan=None if plan is None else Plan(plan),
            monthly_sessions=monthly_sessions,
            requests_a_minute=requests_a_minute,
            seats=seats,
            is_active=is_active,
            origins=origins or None,
        )

    with friendly():
        call(Settings(), change)
    click.echo(f"{tenant} was changed.")


@tenants.group("members")
def members() -> None:
    """People who may open a tenant's console, by the addresses of their accounts here."""


@members.command("list")
@click.argument("tenant")
def list_members(tenant: str) -> None:
    """Print the members of TENANT."""

    async def read(services: Services) -> list[tuple[str, str, str]]:
        found = await services.tenant_members.of_tenant(await services.tenant_keys.id_of(tenant))
        return [(each.account.email, each.account.name, utc_seconds(each.since)) for each in found]

    with friendly():
        rows = call(Settings(), read)
    click.echo("\n".join(columns(("ADDRESS", "NAME", "SINCE"), rows)) if rows else "It has no members.")


@members.command("add")
@click.argument("tenant")
@click.argument("email")
@click.option("--unconfirmed", is_flag=True, help="Also an account that has not confirmed its address.")
def add_member(tenant: str, email: str, *, unconfirmed: bool) -> None:
    """Let the account of EMAIL open the console of TENANT."""

    async def add(services: Services) -> None:
        tenant_id = await services.tenant_keys.id_of(tenant)
        await services.tenant_members.add(tenant_id, email, may_be_unconfirmed=unconfirmed)

    with friendly():
        call(Settings(), add)
    click.echo(f"{email} may open the console of {tenant}.")


@members.command("remove")
@click.argument("tenant")
@click.argument("email")
def remove_member(tenant: str, email: str) -> None:
    """Let the account of EMAIL open the console of TENANT no longer."""

    async def remove(services: Services) -> None:
        tenant_id = await services.tenant_keys.id_of(tenant)
        await services.tenant_members.remove(tenant_id, await services.standing.id_of(email))

    with friendly():
        call(Settings(), remove)
    click.echo(f"{email} may open the console of {tenant} no longer.")


def _key_words(key: TenantKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {utc_seconds(key.revoked_at)}"
    return f"good until {utc_seconds(key.expires_at)}" if key.expires_at else "good"
