"""A replica with a fleet in its database and an admin who looks at it."""

import asyncio
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.accounts.account import Role
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.browser.pages.conftest import PASSWORD
from tests.fleet_scene import FleetScene, fill_fleet
from tests.serving import serving


@dataclass(frozen=True)
class FleetHouse:
    """`cookie` is the admin's."""

    url: str
    settings: Settings
    scene: FleetScene
    cookie: str


@contextmanager
def fleet_house(data: Path, migrated_template: Path, *, hosts: int, sessions: int) -> Generator[FleetHouse]:
    shutil.copyfile(migrated_template, data / "orchestrator.sqlite3")
    settings = Settings(data=data, database_url=f"sqlite+aiosqlite:///{data / 'orchestrator.sqlite3'}")

    async def fill() -> tuple[FleetScene, str]:
        async with open_services(settings) as services:
            scene = await fill_fleet(services, hosts=hosts, sessions=sessions)
            admin = await services.accounts.create("boss@example.org", PASSWORD, "Boss", Role.ADMIN)
            return scene, await services.accounts.issue_token(admin)

    scene, cookie = asyncio.run(fill())
    with serving(settings) as url:
        yield FleetHouse(url, settings, scene, cookie)
