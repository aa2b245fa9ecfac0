"""The key that signs stream tokens is changed: whoever plays notices nothing, and whoever stole it has nothing."""

import asyncio
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import func, select

from agent_protocol import SyncResponse
from gameserver_agent.http.stream_token import Expected, TokenRefusedError, verified_bearer
from orchestrator.errors import Conflict
from orchestrator.installation.models import SigningKeyRow
from orchestrator.installation.rotation import TOLD_AFTER, TOLD_BEFORE
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost

NOW_S = 1_800_000_000


async def passes(services: Services, span: timedelta) -> None:
    """As if whatever was made had been made so much earlier."""
    async with services.database.write() as session:
        for row in await session.scalars(select(SigningKeyRow)):
            row.signs_from, row.former_until = row.signs_from - span, row.former_until - span
    await services.signing_keys.look()


def token_of(services: Services) -> str:
    claims: dict[str, object] = {
        "aud": "host:hst1",
        "exp": NOW_S + 300,
        "session": "ses1",
        "role": "player",
        "epoch": 0,
    }
    return services.signing_keys.sign(claims)


def signs(services: Services) -> str:
    return str(jwt.get_unverified_header(token_of(services))["kid"])


def known(heard: SyncResponse) -> set[str]:
    return {key.key_id or "" for key in jwt.PyJWKSet.from_dict(dict(heard.keys)).keys}


def opens(services: Services, token: str, heard: SyncResponse) -> bool:
    """Whether a host that has heard this lets its bearer in."""
    expected = Expected("hst1", services.installation.installation_id, "ses1", 0)
    try:
        verified_bearer(token, heard.keys, expected, NOW_S)
    except TokenRefusedError:
        return False
    return True


async def test_what_an_installation_signs_its_hosts_believe(services: Services, host: ScriptedHost) -> None:
    heard = await host.sync()
    assert opens(services, token_of(services), heard)
    assert "'d'" not in str(heard.keys)


async def test_a_new_key_is_heard_before_it_signs_and_the_one_before_while_its_tokens_live(
    services: Services, host: ScriptedHost
) -> None:
    first, before = signs(services), await host.sync()
    await services.signing_keys.rotate()
    await services.signing_keys.look()
    assert signs(services) == first
    early, heard = token_of(services), await host.sync()
    assert opens(services, early, before)

    await passes(services, TOLD_BEFORE)
    second = signs(services)
    assert second != first
    assert not opens(services, token_of(services), before)
    assert opens(services, token_of(services), heard)
    assert opens(services, early, await host.sync())

    await passes(services, TOLD_AFTER)
    assert not opens(services, early, await host.sync())
    assert opens(services, token_of(services), await host.sync())


async def test_one_key_at_a_time_is_on_its_way_and_none_is_kept_for_ever(
    services: Services, host: ScriptedHost
) -> None:
    for _ in range(4):
        await services.signing_keys.rotate()
        with pytest.raises(Conflict, match="on its way"):
            await services.signing_keys.rotate()
        await passes(services, TOLD_BEFORE + TOLD_AFTER)
    async with services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(SigningKeyRow)) == 2
    assert opens(services, token_of(services), await host.sync())


async def test_what_a_stolen_key_has_signed_is_nothing_at_once(
    services: Services, settings: Settings, host: ScriptedHost
) -> None:
    """The replica hears of what a command beside it did."""
    stolen = token_of(services)
    await services.signing_keys.rotate()
    async with open_services(settings) as command:
        await command.signing_keys.rotate(at_once=True)
        await command.signing_keys.look()
    async with asyncio.timeout(60):
        while signs(services) != signs(command):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    heard = await host.sync()
    assert known(heard) == {signs(command)}
    assert not opens(services, stolen, heard)
    assert opens(services, token_of(services), heard)
