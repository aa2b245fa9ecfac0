"""`orchestrator webhooks`: where tenants get their news, what was sent, and how it is sent again."""

from datetime import UTC, datetime

import click

from orchestrator.cli.calls import call, friendly
from orchestrator.columns import columns
from orchestrator.http import utc_seconds
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.webhooks.models import WebhookDelivery, WebhookEndpoint


@click.group()
def webhooks() -> None:
    """Webhooks of tenants: their endpoints, what was sent, and how it is sent again."""


@webhooks.command("list")
@click.argument("tenant", required=False)
def list_endpoints(tenant: str | None) -> None:
    """Print the endpoints of TENANT, or of all."""
    with friendly():
        found = call(Settings(), lambda services: services.webhooks.endpoints(tenant))
    if not found:
        click.echo("There are no webhook endpoints.")
        return
    rows = [(endpoint.id, endpoint.tenant_id, endpoint.url, _endpoint_words(endpoint)) for endpoint in found]
    click.echo("\n".join(columns(("ID", "TENANT", "URL", "STATE"), rows)))


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
        return await services.webhooks.restart(tenant_id, endpoint_id, since=since and since.replace(tzinfo=UTC))

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
