"""No act of administration without its line in the audit log: every route and every command that changes something is
known here, with the line that it leaves.
"""

import asyncio
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import delete, select

from orchestrator import cli
from orchestrator.audit.models import AuditEvent
from orchestrator.audit.recording import Action
from orchestrator.catalog import sources
from orchestrator.catalog.images import EngineImage
from orchestrator.publishers.where import DestinationOf
from orchestrator.services import Services
from orchestrator.tenants.plans import Plan
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import IMAGE_ID, ScriptedHost
from tests.integration.orchestrator.publishers.conftest import FORM, KeptImages, settled
from tests.packing import renpy_distribution, tar_gz

SLUG = FORM["slug"]
URL = "https://games.acme.example/hook"
PASSWORD = "correct horse"
GZIP = {"Content-Type": "application/gzip"}
TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
BOT = {"game": "tictactoe", "name": "Ada", "playerId": "bot_ada", "displayName": "Ada", "botType": "learned"}

OF_PLAYERS_AND_HOSTS = (
    "/api/auth/",
    "/api/account",
    "/api/games/{slug}/favorite",
    "/api/library/",
    "/api/game/",
    "/api/saves/",
    "/api/agents/",
    "/session/",
    "/redeem",
    "/v1/sessions",
    "/api/v1/sessions",
)
"""What people do with what is theirs, what hosts report, and the sessions that tenants play: no administration."""

OF_OPERATORS = "/api/admin/"
"""`test_audit` does each of them."""


class Act(NamedTuple):
    """`leaves` is None for what is a part of an act that has its line already. `told` names what of the answer later
    acts need, and as which part of their paths.
    """

    method: str
    path: str
    leaves: Action | None
    body: Any = None
    headers: Mapping[str, str] = {}
    told: Mapping[str, str] = {}


def of_webhooks(prefix: str) -> tuple[Act, ...]:
    one = f"{prefix}/{{endpoint_id}}"
    return (
        Act("POST", prefix, Action.TENANT_WEBHOOK_MAKE, {"url": URL}, told={"endpoint_id": "id"}),
        Act("PATCH", one, Action.TENANT_WEBHOOK_CHANGE, {"events": ["game.ended"]}),
        Act("POST", f"{one}/test", Action.TENANT_WEBHOOK_TEST, told={"event_id": "eventId"}),
        Act("POST", f"{one}/deliveries/{{event_id}}/redeliver", Action.TENANT_WEBHOOK_REDELIVER),
        Act("POST", f"{one}/rotate", Action.TENANT_WEBHOOK_ROTATE),
        Act("DELETE", f"{one}/former-secret", Action.TENANT_WEBHOOK_ROTATE),
        Act("POST", f"{one}/stop", Action.TENANT_WEBHOOK_STOP),
        Act("POST", f"{one}/restart", Action.TENANT_WEBHOOK_RESTART),
        Act("DELETE", one, Action.TENANT_WEBHOOK_REMOVE),
    )


def of_bots(prefix: str) -> tuple[Act, ...]:
    one = f"{prefix}/{{bot_id}}"
    return (
        Act("POST", prefix, Action.TENANT_BOT_MAKE, {**BOT, "targetRating": 3}, told={"bot_id": "id"}),
        Act("PATCH", one, Action.TENANT_BOT_CHANGE, {"displayName": "Ada L."}),
        Act("POST", f"{one}/train", Action.TENANT_BOT_TRAIN),
        Act("DELETE", one, Action.TENANT_BOT_REMOVE),
    )


_CONSOLE = "/api/console/{tenant_id}"
OF_MEMBERS = (
    Act("POST", f"{_CONSOLE}/keys", Action.TENANT_KEY_MAKE, {"mode": "test"}, told={"key_id": "id"}),
    Act("DELETE", f"{_CONSOLE}/keys/{{key_id}}", Action.TENANT_KEY_REVOKE),
    Act("POST", f"{_CONSOLE}/keys/rotate", Action.TENANT_KEY_ROTATE, {"mode": "test"}),
    Act("PUT", f"{_CONSOLE}/origins", Action.TENANT_CHANGE, {"origins": ["https://games.example"]}),
    Act("PUT", f"{_CONSOLE}/theme", Action.TENANT_THEME, {"theme": {"primaryColor": "#F60"}}),
    *of_webhooks(f"{_CONSOLE}/webhooks"),
)
OF_TENANT_KEYS = tuple(
    act for prefix in ("/v1", "/api/v1") for act in (*of_webhooks(f"{prefix}/webhooks"), *of_bots(f"{prefix}/bots"))
)

