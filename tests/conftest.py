"""What every test may ask for: settings of its own, a migrated database of its own, the application, people in it.

Whoever asks for one of these runs twice, on SQLite and on PostgreSQL, unless it is `only_on` one of them. A database
costs a copy: the migrations run once a test session, into a template.
"""

import asyncio
import gc
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from argon2 import PasswordHasher
from litestar import Litestar

from migrations import migrate
from orchestrator.accounts import passwords, tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.app import create_app
from orchestrator.database import Database
from orchestrator.ids import new_id
from orchestrator.logging import configure_logging
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests import one_dialect
from tests.postgresql import Databases, PostgresqlServer
from tests.s3_server import KEYS, S3Server

# A busy machine is slow now and then; how long one example takes says nothing. The same code gets the same draws, so
# that a change is judged by what it changes; `--hypothesis-profile=anew` draws others.
hypothesis.settings.register_profile("anew", deadline=None)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same")

one_dialect.speak()

# Of argon2's cost no test but its own is about.
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CHEAP_DECOY = CHEAP_HASHER.hash("nobody's")

SignedIn = Callable[..., Awaitable[httpx.AsyncClient]]


def pytest_collection_finish() -> None:
    """What was imported lives until the end: the garbage collector need not walk it again and again.

    Each test makes and drops an application, in cycles: by its defaults the collector took a fifth of the run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@pytest.fixture(autouse=True)
def logs_as_in_production() -> None:
    """Also after a command that ran in this process, which says less."""
    configure_logging()


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every migration and no row."""
    path = tmp_path_factory.mktemp("template") / "migrated.sqlite3"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


def only_on(kind: str) -> pytest.MarkDecorator:
    """For a test that is about one kind of database: `sqlite` or `postgresql`."""
    return pytest.mark.parametrize("database_kind", [kind], indirect=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def postgresql_server() -> Generator[PostgresqlServer]:
    with PostgresqlServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: PostgresqlServer) -> Generator[Databases]:
    databases = Databases(postgresql_server)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def s3_server() -> Generator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_bucket(s3_server: S3Server) -> str:
    """One for all: whoever uses it takes a prefix of its own."""
    return s3_server.make_bucket()


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of `s3_server`, where AWS's own tools look for them."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def settings(
    tmp_path: Path, database_kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[Settings]:
    """Settings with a data folder and a migrated database, for this test alone; also in the environment."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("ORCHESTRATOR_DATA", str(data))
    monkeypatch.delenv("ORCHESTRATOR_DATABASE_URL", raising=False)
    monkeypatch.delenv("ORCHESTRATOR_PUBLIC_URL", raising=False)
    monkeypatch.delenv("ORCHESTRATOR_STORE_URL", raising=False)
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: CHEAP_HASHER)
    monkeypatch.setattr(passwords, "DECOY", CHEAP_DECOY)
    if database_kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_template"), data / "orchestrator.sqlite3")
        yield Settings()
        return
    databases: Databases = request.getfixturevalue("postgresql_databases")
    url = databases.take()
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", url)
    yield Settings()
    databases.give_back(url)


@pytest.fixture
def empty_database_url(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Generator[str]:
    """A database without a table."""
    if database_kind == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite3"
        return
    databases: Databases = request.getfixturevalue("postgresql_databases")
    url = databases.take_empty()
    yield url
    databases.give_back(url)


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[Database, None]:
    database = Database(settings.database_url)
    yield database
    await database.close()


@cache
def _application(public_url: str) -> Litestar:
    """To make its handlers takes longer than most tests, and of the settings they know this alone."""
    return create_app(Settings(public_url=public_url))


@pytest.fixture
def application(settings: Settings) -> Litestar:
    """Not started, and the same for many tests: whoever adds to it makes one of their own."""
    return _application(settings.public_url)


@pytest.fixture
async def app(application: Litestar, settings: Settings) -> AsyncGenerator[Litestar, None]:
    """The application, started; it is shut down after the test."""
    app = application
    app.state["settings"] = settings
    has_started, may_stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # A task of its own: what the lifespan enters it must also leave, and a fixture is resumed elsewhere.
        async with app.lifespan():
            has_started.set()
            await may_stop.wait()

    life = asyncio.create_task(live())
    start = asyncio.create_task(has_started.wait())
    await asyncio.wait({life, start}, return_when=asyncio.FIRST_COMPLETED)
    start.cancel()
    if life.done():
        await life  # it could not start: say why
    yield app
    may_stop.set()
    await life


@pytest.fixture
def services(app: Litestar) -> Services:
    """What the application runs on, to set a scene or to look behind it."""
    return Services(**{name: app.state[name] for name in Services.__dataclass_fields__})


@pytest.fixture
async def new_client(app: Litestar, settings: Settings) -> AsyncGenerator[Callable[[], httpx.AsyncClient], None]:
    """Makes browsers that have never been here."""
    asgi: Any = app  # httpx and Litestar name the same interface by different types
    async with AsyncExitStack() as stack:

        def make() -> httpx.AsyncClient:
            transport = httpx.ASGITransport(asgi)
            client = httpx.AsyncClient(transport=transport, base_url=settings.public_url)
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def client(new_client: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    """A browser in which nobody is signed in."""
    return new_client()


@pytest.fixture
def signed_in(new_client: Callable[[], httpx.AsyncClient], services: Services) -> SignedIn:
    """`await signed_in(email, role=…)`: a browser in which a new account of that address is signed in."""

    async def sign_in(email: str = "ada@example.org", *, role: Role = Role.PLAYER) -> httpx.AsyncClient:
        async with services.database.write() as session:
            account = AccountRow(
                id=new_id("clx"),
                email=email,
                name=email.partition("@")[0],
                role=role,
                state=AccountState.ACTIVE,
                created_at=await services.database.now(session),
            )
            session.add(account)
        client = new_client()
        known = Account(account.id, account.email, account.name, None, role)
        client.cookies.set(tokens.COOKIE, await services.accounts.issue_token(known))
        return client

    return sign_in
