"""A game's pictures by URL, from the publisher's word to what people see."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Game
from orchestrator.catalog.service import Catalog
from orchestrator.catalog.snapshot import CatalogSnapshot
from orchestrator.database import Database
from orchestrator.errors import StoreUnavailable
from orchestrator.notices import Notices
from orchestrator.pictures.faults import RETRIES
from orchestrator.pictures.fetching import Fetcher
from orchestrator.pictures.models import GamePicture, PictureState
from orchestrator.pictures.service import LEASE, MOST_OF_ONE, MOST_TRIES, Pictures
from orchestrator.publishers.models import PublishedGame, Publisher
from orchestrator.saves.disposal import Disposal
from orchestrator.saves.keeping import SlotKeeping
from orchestrator.saves.memory_store import MemoryStore
from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.pictures.conftest import PictureServer, leading_to, picture
from tests.integration.orchestrator.publishers.conftest import FORM, GAMES, GARDEN

SLUG = "the-question"
_IMAGE = EngineImage("sha256:" + "a" * 64, 1000)


class Scene:
    """Pictures on a database whose time is the test's, and a store in memory."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.time = datetime.now(UTC)
        self.store = MemoryStore()
        self.catalog = Catalog(database, CatalogSnapshot())
        self.pictures = self.replica()

    def replica(self, fetcher: Fetcher | None = None) -> Pictures:
        return Pictures(self.database, Notices(), self.store, fetcher or leading_to("127.0.0.1"))

    async def now(self, _session: AsyncSession) -> datetime:
        return self.time

    async def names(self, thumbnail: str | None, *screenshots: str, slug: str = SLUG) -> None:
        """As `games add` does it."""
        definition = {"slug": slug, "title": "T", "developer": "D", "description": "", "tags": ["A"]}
        definition |= {"thumbnail": thumbnail, "screenshots": screenshots}
        build = {"version": "1", "image": f"playhouse/{slug}:1"}
        await self.catalog.add_game(GameDefinition.model_validate({**definition, "build": build}), _IMAGE)

    async def passes(self, span: timedelta) -> None:
        self.time += span
        await self.pictures.round()

    async def shown(self, slug: str = SLUG) -> tuple[str | None, list[str]]:
        async with self.database.read() as session:
            game = (await session.scalars(select(Game).where(Game.slug == slug))).one()
        return game.shown_thumbnail, game.shown_screenshots

    async def rows(self) -> dict[str, GamePicture]:
        async with self.database.read() as session:
            return {row.url: row for row in await session.scalars(select(GamePicture))}

    async def content(self, address: str | None) -> Image.Image:
        assert address is not None
        drawn = await self.pictures.content(address.rpartition("/")[2])
        return Image.open(io.BytesIO(drawn), formats=["WEBP"])

    async def stored(self) -> set[str]:
        """The keys in the store, once what nobody wants is gone."""
        self.time += timedelta(minutes=2)
        await Disposal(self.database, self.store, SlotKeeping(self.database)).round()
        return {key async for key in self.store.stored_before((datetime.now(UTC) + timedelta(days=1)).timestamp())}


