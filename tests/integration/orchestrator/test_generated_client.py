"""A client that openapi-python-client makes from the API's description plays with nothing else."""

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar

from orchestrator.accounts.account import Role
from orchestrator.api_description import with_refusals
from orchestrator.app import create_app
from orchestrator.settings import Settings
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import ScriptedHost

PACKAGE = "playhouse_client"
BYTES = ("application/gzip", "application/offset+octet-stream", "application/zip", "application/zstd", "image/jpeg")
CONFIG = {
    "package_name_override": PACKAGE,
    "post_hooks": [],
    "content_type_overrides": dict.fromkeys(BYTES, "application/octet-stream"),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(described()))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    command = [str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--config", "config.json", "--output-path", PACKAGE, "--fail-on-warning"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def described() -> dict[str, Any]:
    return with_refusals(create_app(Settings()).openapi_schema.to_schema())


class GeneratedClient:
    """Calls operations of the generated package, such as `games.list_games`, on an application in this process."""

    def __init__(self, app: Litestar, url: str, cookies: httpx.Cookies | None = None) -> None:
        asgi: Any = app
        transport = httpx.ASGITransport(asgi)
        self.http = httpx.AsyncClient(transport=transport, base_url=url, cookies=cookies)
        self._client: Any = importlib.import_module(PACKAGE).Client(base_url=url, raise_on_unexpected_status=True)
        self._client.set_async_httpx_client(self.http)

    async def __call__(self, operation: str, status: int, **arguments: Any) -> Any:
        """What it answers, as the client reads it; the status is what it has to be."""
        module: Any = importlib.import_module(f"{PACKAGE}.api.{operation}")
        answer = await module.asyncio_detailed(client=self._client, **arguments)
        assert answer.status_code == status, answer.content
        return answer.parsed


def body(model: str, **fields: object) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.models"), model).from_dict(fields)


@pytest.fixture
async def call(package: Path, app: Litestar, settings: Settings) -> AsyncGenerator[GeneratedClient]:
    client = GeneratedClient(app, settings.public_url)
    yield client
    await client.http.aclose()


async def test_a_generated_client_registers_finds_a_game_and_plays_it(
    call: GeneratedClient, host: ScriptedHost, game: str
) -> None:
    refused = await call("games.list_games", 401)
    assert refused.error == "unauthorized"
    csrf = (await call("authentication.get_csrf_token", 200)).csrf_token
    person = {"email": "ada@example.org", "password": "correct horse", "name": "Ada", "csrfToken": csrf}
    made = await call("authentication.register", 201, body=body("RegisterRegistrationForm", **person))
    assert made["user"]["email"] == "ada@example.org"
    await call("authentication.sign_out", 200, body=body("SignOut", csrfToken=csrf, json=True))
    await call("account.read_account", 401)
    await call("authentication.sign_in", 200, body=body("Credentials", **person, json=True))
    assert (await call("account.read_account", 200)).email_verified is False

    found = await call("games.list_games", 200, search="question", limit=5)
    assert ([each.slug for each in found.games], found.pagination.total) == ([game], 1)
    assert (await call("games.add_favorite", 200, slug=game)).is_favorite
    assert (await call("games.get_game", 200, slug=game)).is_favorite
    assert (await call("games.get_game", 404, slug="unknown")).error == "not_found"

    launched = await call("sessions.launch_game", 202, body=body("LaunchRequest", gameSlug=game))
    session_id = launched.session_id
    again = await call("sessions.launch_game", 409, body=body("LaunchRequest", gameSlug=game))
    assert (again.error, again.session_id) == ("session_active", session_id)
    [order] = (await host.sync()).sessions
    await host.run(order)
    view = await call("sessions.session_status", 200, session_id=session_id)
    assert (view.status, view.game_title) == ("running", "The Question")

    stopping = asyncio.create_task(
        call("sessions.stop_session", 200, body=body("SessionRequest", sessionId=session_id))
    )
    while (await host.sync()).sessions[0].want != "stop":
        assert not stopping.done()
    await host.end(order)
    assert (await stopping).status.value == "stopped"
    [past] = (await call("sessions.past_sessions", 200)).sessions
    assert past.session_id == session_id


async def test_a_generated_client_makes_codes_and_publishes(
    call: GeneratedClient, signed_in: SignedIn, game: str
) -> None:
    call.http.cookies = (await signed_in("admin@example.org", role=Role.ADMIN)).cookies
    made = await call("admin.make_codes", 201, body=body("CodesRequest", gameSlug=game, count=2))
    [batch] = (await call("admin.list_code_batches", 200, game_slug=game)).batches
    assert (batch.id, batch.codes, len(made.new_codes)) == (made.id, 2, 2)
    redeemed = await call("library.redeem_code", 200, body=body("RedeemRequest", code=made.new_codes[0]))
    assert redeemed.game_title == "The Question"

    key = await call("admin.create_publisher", 201, body=body("PublisherForm", name="Underleaf"))
    call.http.headers["Authorization"] = f"Bearer {key.key}"
    form = {"slug": "moss", "title": "Moss", "developer": "Underleaf", "description": "", "tags": ["Cosy"]}
    form |= {"launcher": "moss.sh", "renpyDir": "Moss"}
    created = await call("publishers.create_published_game", 201, body=body("GameForm", **form))
    assert created.status.value == "pending_upload"
    assert (await call("publishers.create_published_game", 409, body=body("GameForm", **form))).error == "slug_taken"


def test_every_operation_is_in_the_generated_client(package: Path) -> None:
    modules = {path.stem.replace("_", "") for path in package.glob("api/*/*.py")}
    operations = {
        operation["operationId"].lower()
        for path in described()["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    assert operations - modules == set()
