"""A replica with a fleet and a tenant in its database, and an admin who looks at them."""

import asyncio
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.accounts.account import Role
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.arena_scene import TenantScene, fill_tenant
from tests.browser.pages.conftest import PASSWORD
from tests.fleet_scene import FleetScene, fill_fleet
from tests.serving import serving


@dataclass(frozen=True)
class FleetHouse:
    """`cookie` is the admin's, who may open the console of `tenant` as well."""

    url: str
    settings: Settings
    scene: FleetScene
    tenant: TenantScene
    cookie: str


@contextmanager
def fleet_house(data: Path, migrated_template: Path, *, hosts: int, sessions: int) -> Generator[FleetHouse]:
    shutil.copyfile(migrated_template, data / "orchestrator.sqlite3")
    settings = Settings(
        data=data,
        database_url=f"sqlite+aiosqlite:///{data / 'orchestrator.sqlite3'}",
        webhook_networks=("127.0.0.1/32",),
    )

    async def fill() -> tuple[FleetScene, TenantScene, str]:
        async with open_services(settings) as services:
            scene = await fill_fleet(services, hosts=hosts, sessions=sessions)
            admin = await services.accounts.create("boss@example.org", PASSWORD, "Boss", Role.ADMIN)
            tenant = await fill_tenant(services)
            await services.tenant_members.add(tenant.tenant_id, admin.email, may_be_unconfirmed=True)
            return scene, tenant, await services.accounts.issue_token(admin)

    scene, tenant, cookie = asyncio.run(fill())
    with serving(settings) as url:
        yield FleetHouse(url, settings, scene, tenant, cookie)
