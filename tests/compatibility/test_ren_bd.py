"""The script against a replica and a game server of ours, and its table as the documents show it."""

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from litestar import Litestar

from orchestrator.accounts.account import AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.accounts.passwords import Passwords
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.fleet.operations import HostChange
from orchestrator.ids import new_id
from orchestrator.library.models import LibraryEntry
from orchestrator.publishers.destinations import Destination
from orchestrator.publishers.where import DestinationOf
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.compatibility.asking import Client
from tests.compatibility.checks import Person, World, run, table
from tests.compatibility.game_server import BROKEN, GameServer, game_server
from tests.compatibility.ren_bd import BEGINS, CHECKS, DIFFERENCES, DOCUMENT, ENDS
from tests.integration.orchestrator.conftest import IMAGE_ID
from tests.integration.orchestrator.publishers.conftest import KeptImages
from tests.packing import LAUNCHER, folder, launcher, renpy_distribution, tar_gz

PASSWORD = "correct horse battery"
GAME, BROKEN_GAME, LOCKED_GAME = "the-question", "never-comes-up", "nobody-has-it"


@pytest.fixture
def listener() -> Generator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def settings(settings: Settings, listener: socket.socket) -> Settings:
    return settings.model_copy(update={"public_url": f"http://127.0.0.1:{listener.getsockname()[1]}"})


@pytest.fixture
async def site(app: Litestar, settings: Settings, listener: socket.socket) -> AsyncGenerator[str]:
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield settings.public_url
    server.should_exit = True
    await serving


@pytest.fixture
async def world(
    site: str, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[World]:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # plain folders and one uid: nothing is mounted
    monkeypatch.setattr("orchestrator.fleet.sync.WAIT_LIMIT_S", 1.0)  # the end waits for whoever waits for news
    images = KeptImages()

    async def keep_in_memory(_: DestinationOf) -> Destination:
        return images

    monkeypatch.setattr(DestinationOf, "__call__", keep_in_memory)
    await _fill(services)
    join_token = await services.identities.issue_join_token()
    async with game_server(site, join_token, IMAGE_ID, tmp_path) as server:
        yield await _world(site, services, server)


@pytest.mark.timeout(300)
async def test_whatever_the_public_pages_document_holds(world: World) -> None:
    outcomes = await run(CHECKS, world)
    differing = {each.check.name: each.difference for each in outcomes if not each.passed}
    assert differing.keys() == DIFFERENCES.keys(), "\n".join(f"{name}: {how}" for name, how in differing.items())


def test_the_table_in_the_documents_is_the_scripts() -> None:
    """`python -m tests.compatibility` writes it."""
    document = DOCUMENT.read_text()
    assert BEGINS in document
    assert document.partition(BEGINS)[2].partition(ENDS)[0] == table(CHECKS, DIFFERENCES)


def test_no_check_goes_by_the_name_of_another() -> None:
    names = [each.name for each in CHECKS]
    assert len(set(names)) == len(names)
    assert len({(each.subject, each.says) for each in CHECKS}) == len(CHECKS)


async def _fill(services: Services) -> None:
    """A game to play, one that never comes up, one without a code for anybody, and some to turn pages in."""
    await _add(services, GAME, "The Question", needs_code=True, thumbnail="/static/games/the-question/thumbnail.jpg")
    await _add(services, BROKEN_GAME, "Never Comes Up", needs_code=True, command=BROKEN)
    await _add(services, LOCKED_GAME, "Nobody Has It", needs_code=True)
    for number in range(4):
        await _add(services, f"zoetrope-{number}", f"Zoetrope {number}", tags=["Puzzle"], developer="Fillers")


async def _add(services: Services, slug: str, title: str, *, command: Sequence[str] = ("play",), **fields: Any) -> None:
    described: dict[str, Any] = {
        "slug": slug,
        "title": title,
        "developer": "Ren'Py Team",
        "description": "A short story.",
        "tags": ["Romance"],
        "release_date": "2015-01-01",
        "content_rating": "Everyone",
        "languages": ["en"],
        **fields,
    }
    build = {"version": "1.0", "image": f"playhouse/{slug}:1.0", "command": command, "save_paths": ["save"]}
    definition = GameDefinition.model_validate({**described, "build": {**build, "stop_grace_s": 0.1}})
    await services.catalog.add_game(definition, EngineImage(IMAGE_ID, 1000))


async def _world(site: str, services: Services, server: GameServer) -> World:
    password_hash = await Passwords().hash(PASSWORD)
    numbers = itertools.count(1)

    async def newcomer() -> Person:
        email = f"newcomer-{next(numbers)}@example.org"
        async with services.database.write() as session:
            now = await services.database.now(session)
            account = AccountRow(
                id=new_id("clx"),
                email=email,
                name=email.partition("@")[0],
                password_hash=password_hash,
                role=Role.PLAYER,
                state=AccountState.ACTIVE,
                created_at=now,
            )
            session.add(account)
            await session.flush()
            for slug in (GAME, BROKEN_GAME):
                game, _ = await services.catalog.launchable(session, slug)
                session.add(LibraryEntry(account_id=account.id, game_id=game.id, added_at=now))
        return Person(email, PASSWORD)

    async def slots_of(client: Client, slug: str) -> list[str]:
        answer = await client.get("/api/saves", gameSlug=slug)
        return [answer.word("saves", index, "id") for index in range(len(answer.rows("saves")))]

    @asynccontextmanager
    async def without_servers() -> AsyncGenerator[None]:
        await services.fleet_operations.change(server.host_id, HostChange(is_draining=True))
        try:
            yield
        finally:
            await services.fleet_operations.change(server.host_id, HostChange(is_draining=False))

    return World(
        site=site,
        storage=site,
        agent=server.url,
        agent_secret=server.secret,
        newcomer=newcomer,
        slots_of=slots_of,
        without_servers=without_servers,
        game=GAME,
        game_title="The Question",
        game_developer="Ren'Py Team",
        game_tag="Romance",
        broken_game=BROKEN_GAME,
        locked_game=LOCKED_GAME,
        admin_address="/api/admin/users",
        partner_key=(await services.publisher_keys.create("A publisher")).secret,
        other_partner_key=(await services.publisher_keys.create("Another publisher")).secret,
        archive=tar_gz(renpy_distribution()),
        archive_launcher=LAUNCHER,
        archive_with_two_folders=tar_gz((*renpy_distribution(), folder("another/"))),
        archive_without_launcher=tar_gz(each for each in renpy_distribution() if not each.name.endswith(".sh")),
        archive_with_plain_launcher=tar_gz(
            launcher(mode=0o644) if each.name.endswith(".sh") else each for each in renpy_distribution()
        ),
    )
