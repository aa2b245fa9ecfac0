"""The publisher's console on the real API: a game, an archive that is refused, one that is taken, and the way back."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, expect
from sqlalchemy import update

from orchestrator.catalog.images import ImageUnavailable
from orchestrator.pictures.fetching import Fetcher
from orchestrator.publishers.models import Upload
from orchestrator.publishers.where import DestinationOf
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.browser.pages.conftest import Replica
from tests.integration.orchestrator.pictures.conftest import PictureServer, leading_to, picture, picture_server
from tests.integration.orchestrator.publishers.conftest import KeptImages
from tests.packing import LAUNCHER, Packed, launcher, tar_gz

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOTS = Path("test-artifacts/publishers")


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> KeptImages:
    kept = KeptImages()

    async def find(_: DestinationOf) -> KeptImages:
        return kept

    monkeypatch.setattr(DestinationOf, "__call__", find)
    return kept


def services_of(replica: Replica) -> AbstractAsyncContextManager[Services]:
    url = f"sqlite+aiosqlite:///{replica.data / 'orchestrator.sqlite3'}"
    return open_services(Settings(data=replica.data, database_url=url))


@pytest_asyncio.fixture(loop_scope="session")
async def key(replica: Replica) -> str:
    async with services_of(replica) as services:
        return (await services.publisher_keys.create(f"Tiny Games {secrets.token_hex(3)}")).secret


@pytest_asyncio.fixture(loop_scope="session")
async def console(context: BrowserContext, key: str) -> AsyncGenerator[Page]:
    """The console with its key given."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto("/publishers")
    await page.get_by_label("Your key").fill(key)
    await page.get_by_role("button", name="Open the console").click()
    await expect(page.get_by_role("heading", name="Games of Tiny Games")).to_be_visible()
    yield page
    assert problems == []
    await page.close()


async def describe(page: Page, slug: str, clicks: int = 1) -> None:
    await page.get_by_role("button", name="Describe a game").click()
    fields = {
        "Title": "Garden of Forking Paths",
        "Short name in its address": slug,
        "Developer": "Ts'ui Pên",
        "Description": "A labyrinth of time.",
        "Tags": "Mystery, Visual Novel",
        "Launcher": LAUNCHER,
        "Ren'Py save folder": "GardenOfForkingPaths-1698234567",
    }
    for label, value in fields.items():
        await page.get_by_label(label, exact=True).fill(value)
    await page.get_by_role("button", name="Create it").click(click_count=clicks)


async def choose(page: Page, file: Path) -> None:
    await page.get_by_label("Archive (tar.gz, one folder)").set_input_files(file)
    await page.get_by_role("button", name="Upload").click()


def archive(folder: Path, name: str, *members: Packed) -> Path:
    file = folder / name
    file.write_bytes(tar_gz(members))
    return file


async def shot(page: Page, name: str) -> None:
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


async def test_from_a_description_to_a_game_that_is_played_and_back(console: Page, tmp_path: Path) -> None:
    slug = f"garden-{secrets.token_hex(4)}"
    await expect(console.get_by_text("No games yet")).to_be_visible()
    await shot(console, "empty")
    await describe(console, slug)
    state = console.locator(".console-state")
    await expect(state).to_have_text("Waits for its archive")
    await shot(console, "waits")

    await choose(console, archive(tmp_path, "wrong.tar.gz", Packed("garden/other.sh", b"#!/bin/sh\n", mode=0o755)))
    await expect(state).to_have_text("Not taken")
    await expect(console.get_by_role("alert")).to_contain_text(f"There is no '{LAUNCHER}' in 'garden'")
    await shot(console, "rejected")

    noise = Packed("garden/game/noise", os.urandom(9_000_000))  # more than one part
    await choose(console, archive(tmp_path, "right.tar.gz", launcher(), noise))
    await expect(state).to_have_text("Active")
    await expect(console.get_by_role("alert")).to_have_count(0)
    await console.get_by_label("Version", exact=True).fill("2.0 <b>beta</b>")
    await choose(console, archive(tmp_path, "newer.tar.gz", launcher(), Packed("garden/new", b"x")))
    rows = console.locator(".console-version")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("2.0 <b>beta</b>Current")
    await rows.nth(1).get_by_role("button", name="Go back to version 1").click()
    await expect(rows.nth(1)).to_contain_text("1Current")
    await shot(console, "versions")


