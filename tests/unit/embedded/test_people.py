"""The demo account: made once, its password readable by its owner alone."""

import stat

from migrations import migrate
from orchestrator.accounts.account import Role
from orchestrator.embedded.people import EMAIL, FILE, demo_account
from orchestrator.services import open_services
from orchestrator.settings import Settings


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


async def test_a_new_database_gets_the_password_that_people_know(settings: Settings) -> None:
    async with open_services(settings) as services:
        before = await demo_account(services.accounts, settings.data)
    emptied = settings.model_copy(update={"database_url": f"sqlite+aiosqlite:///{settings.data / 'new.sqlite3'}"})

    await migrate(emptied.database_url)
    async with open_services(emptied) as services:
        assert await demo_account(services.accounts, settings.data) == before
        await services.accounts.sign_in(EMAIL, before.password or "", address="127.0.0.1")