_GAMES = "/api/partners/games"
_ONE = f"{_GAMES}/{{slug}}"
_ARCHIVE = tar_gz(renpy_distribution("garden-1.0-linux"))
_LENGTH = {"Upload-Length": str(len(_ARCHIVE))}
OF_PUBLISHERS = (
    Act("POST", _GAMES, Action.GAME_PUBLISH, FORM),
    Act("PATCH", _ONE, Action.GAME_CHANGE, {"description": "A maze."}),
    Act("POST", f"{_ONE}/uploads", Action.GAME_UPLOAD, headers={**TUS, **_LENGTH}, told={"upload_id": "location"}),
    Act("PATCH", f"{_ONE}/uploads/{{upload_id}}", None, b"", PART),
    Act("DELETE", f"{_ONE}/uploads/{{upload_id}}", Action.GAME_UPLOAD_GIVE_UP),
    Act("PUT", f"{_ONE}/upload", Action.GAME_UPLOAD, _ARCHIVE, GZIP),
    Act("POST", f"{_ONE}/versions/{{version_id}}/activate", Action.GAME_VERSION),
    Act("PUT", "/api/games/{slug}/upload", Action.GAME_UPLOAD, _ARCHIVE, GZIP),
    Act("POST", "/api/partners/keys/rotate", Action.PUBLISHER_KEY_ROTATE, {"graceHours": 1}),
)

COMMANDS: Mapping[str, Action] = {
    "users create bo@example.org --password-stdin --name Bo": Action.USER_MAKE,
    "users suspend bo@example.org": Action.USER_SUSPEND,
    "users restore bo@example.org": Action.USER_ACTIVATE,
    "games add {game_file} --docker-host unix:///somewhere": Action.GAME_ADD,
    "games access the-question --code": Action.GAME_ACCESS,
    "codes create the-question --count 2": Action.CODES_MAKE,
    "codes revoke {codes}": Action.CODES_REVOKE,
    "partners create Tiny": Action.PUBLISHER_MAKE,
    "partners rotate Tiny": Action.PUBLISHER_KEY_ROTATE,
    "partners revoke Tiny {publisher_key}": Action.PUBLISHER_KEY_REVOKE,
    "tenants create Boards": Action.TENANT_MAKE,
    "tenants change Boards --plan pro": Action.TENANT_CHANGE,
    "tenants rotate Boards test": Action.TENANT_KEY_ROTATE,
    "tenants revoke Boards {tenant_key}": Action.TENANT_KEY_REVOKE,
    "tenants members add Boards bo@example.org --unconfirmed": Action.TENANT_MEMBER_ADD,
    "tenants members remove Boards bo@example.org": Action.TENANT_MEMBER_REMOVE,
    f"tenants webhooks add Boards {URL}": Action.TENANT_WEBHOOK_MAKE,
    "tenants webhooks change {endpoint} --all-events": Action.TENANT_WEBHOOK_CHANGE,
    "tenants webhooks rotate {endpoint}": Action.TENANT_WEBHOOK_ROTATE,
    "tenants webhooks test {endpoint}": Action.TENANT_WEBHOOK_TEST,
    "tenants webhooks redeliver {endpoint} {event}": Action.TENANT_WEBHOOK_REDELIVER,
    "tenants webhooks stop {endpoint}": Action.TENANT_WEBHOOK_STOP,
    "tenants webhooks restart {endpoint}": Action.TENANT_WEBHOOK_RESTART,
    "tenants webhooks remove {endpoint}": Action.TENANT_WEBHOOK_REMOVE,
    "keys rotate": Action.INSTALLATION_KEY_ROTATE,
    "keys rotate --now": Action.INSTALLATION_KEY_ROTATE,
    "users close bo@example.org": Action.USER_CLOSE,
    "hosts drain {host}": Action.HOST_DRAIN,
    "hosts undrain {host}": Action.HOST_RESUME,
    "hosts label {host} gpu=yes": Action.HOST_LABEL,
    "hosts token": Action.JOIN_TOKEN_MAKE,
    "hosts revoke-token {join_token}": Action.JOIN_TOKEN_REVOKE,
    "hosts remove {host}": Action.HOST_REMOVE,
}
"""In an order in which all of them can be done."""

CHANGE_NOTHING = {
    *("serve", "up", "doctor", "backup"),
    *("users list", "games list", "codes list", "codes show", "partners list", "partners keys"),
    *("tenants list", "tenants keys", "tenants members list", "tenants webhooks list", "tenants webhooks log"),
    *("hosts list", "hosts show", "hosts tokens"),
}
ELSEWHERE = {"migrate", "restore"}
"""A migration may be what makes the log. A restore writes its line into what it brought back, which its tests read."""


def changing_routes(app: Litestar) -> set[tuple[str, str]]:
    return {
        (str(method), route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in {"POST", "PUT", "PATCH", "DELETE"} & {str(method) for method in route.methods}
    }


def leaves(group: click.Group, *before: str) -> Generator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *before, name)
        else:
            yield " ".join((*before, name))


async def said(services: Services) -> list[AuditEvent]:
    """What the log says by now, which is empty after that."""
    async with services.database.write() as session:
        found = list(await session.scalars(select(AuditEvent).order_by(AuditEvent.at, AuditEvent.id)))
        await session.execute(delete(AuditEvent))
    return found


