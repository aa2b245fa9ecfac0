"""`orchestrator tenants webhooks`: where tenants get their news, what was sent, and how it is sent again."""

from datetime import UTC, datetime, timedelta

import click

from orchestrator.audit.recording import COMMAND_LINE
from orchestrator.cli.calls import call, friendly
from orchestrator.columns import columns
from orchestrator.http import utc_seconds
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.tenants.keys import grants_of
from orchestrator.webhooks.envelope import EVENTS
from orchestrator.webhooks.models import WebhookDelivery, WebhookEndpoint
from orchestrator.webhooks.service import MOST_GRACE, USUAL_GRACE

_EVENTS = click.Choice(EVENTS)
_HOUR = timedelta(hours=1)


@click.group()
def webhooks() -> None:
    """Webhooks of tenants: their endpoints, what was sent, and how it is sent again."""


@webhooks.command("list")
@click.argument("tenant", required=False)
def list_endpoints(tenant: str | None) -> None:
    """Print the endpoints of TENANT, or of all."""

    async def read(services: Services) -> list[WebhookEndpoint]:
        tenant_id = None if tenant is None else await services.tenant_keys.id_of(tenant)
        return list(await services.webhooks.endpoints(tenant_id))

    with friendly():
        found = call(Settings(), read)
    if not found:
        click.echo("There are no webhook endpoints.")
        return
    rows = [(endpoint.id, endpoint.tenant_id, endpoint.url, _endpoint_words(endpoint)) for endpoint in found]
    click.echo("\n".join(columns(("ID", "TENANT", "URL", "STATE"), rows)))


@webhooks.command("add")
@click.argument("tenant")
@click.argument("url")
@click.option("--event", "events", type=_EVENTS, multiple=True, help="One that it gets; without any, all.")
def add_endpoint(tenant: str, url: str, events: tuple[str, ...]) -> None:
    """Send what happens in live sessions of TENANT to URL. Prints id and signing secret, which is shown this once."""

    async def add(services: Services) -> str:
        row = await services.tenant_keys.find(tenant)
        retries = grants_of(row).webhook_retries
        made = await services.webhooks.add(row.id, url, events, retries=retries, by=COMMAND_LINE)
        return f"{made.endpoint.id}\t{made.secret}"

    with friendly():
        click.echo(call(Settings(), add))


@webhooks.command("change")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.option("--url")
@click.option("--event", "events", type=_EVENTS, multiple=True, help="In place of those that it gets.")
@click.option("--all-events", is_flag=True, help="It gets all.")
def change_endpoint(endpoint_id: str, url: str | None, events: tuple[str, ...], *, all_events: bool) -> None:
    """Change what is said of ENDPOINT, nothing else."""

    async def change(services: Services) -> None:
        tenant_id = await services.webhooks.tenant_of(endpoint_id)
        wanted = () if all_events else events or None
        await services.webhooks.change(tenant_id, endpoint_id, url=url, events=wanted, by=COMMAND_LINE)

    with friendly():
        call(Settings(), change)
    click.echo(f"{endpoint_id} was changed.")


@webhooks.command("rotate")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.option(
    "--grace-hours", type=click.FloatRange(0, MOST_GRACE / _HOUR), default=USUAL_GRACE / _HOUR, show_default=True
)
def rotate_secret(endpoint_id: str, grace_hours: float) -> None:
    """Print another signing secret of ENDPOINT, this once. The former one signs on for the time of grace."""

    async def rotate(services: Services) -> str:
        tenant_id = await services.webhooks.tenant_of(endpoint_id)
        return (await services.webhooks.rotate(tenant_id, endpoint_id, grace_hours * _HOUR, by=COMMAND_LINE)).secret

    with friendly():
        click.echo(call(Settings(), rotate))


