"""A replica that is served on a port of this machine, with a game, a player and a host in it."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.app import create_app
from orchestrator.publishers.schemas import GameForm
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan
from tests.integration.orchestrator.conftest import ScriptedHost, add_game

DEADLINE_S = 60.0
PLAIN: dict[str, Any] = {"timeout": 60, "verify": False}
"""For a client of a replica, which speaks no TLS here: to read the certificates takes longer than most answers."""


@dataclass(frozen=True)
class Served:
    """`url` without a slash at its end; headers that prove who asks."""

    url: str
    signed_in: dict[str, str]
    as_admin: dict[str, str]
    host: ScriptedHost
    as_publisher: dict[str, str]
    as_tenant: dict[str, str]
    tenant_id: str
    settings: Settings

    @property
    def as_host(self) -> dict[str, str]:
        return self.host.headers


@contextmanager
def served(data: Path) -> Generator[Served]:
    """Until the block ends. `data` holds a migrated database."""
    settings = Settings(data=data, database_url=f"sqlite+aiosqlite:///{data / 'orchestrator.sqlite3'}")
    player, admin, join_token, key, tenants_key, tenant_id = asyncio.run(_prepared(settings))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        host = asyncio.run(_joined(url, join_token))
        bearer, tenants = ({"Authorization": f"Bearer {secret}"} for secret in (key, tenants_key))
        yield Served(url, _signed_in(player), _signed_in(admin), host, bearer, tenants, tenant_id, settings)
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)
        listener.close()


def _signed_in(cookie: str) -> dict[str, str]:
    return {"Cookie": f"{tokens.COOKIE}={cookie}"}


async def _prepared(settings: Settings) -> tuple[str, str, str, str, str, str]:
    async with open_services(settings) as services:
        await add_game(services)
        publisher = await services.publisher_keys.create("Stephen Albert")
        form = {"slug": "garden", "title": "Garden", "developer": "Somebody", "description": "", "tags": ["A"]}
        form |= {"launcher": "garden.sh", "renpyDir": "Garden"}
        await services.published_games.create(publisher.publisher, GameForm.model_validate(form))
        people = [await _person(services, role) for role in (Role.PLAYER, Role.ADMIN)]
        player, admin = [await services.accounts.issue_token(person) for person in people]
        live, _ = await services.tenant_keys.create("Acme Games", Plan.ENTERPRISE)
        join_token = await services.identities.issue_join_token()
        return player, admin, join_token, publisher.secret, live.secret, live.tenant.id


async def _person(services: Services, role: Role) -> Account:
    account = Account(f"clx{role.value}", f"{role.value}@example.org", role.value, None, role)
    async with services.database.write() as session:
        session.add(
            AccountRow(
                id=account.id,
                email=account.email,
                name=account.name,
                role=account.role,
                state=AccountState.ACTIVE,
                created_at=await services.database.now(session),
            )
        )
    return account


async def _joined(url: str, join_token: str) -> ScriptedHost:
    async with httpx.AsyncClient(base_url=url, **PLAIN) as client:
        host = ScriptedHost(client, join_token)
        await host.sync()
        return host