@pytest.fixture
def scene(database: Database, monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene(database)
    monkeypatch.setattr(database, "now", scene.now)
    return scene


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def publisher(services: Services, new_client: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    client = new_client()
    client.headers["Authorization"] = f"Bearer {(await services.publisher_keys.create('Stephen Albert')).secret}"
    return client


async def settled(publisher: httpx.AsyncClient) -> dict[str, Any]:
    """The sample game, once none of its pictures is waited for."""

    async def nothing_waits() -> bool:
        pictures = (await publisher.get(GARDEN)).json()["pictures"]
        return all(each["state"] != "waiting" for each in pictures)

    await until(nothing_waits)
    return (await publisher.get(GARDEN)).json()


async def test_a_publishers_pictures_are_fetched_once_and_shown_from_here(
    publisher: httpx.AsyncClient, server: PictureServer, services: Services, signed_in: SignedIn
) -> None:
    cover = server.has("/cover.png", picture(colour="red"))
    shots = [server.has("/1.jpg", picture("JPEG"), "image/jpeg"), "/static/games/pingus/play.jpg", cover]
    form = {**FORM, "thumbnail": cover, "screenshots": shots}
    assert (await publisher.post(GAMES, json=form)).status_code == 201

    details = await settled(publisher)
    assert (details["thumbnail"], details["screenshots"]) == (cover, shots)  # what the publisher said
    first, second = details["pictures"]
    assert (first["url"], second["url"]) == (cover, shots[0])
    for each in (first, second):
        rest = {name: each[name] for name in ("state", "reason", "tries", "nextTryAt")}
        assert rest == {"state": "stored", "reason": None, "tries": 1, "nextTryAt": None}
    async with services.database.write() as session:  # an archive has come, and the game can be played
        game = (await session.scalars(select(Game).where(Game.slug == FORM["slug"]))).one()
        game.current_build_id = "bld1"
        game.revision += 1

    player = await signed_in()
    listed = (await player.get("/api/games")).json()["games"][0]
    shown = (await player.get(f"/api/games/{FORM['slug']}")).json()
    assert listed["thumbnail"] == shown["thumbnail"] == first["address"]
    assert shown["screenshots"] == [second["address"], shots[1], first["address"]]
    assert f'<img src="{first["address"]}"' in (await player.get("/", headers={"Accept": "text/html"})).text

    answer = await player.get(first["address"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(io.BytesIO(answer.content)).size == (460, 215)
    again = await player.get(first["address"], headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await player.get("/pictures/picnothing")).status_code == 404
    assert sorted(server.asked) == ["/1.jpg", "/cover.png"]


async def test_a_publisher_is_told_what_is_wrong_and_the_old_cover_stays(
    publisher: httpx.AsyncClient, server: PictureServer
) -> None:
    good = server.has("/cover.png", picture())
    await publisher.post(GAMES, json={**FORM, "thumbnail": good})
    before = (await settled(publisher))["pictures"][0]["address"]

    server.pages["/moved.png"] = lambda _: web.Response(status=302, headers={"Location": "http://169.254.169.254/"})
    answer = await publisher.patch(GARDEN, json={"thumbnail": server.url("/moved.png")})
    assert answer.json()["pictures"][0]["url"] == server.url("/moved.png")
    told = (await settled(publisher))["pictures"][0]
    assert (told["state"], told["reason"]["code"], told["tries"]) == ("failed", "redirect", 1)
    assert "not followed" in told["reason"]["message"]
    assert (await publisher.get(before)).status_code == 200

    # Another word of the publisher's asks for nothing; the same URL again does.
    await publisher.patch(GARDEN, json={"title": "Another"})
    assert (await settled(publisher))["pictures"] == [told]
    server.has("/moved.png", picture(colour="green"))
    await publisher.patch(GARDEN, json={"thumbnail": server.url("/moved.png")})
    now = (await settled(publisher))["pictures"][0]
    assert (now["state"], now["address"] != before) == ("stored", True)
    assert (await publisher.get(before)).status_code == 404
    assert server.asked == ["/cover.png", "/moved.png", "/moved.png"]


async def test_what_cannot_be_a_picture_is_given_up_at_once(scene: Scene, server: PictureServer) -> None:
    urls = {
        server.has("/page", b"<html>", "text/html"): ("not_a_picture", 200),
        server.has("/lie.png", b"<svg onload=alert(1)>"): ("not_a_picture", None),
        server.has("/bomb.png", picture("PNG", (6000, 5000))): ("too_many_pixels", None),
        server.url("/nothing.png"): ("status", 404),
        "http://127.0.0.2/cover.png": ("address", None),
        "http://[::ffff:127.0.0.1]/cover.png": ("address", None),
    }
    await scene.names(None, *urls)
    await scene.pictures.round()
    assert {url: (row.fault, row.status) for url, row in (await scene.rows()).items()} == urls
    assert {(row.state, row.tries) for row in (await scene.rows()).values()} == {("failed", 1)}
    assert await scene.shown() == (None, [])
    assert await scene.stored() == set()


async def test_a_server_that_fails_for_a_while_is_asked_again(scene: Scene, server: PictureServer) -> None:
    url = server.has("/cover.png", b"", status=500)
    await scene.names(url)
    await scene.pictures.round()
    row = (await scene.rows())[url]
    assert (row.state, row.fault, row.status, row.tries) == ("waiting", "status", 500, 1)
    await scene.passes(RETRIES[0] - timedelta(seconds=1))
    assert len(server.asked) == 1
    server.has("/cover.png", picture(colour="red"))
    await scene.passes(timedelta(seconds=1))
    row = (await scene.rows())[url]
    assert (row.state, row.fault, row.tries) == ("stored", None, 2)
    assert (await scene.content((await scene.shown())[0])).size == (460, 215)


async def test_a_server_that_fails_for_good_is_given_up(scene: Scene, server: PictureServer) -> None:
    url = server.has("/cover.png", b"", status=503)
    await scene.names(url)
    await scene.pictures.round()
    for delay in RETRIES:
        await scene.passes(delay)
    await scene.passes(timedelta(days=9))
    row = (await scene.rows())[url]
    assert (row.state, row.tries, len(server.asked)) == ("failed", MOST_TRIES, MOST_TRIES)
    await scene.names(url)  # named again
    await scene.pictures.round()
    assert ((await scene.rows())[url].tries, len(server.asked)) == (1, MOST_TRIES + 1)


async def test_screenshots_come_as_they_are_there_and_go_when_they_are_not_named(
    scene: Scene, server: PictureServer
) -> None:
    first, second = server.has("/1.png", picture(colour="red")), server.has("/2.png", b"", status=500)
    await scene.names(None, first, second)
    await scene.pictures.round()
    one = (await scene.shown())[1]
    assert len(one) == 1
    third = server.has("/3.png", picture(colour="blue"))
    await scene.names(None, second, third)
    await scene.pictures.round()
    assert (await scene.shown())[1] == one  # what was shown stays while one is waited for
    server.has("/2.png", picture(colour="green"))
    await scene.passes(RETRIES[0])
    both = (await scene.shown())[1]
    assert [(await scene.content(each)).convert("RGB").getpixel((5, 5)) for each in both] == [
        pytest.approx((0, 128, 0), abs=4),
        pytest.approx((0, 0, 255), abs=4),
    ]
    assert set(await scene.rows()) == {second, third}
    assert len(await scene.stored()) == 2
    await scene.names(None)
    assert (await scene.shown(), await scene.rows(), await scene.stored()) == ((None, []), {}, set())


async def test_two_replicas_fetch_a_picture_once(scene: Scene, server: PictureServer) -> None:
    urls = [server.has(f"/{number}.png", picture()) for number in range(6)]
    await scene.names(urls[0], *urls)
    await asyncio.gather(scene.pictures.round(), scene.replica().round(), scene.replica().round())
    await scene.pictures.round()
    assert sorted(server.asked) == [f"/{number}.png" for number in range(6)]
    assert {row.state for row in (await scene.rows()).values()} == {"stored"}


class Dies(Fetcher):
    """A replica that ends while it fetches."""

    async def fetch(self, url: str) -> bytes:
        raise asyncio.CancelledError


async def test_another_replica_goes_on_where_one_died_and_none_does_for_ever(
    scene: Scene, server: PictureServer
) -> None:
    url = server.has("/cover.png", picture())
    await scene.names(url)
    with pytest.raises(asyncio.CancelledError):
        await scene.replica(Dies()).round()
    await scene.pictures.round()
    assert server.asked == []  # it is in somebody's hands
    await scene.passes(LEASE)
    assert ((await scene.rows())[url].state, server.asked) == ("stored", ["/cover.png"])

    deadly = server.has("/deadly.png", picture())
    await scene.names(deadly)
    for _ in range(MOST_TRIES):
        with pytest.raises(asyncio.CancelledError):
            await scene.replica(Dies()).round()
        scene.time += LEASE
    await scene.pictures.round()
    row = (await scene.rows())[deadly]
    assert (row.state, row.fault, server.asked) == ("failed", "internal", ["/cover.png"])


async def test_what_comes_too_late_is_not_shown_and_not_kept(scene: Scene, server: PictureServer) -> None:
    """The game names another while the first is on its way; whoever lost the lease changes nothing either."""
    url, other = server.has("/cover.png", picture(colour="red")), server.has("/other.png", picture(colour="blue"))

    class Slow(Fetcher):
        async def fetch(self, url: str) -> bytes:
            content = await leading_to("127.0.0.1").fetch(url)
            await scene.names(other)
            return content

    await scene.names(url)
    await scene.replica(Slow()).round()
    await scene.pictures.round()
    assert set(await scene.rows()) == {other}
    assert len(await scene.stored()) == 1
    shown = await scene.content((await scene.shown())[0])
    assert shown.convert("RGB").getpixel((5, 5)) == pytest.approx((0, 0, 255), abs=4)


async def test_what_is_under_way_is_forgotten_when_it_has_ended(scene: Scene, server: PictureServer) -> None:
    """Its place is its publisher's until then, and what it stores is known."""
    url, other = server.has("/cover.png", picture()), server.has("/other.png", picture())
    known: list[set[str]] = []

    class Slow(Fetcher):
        async def fetch(self, url: str) -> bytes:
            await scene.names(other)
            known.append(set(await scene.rows()))
            return await leading_to("127.0.0.1").fetch(url)

    await scene.names(url)
    await scene.replica(Slow()).round()
    assert known[0] == {url, other}
    assert set(await scene.rows()) == {other}


class AwayStore(MemoryStore):
    async def put(self, key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        raise StoreUnavailable("away")


async def test_a_store_that_is_away_is_waited_for(scene: Scene, server: PictureServer) -> None:
    url = server.has("/cover.png", picture())
    await scene.names(url)
    away = Pictures(scene.database, Notices(), AwayStore(), leading_to("127.0.0.1"))
    await away.round()
    row = (await scene.rows())[url]
    assert (row.state, row.fault) == ("waiting", "internal")
    await scene.passes(RETRIES[0])
    assert (await scene.rows())[url].state == PictureState.STORED


async def test_a_slow_publisher_holds_up_nobody_else(scene: Scene, server: PictureServer) -> None:
    may_go_on = asyncio.Event()
    under_way: list[str] = []

    class Watched(Fetcher):
        async def fetch(self, url: str) -> bytes:
            under_way.append(url)
            await may_go_on.wait()
            return picture()

    await scene.names(None, *[server.url(f"/slow-{number}.png") for number in range(15)])
    async with scene.database.write() as session:
        session.add(Publisher(id="pub1", name="Quick", created_at=scene.time))
        await session.flush()
        scene.time += timedelta(seconds=1)
    await scene.names(server.url("/quick.png"), slug="quick")
    async with scene.database.write() as session:
        game = (await session.scalars(select(Game).where(Game.slug == "quick"))).one()
        published = {"game_id": game.id, "publisher_id": "pub1", "launcher": "a", "save_paths": []}
        session.add(PublishedGame(**published, updated_at=scene.time))
    fetching = [asyncio.create_task(scene.replica(Watched()).round()) for _ in range(2)]

    async def is_quick_under_way() -> bool:
        return server.url("/quick.png") in under_way

    await until(is_quick_under_way)
    assert len(under_way) <= MOST_OF_ONE + 1
    may_go_on.set()
    await asyncio.gather(*fetching)
    assert {row.state for row in (await scene.rows()).values()} == {"stored"}