@webhooks.command("stop")
@click.argument("endpoint_id", metavar="ENDPOINT")
def stop_endpoint(endpoint_id: str) -> None:
    """Send ENDPOINT nothing more until it is restarted."""

    async def stop(services: Services) -> None:
        tenant_id = await services.webhooks.tenant_of(endpoint_id)
        await services.webhooks.stop(tenant_id, endpoint_id, "An operator stopped it.", by=COMMAND_LINE)

    with friendly():
        call(Settings(), stop)
    click.echo(f"{endpoint_id} was stopped.")


@webhooks.command("remove")
@click.argument("endpoint_id", metavar="ENDPOINT")
def remove_endpoint(endpoint_id: str) -> None:
    """Forget ENDPOINT with its log."""

    async def remove(services: Services) -> None:
        tenant_id = await services.webhooks.tenant_of(endpoint_id)
        await services.webhooks.remove(tenant_id, endpoint_id, by=COMMAND_LINE)

    with friendly():
        call(Settings(), remove)
    click.echo(f"{endpoint_id} was removed.")


@webhooks.command("test")
@click.argument("endpoint_id", metavar="ENDPOINT")
def send_test(endpoint_id: str) -> None:
    """Send ENDPOINT an event that says nothing; the log shows what became of it."""

    async def test(services: Services) -> str:
        return await services.webhooks.send_test(await services.webhooks.tenant_of(endpoint_id), endpoint_id)

    with friendly():
        click.echo(f"{call(Settings(), test)} is sent.")


@webhooks.command("log")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.option("--session", "session_id", help="Of this session alone.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
def print_log(endpoint_id: str, session_id: str | None, limit: int) -> None:
    """Print what was, is or will be sent to ENDPOINT, the newest first."""

    async def read(services: Services) -> list[WebhookDelivery]:
        tenant_id = await services.webhooks.tenant_of(endpoint_id)
        found = await services.webhooks.log(tenant_id, endpoint_id=endpoint_id, session_id=session_id, limit=limit)
        return list(found)

    with friendly():
        found = call(Settings(), read)
    if not found:
        click.echo("There is nothing in the log.")
        return
    rows = [(row.event_id, row.session_id, row.event, utc_seconds(row.at), row.state, _last_try(row)) for row in found]
    click.echo("\n".join(columns(("EVENT ID", "SESSION", "EVENT", "AT", "STATE", "LAST TRY"), rows)))


@webhooks.command("redeliver")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.argument("event_id", metavar="EVENT")
def redeliver(endpoint_id: str, event_id: str) -> None:
    """Send EVENT, by its id in the log, to ENDPOINT again."""

    async def again(services: Services) -> None:
        await services.webhooks.redeliver(await services.webhooks.tenant_of(endpoint_id), endpoint_id, event_id)

    with friendly():
        call(Settings(), again)
    click.echo(f"{event_id} is sent again.")


@webhooks.command("restart")
@click.argument("endpoint_id", metavar="ENDPOINT")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="Send also what happened since then (UTC) and was not delivered.",
)
def restart(endpoint_id: str, since: datetime | None) -> None:
    """Let ENDPOINT, which was stopped, get its news again."""

    async def begin(services: Services) -> int:
        tenant_id = await services.webhooks.tenant_of(endpoint_id)
        since_utc = since and since.replace(tzinfo=UTC)
        return await services.webhooks.restart(tenant_id, endpoint_id, since=since_utc, by=COMMAND_LINE)

    with friendly():
        count = call(Settings(), begin)
    click.echo(f"{endpoint_id} was restarted; {count} {'event is' if count == 1 else 'events are'} sent again.")


def _endpoint_words(endpoint: WebhookEndpoint) -> str:
    if endpoint.stopped_at is not None:
        return f"stopped {utc_seconds(endpoint.stopped_at)}: {endpoint.stopped_because}"
    return f"failing since {utc_seconds(endpoint.failing_since)}" if endpoint.failing_since else "good"


def _last_try(row: WebhookDelivery) -> str:
    if not row.attempts:
        return ""
    last = row.attempts[-1]
    return " ".join(str(word) for word in (last["status"], last["failure"], f"{last['tookMs']} ms") if word)