@pytest_asyncio.fixture(loop_scope="session")
async def pictures(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[PictureServer]:
    """A server of the publisher's, which every name means."""
    fetch, from_here = Fetcher.fetch, leading_to("127.0.0.1")

    async def fetch_from_here(_: Fetcher, url: str) -> bytes:
        return await fetch(from_here, url)

    monkeypatch.setattr(Fetcher, "fetch", fetch_from_here)
    async with picture_server() as server:
        yield server


async def test_pictures_elsewhere_are_shown_from_here_and_what_is_wrong_with_one_is_told(
    console: Page, tmp_path: Path, pictures: PictureServer
) -> None:
    slug = f"garden-{secrets.token_hex(4)}"
    await describe(console, slug)
    await choose(console, archive(tmp_path, "right.tar.gz", launcher()))
    await expect(console.locator(".console-state")).to_have_text("Active")
    await console.get_by_label("Cover").fill(pictures.has("/cover.png", picture(colour="#7a3d9e")))
    private = "http://169.254.169.254/latest/meta-data/"
    await console.get_by_label("Screenshots").fill(f"{private}\n{pictures.has('/1.png', picture(size=(1280, 720)))}")
    await console.get_by_role("button", name="Save pictures").click()
    told = console.locator(".console-picture")
    await expect(told).to_have_count(3)
    await expect(told.nth(0)).to_contain_text("Here")
    await expect(told.nth(1)).to_contain_text("does not lead to a public address")
    await expect(told.nth(2)).to_contain_text("Here")
    await shot(console, "pictures")
    await console.set_viewport_size({"width": 390, "height": 844})
    assert await console.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shot(console, "pictures-phone")
    await console.set_viewport_size({"width": 1280, "height": 800})

    await console.goto(f"/?search={slug.partition('-')[0]}&sort=createdAt")
    cover = console.locator(f".game-card:has(a[href='/games/{slug}']) img").first
    await expect(cover).to_have_attribute("src", re.compile("^/pictures/pic"))
    await expect(cover).to_have_js_property("complete", value=True)
    assert await cover.evaluate("image => image.naturalWidth") == 460
    await shot(console, "pictures-in-the-library")
    await console.goto(f"/games/{slug}")
    await expect(console.get_by_role("heading", name="Screenshots")).to_be_visible()
    assert await console.evaluate("[...document.images].every((image) => image.src.startsWith(location.origin))")
    await shot(console, "pictures-on-the-page")
    assert sorted(pictures.asked) == ["/1.png", "/cover.png"]


async def test_an_archive_that_waits_for_its_store_says_so(
    console: Page, images: KeptImages, tmp_path: Path, replica: Replica
) -> None:
    images.failure = ImageUnavailable("The Docker engine has no base image.")
    await describe(console, f"garden-{secrets.token_hex(4)}")
    await choose(console, archive(tmp_path, "right.tar.gz", launcher()))
    await expect(console.locator(".console-state")).to_have_text("Being checked")
    await expect(console.get_by_text("It cannot be stored here just now")).to_be_visible()
    await expect(console.get_by_role("alert")).to_have_count(0)
    await shot(console, "waits-for-store")
    images.failure = None  # and nothing of it is left to be tried beside the tests that follow
    async with services_of(replica) as services, services.database.write() as session:
        await session.execute(update(Upload).values(busy_until=Upload.created_at))
    await expect(console.locator(".console-state")).to_have_text("Active")


async def test_an_upload_goes_on_where_the_network_broke(console: Page, tmp_path: Path) -> None:
    await describe(console, f"garden-{secrets.token_hex(4)}")
    await expect(console.locator(".console-state")).to_have_text("Waits for its archive")
    offsets: list[str] = []
    is_back, is_seen = asyncio.Event(), asyncio.Event()

    async def break_once(route: Route) -> None:
        if route.request.method == "PATCH":
            offsets.append(await route.request.header_value("upload-offset") or "")
            if len(offsets) == 2:
                await route.abort("connectionreset")
                return
            if len(offsets) == 3:
                await is_seen.wait()
        elif len(offsets) == 2:
            await is_back.wait()
        await route.continue_()

    await console.route("**/uploads/*", break_once)
    await choose(console, archive(tmp_path, "large.tar.gz", launcher(), Packed("garden/noise", os.urandom(9_000_000))))
    await expect(console.locator(".console-state")).to_have_text("Waits for the network")
    await shot(console, "waits-for-network")
    is_back.set()
    await expect(console.locator(".console-state")).to_have_text("On its way")
    is_seen.set()
    await expect(console.locator(".console-state")).to_have_text("Active")
    assert offsets == ["0", "8388608", "8388608"]


async def test_a_key_that_does_not_work_is_said_and_one_that_works_is_forgotten(console: Page, key: str) -> None:
    await console.reload()
    await expect(console.get_by_role("heading", name="Games of")).to_be_visible()
    await console.get_by_role("button", name="Forget the key").click()
    await expect(console.get_by_label("Your key")).to_be_visible()
    assert await console.evaluate("sessionStorage.length") == 0
    await console.get_by_label("Your key").fill(key[:-1])
    await console.keyboard.press("Enter")
    await expect(console.get_by_role("alert")).to_contain_text("This key does not work")
    await shot(console, "wrong-key")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (409, "upload_in_progress", "Another upload of this game is on its way."),
        (503, "store_unavailable", "There is no room for this archive at the moment."),
    ],
)
async def test_a_refused_upload_says_why_until_the_next_try(
    console: Page, tmp_path: Path, status: int, code: str, told: str
) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json={"error": code, "message": told})

    await describe(console, f"garden-{secrets.token_hex(4)}")
    await console.route("**/uploads", refuse)
    file = archive(tmp_path, "right.tar.gz", launcher())
    await choose(console, file)
    await expect(console.get_by_text("Waits for its archive")).to_be_visible()
    await expect(console.get_by_text("hold it")).to_be_visible()  # the game as it is now
    await expect(console.get_by_role("alert")).to_contain_text(told)
    await shot(console, f"refused-{status}")
    await console.unroute("**/uploads")
    await choose(console, file)
    await expect(console.locator(".console-state")).to_have_text("Active")
    await expect(console.get_by_role("alert")).to_have_count(0)


