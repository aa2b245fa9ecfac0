"""The demo account: made once, its password readable by its owner alone."""

import resource
import stat
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from migrations import migrate
from orchestrator.accounts.account import Role
from orchestrator.embedded.people import EMAIL, FILE, demo_account
from orchestrator.services import open_services
from orchestrator.settings import Settings


@contextmanager
def no_room_for_files() -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_the_first_start_makes_an_admin_who_can_sign_in(settings: Settings) -> None:
    async with open_services(settings) as services:
        made = await demo_account(services.accounts, settings.data)
        token = await services.accounts.sign_in(EMAIL, made.password or "", address="127.0.0.1")
        signed_in = await services.accounts.authenticate(token)
    assert signed_in is not None
    assert signed_in.account.role is Role.ADMIN
    assert stat.S_IMODE((settings.data / FILE).stat().st_mode) == 0o600


async def test_every_further_start_says_the_same(settings: Settings) -> None:
    async with open_services(settings) as services:
        first = await demo_account(services.accounts, settings.data)
        assert await demo_account(services.accounts, settings.data) == first


async def test_a_lost_password_is_not_made_up(settings: Settings) -> None:
    async with open_services(settings) as services:
        await demo_account(services.accounts, settings.data)
        (settings.data / FILE).unlink()
        again = await demo_account(services.accounts, settings.data)
    assert again.password is None
    assert not (settings.data / FILE).exists()


async def test_a_password_that_was_changed_is_not_said_any_more(settings: Settings) -> None:
    async with open_services(settings) as services:
        made = await demo_account(services.accounts, settings.data)
        token = await services.accounts.sign_in(EMAIL, made.password or "", address="127.0.0.1")
        signed_in = await services.accounts.authenticate(token)
        assert signed_in is not None
        await services.my_account.change_password(signed_in, made.password or "", "correct horse battery")
        assert (await demo_account(services.accounts, settings.data)).password is None


@pytest.mark.parametrize("left", ["", '{"email": "demo@pl', "[]", "{}"])
async def test_a_file_that_a_full_disk_cut_short_is_written_anew(settings: Settings, left: str) -> None:
    (settings.data / FILE).write_text(left)
    async with open_services(settings) as services:
        made = await demo_account(services.accounts, settings.data)
        assert await demo_account(services.accounts, settings.data) == made
        await services.accounts.sign_in(EMAIL, made.password or "", address="127.0.0.1")


async def test_what_cannot_be_written_whole_is_not_there(settings: Settings) -> None:
    """No byte fits: as on a full disk, but for this process alone."""
    async with open_services(settings) as services:
        with no_room_for_files(), pytest.raises(OSError, match="File too large"):
            await demo_account(services.accounts, settings.data)
        assert not (settings.data / FILE).exists()
        made = await demo_account(services.accounts, settings.data)
    assert made.password is not None


async def test_a_new_database_gets_the_password_that_people_know(settings: Settings) -> None:
    async with open_services(settings) as services:
        before = await demo_account(services.accounts, settings.data)
    emptied = settings.model_copy(update={"database_url": f"sqlite+aiosqlite:///{settings.data / 'new.sqlite3'}"})

    await migrate(emptied.database_url)
    async with open_services(emptied) as services:
        assert await demo_account(services.accounts, settings.data) == before
        await services.accounts.sign_in(EMAIL, before.password or "", address="127.0.0.1")
