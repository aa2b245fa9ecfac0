"""`orchestrator codes`: each puts a game into the library of one person."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

from orchestrator.accounts.models import AccountRow
from orchestrator.cli.calls import call, friendly
from orchestrator.http import parse
from orchestrator.library.models import LibraryCode
from orchestrator.library.schemas import CodesRequest
from orchestrator.library.service import MOST_CODES_AT_ONCE
from orchestrator.services import Services
from orchestrator.settings import Settings


@click.group()
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
    with friendly():
        wanted = parse(
            CodesRequest,
            {
                "gameSlug": slug,
                "count": count,
                "note": note,
                "expiresAt": expires and expires.replace(tzinfo=UTC),
            },
        )
        made = call(
            Settings(),
            lambda services: services.library.make_codes(
                wanted.game_slug, wanted.count, note=wanted.note, expires_at=wanted.expires_at
            ),
        )
    click.echo("\n".join(made.codes))
    click.echo(f"Batch {made.summary.batch.id}: `orchestrator codes revoke` takes it back.", err=True)


@codes.command("list")
@click.argument("slug", metavar="[GAME]", required=False)
def list_codes(slug: str | None) -> None:
    """Print the batches of codes, the newest first."""
    with friendly():
        batches = call(Settings(), lambda services: services.library.batches(slug))
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

    async def read(services: Services) -> tuple[Sequence[LibraryCode], Mapping[str, AccountRow]]:
        codes = await services.library.codes(batch_id)
        return codes, await services.standing.named([code.redeemed_by for code in codes if code.redeemed_by])

    with friendly():
        found, people = call(Settings(), read)
    for code in found:
        state = "revoked" if code.revoked_at else "unused"
        if code.redeemed_at:
            person = people.get(code.redeemed_by or "")
            state = f"redeemed {code.redeemed_at:%Y-%m-%d} by {person.email if person else 'an account that is gone'}"
        click.echo(f"{code.id}\t…{code.ends_with}\t{state}")


@codes.command("revoke")
@click.argument("some_id", metavar="BATCH|CODE")
def revoke_codes(some_id: str) -> None:
    """Make worthless what nobody has redeemed yet of a batch, or one code, by its id."""
    with friendly():
        count = call(Settings(), lambda services: services.library.revoke(some_id))
    click.echo(f"{count} {'code was' if count == 1 else 'codes were'} revoked.")