async def test_an_upload_that_ends_without_a_network_leaves_a_way_on(console: Page, tmp_path: Path) -> None:
    await describe(console, f"garden-{secrets.token_hex(4)}")
    await console.get_by_label("Archive (tar.gz, one folder)").wait_for()
    await console.route("**/api/partners/**", lambda route: route.abort("connectionreset"))
    file = archive(tmp_path, "right.tar.gz", launcher())
    await choose(console, file)
    await expect(console.get_by_role("alert")).to_contain_text("cannot reach Playhouse")
    await expect(console.get_by_role("progressbar")).to_have_count(0)
    await console.unroute("**/api/partners/**")
    await console.get_by_role("button", name="Try again").click()
    await choose(console, file)
    await expect(console.locator(".console-state")).to_have_text("Active")


@pytest.mark.parametrize("path", ["keys", "games"])
async def test_a_replica_that_is_busy_forgets_no_key_and_says_so(console: Page, path: str) -> None:
    async def be_busy(route: Route) -> None:
        await route.fulfill(status=503, json={"error": "database_unavailable", "message": "It does not answer."})

    await console.route(f"**/api/partners/{path}", be_busy)
    await console.reload()
    await expect(console.get_by_role("alert")).to_contain_text("It cannot answer right now")
    assert await console.evaluate("sessionStorage.length") == 1
    await shot(console, f"busy-{path}")
    await console.unroute(f"**/api/partners/{path}")
    await console.get_by_role("button", name="Open the console").click()
    await expect(console.get_by_role("heading", name="Games of")).to_be_visible()