async def do_all(client: httpx.AsyncClient, services: Services, acts: tuple[Act, ...], by: str, **known: str) -> None:
    await said(services)
    for act in acts:
        raw = isinstance(act.body, bytes)
        content: dict[str, Any] = {"content": act.body} if raw else {} if act.body is None else {"json": act.body}
        if "{version_id}" in act.path:
            known["version_id"] = (await settled(client))["versionId"]
        answer = await client.request(act.method, act.path.format(**known), headers=dict(act.headers), **content)
        assert answer.status_code < 300, f"{act.method} {act.path}: {answer.text}"
        for name, field in act.told.items():
            header = answer.headers.get(field)
            known[name] = header.rpartition("/")[2] if header else answer.json()[field]
        found = await said(services)
        assert [event.action for event in found] == ([] if act.leaves is None else [act.leaves]), act.path
        assert {(event.actor_kind, event.address) for event in found} <= {(by, "127.0.0.1")}, act.path


def test_every_changing_route_is_known(app: Litestar) -> None:
    done = {(act.method, act.path) for act in (*OF_MEMBERS, *OF_TENANT_KEYS, *OF_PUBLISHERS)}
    others = {route for route in changing_routes(app) if not route[1].startswith((*OF_PLAYERS_AND_HOSTS, OF_OPERATORS))}
    assert others == done


def test_every_command_is_known() -> None:
    every = set(leaves(cli.main))
    changing = every - CHANGE_NOTHING - ELSEWHERE
    assert {*CHANGE_NOTHING, *ELSEWHERE} <= every
    assert {name for name in changing if not any(f"{line} ".startswith(f"{name} ") for line in COMMANDS)} == set()
    assert {line for line in COMMANDS if not any(f"{line} ".startswith(f"{name} ") for name in changing)} == set()


async def test_what_members_do_is_in_the_log(services: Services, signed_in: SignedIn) -> None:
    live, _ = await services.tenant_keys.create("Acme Games", Plan.STARTER)
    member = await signed_in("dev@acme.example")
    await services.tenant_members.add(live.tenant.id, "dev@acme.example", may_be_unconfirmed=True)
    await do_all(member, services, OF_MEMBERS, "account", tenant_id=live.tenant.id)


async def test_what_tenants_do_by_key_is_in_the_log(services: Services, client: httpx.AsyncClient) -> None:
    live, _ = await services.tenant_keys.create("Acme Games", Plan.STARTER)
    client.headers["Authorization"] = f"Bearer {live.secret}"
    await do_all(client, services, OF_TENANT_KEYS, "tenant-key")


@pytest.fixture
def _images(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptImages()

    async def find(_: DestinationOf) -> KeptImages:
        return kept

    monkeypatch.setattr(DestinationOf, "__call__", find)


@pytest.mark.usefixtures("_images")
async def test_what_publishers_do_is_in_the_log(services: Services, client: httpx.AsyncClient) -> None:
    made = await services.publisher_keys.create("Stephen Albert")
    client.headers["Authorization"] = f"Bearer {made.secret}"
    await do_all(client, services, OF_PUBLISHERS, "publisher", slug=SLUG)


async def test_what_is_done_by_commands_is_in_the_log(
    services: Services, host: ScriptedHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(_reference: str, _docker_host: str | None) -> EngineImage:
        return EngineImage(IMAGE_ID, 1000)

    monkeypatch.setattr(sources, "inspect_image", found)
    game_file = tmp_path / "game.toml"
    game_file.write_text(
        'slug = "the-question"\ntitle = "The Question"\ndeveloper = "Someone"\ndescription = "Short."\n'
        'tags = ["Romance"]\n[build]\nversion = "1.0"\nimage = "playhouse/the-question:1.0"\n'
    )
    known = {"host": host.host_id, "game_file": str(game_file)}
    await said(services)
    for line, action in COMMANDS.items():
        known |= await _ids(services)
        words = line.format(**known).split()
        done = await asyncio.to_thread(CliRunner().invoke, cli.main, words, input=f"{PASSWORD}\n")
        assert done.exit_code == 0, f"{line}: {done.output}"
        [event] = await said(services)
        assert (event.action, event.actor_kind, event.actor_id) == (action, "command-line", None), line
        if action is Action.TENANT_WEBHOOK_TEST:
            known["event"] = str(event.details["event"])


async def _ids(services: Services) -> dict[str, str]:
    """Of what commands have made by now."""
    known: dict[str, str] = {}
    for batch in await services.library.batches(None):
        known["codes"] = batch.batch.id
    for publisher in await services.publisher_keys.list():
        known["publisher_key"] = (await services.publisher_keys.keys_of(publisher.id))[1][0].id
    for tenant in await services.tenant_keys.list():
        known["tenant_key"] = (await services.tenant_keys.keys_of(tenant.id))[0].id
    for endpoint in await services.webhooks.endpoints():
        known["endpoint"] = endpoint.id
    for token in await services.identities.join_tokens():
        known["join_token"] = token.id or ""
    return known