async def test_an_upload_is_seen_to_go_on_while_another_game_is_described(console: Page, tmp_path: Path) -> None:
    await describe(console, f"garden-{secrets.token_hex(4)}")
    may_go_on = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_go_on.wait()
        await route.continue_()

    await console.route("**/uploads/*", hold)
    await choose(console, archive(tmp_path, "right.tar.gz", launcher()))
    await expect(console.get_by_role("progressbar")).to_be_visible()
    await expect(console.locator(".console-state")).to_have_text("On its way")
    await describe(console, f"another-{secrets.token_hex(4)}")
    await expect(console.locator(".console-state")).to_have_count(2)
    await expect(console.get_by_role("progressbar")).to_be_visible()
    may_go_on.set()
    await expect(console.get_by_text("Active", exact=True)).to_be_visible()


async def test_a_description_that_is_refused_says_so_beside_its_button_and_opens_at_its_top(console: Page) -> None:
    slug = f"garden-{secrets.token_hex(4)}"
    await describe(console, slug)
    await expect(console.locator(".console-state")).to_be_visible()
    await console.set_viewport_size({"width": 390, "height": 844})
    await describe(console, slug)
    await expect(console.get_by_role("alert")).to_be_in_viewport(ratio=1)
    await shot(console, "description-refused-phone")
    await console.get_by_role("button", name="Cancel").click()
    await console.get_by_role("button", name="Describe a game").click()
    await expect(console.get_by_role("heading", name="Describe a game")).to_be_in_viewport(ratio=1)
    assert await console.locator("#new-game-dialog").evaluate("(dialog) => dialog.scrollTop") == 0


async def test_a_double_click_describes_a_game_once(console: Page) -> None:
    asked: list[str] = []
    console.on("request", lambda request: asked.append(request.method) if request.method == "POST" else None)
    await describe(console, f"garden-{secrets.token_hex(4)}", clicks=2)
    await expect(console.locator(".console-state").first).to_have_text("Waits for its archive")
    assert asked == ["POST"]


async def test_a_launcher_that_was_described_wrongly_is_mended_here(console: Page, tmp_path: Path) -> None:
    slug = f"garden-{secrets.token_hex(4)}"
    await describe(console, slug)
    await choose(console, archive(tmp_path, "other.tar.gz", Packed("garden/other.sh", b"#!/bin/sh\n", mode=0o755)))
    await expect(console.get_by_role("alert")).to_contain_text(f"There is no '{LAUNCHER}' in 'garden'")

    await console.get_by_role("button", name="Change the description").click()
    await expect(console.get_by_role("heading", name="Change Garden of Forking Paths")).to_be_visible()
    await expect(console.get_by_label("Short name in its address")).to_be_hidden()
    await expect(console.get_by_label("Tags", exact=True)).to_have_value("Mystery, Visual Novel")
    await shot(console, "change")
    await console.get_by_label("Title", exact=True).fill("The Garden")
    await console.get_by_label("Launcher", exact=True).fill("other.sh")
    await console.get_by_role("button", name="Save it").click()
    await expect(console.get_by_text("other.sh", exact=True)).to_be_visible()
    await expect(console.locator(".console-title strong")).to_have_text("The Garden")
    await choose(console, archive(tmp_path, "other.tar.gz", Packed("garden/other.sh", b"#!/bin/sh\n", mode=0o755)))
    await expect(console.locator(".console-state")).to_have_text("Active")

    await console.get_by_role("button", name="Describe a game").click()
    await expect(console.get_by_label("Title", exact=True)).to_have_value("")
    await expect(console.get_by_label("Short name in its address")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_nothing_is_cut_off(console: Page, tmp_path: Path, scheme: str) -> None:
    await console.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await console.set_viewport_size({"width": 360, "height": 740})
    await describe(console, f"garden-{secrets.token_hex(4)}")
    await choose(console, archive(tmp_path, "right.tar.gz", launcher()))
    await expect(console.locator(".console-state")).to_have_text("Active")
    await expect(console.locator(".console-version")).to_have_count(1)
    assert await console.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shot(console, f"phone-{scheme}")
