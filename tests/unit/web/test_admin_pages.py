"""The admin pages as the server writes them: who sees them, what they say, and that nothing in them runs."""

import re
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import event

from orchestrator.accounts.account import Role
from orchestrator.accounts.models import AccountRow
from orchestrator.accounts.standing import Standing
from orchestrator.database import Database
from orchestrator.fleet.fleet_map import FleetMaps, Question
from orchestrator.play.ledger import Ledger
from orchestrator.play.moves import Moves
from orchestrator.play.operations import Question as SessionQuestion
from orchestrator.play.operations import SessionOperations
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.conftest import SignedIn
from tests.fleet_scene import EVIL, HEBREW, fill_fleet

HTML = {"accept": "text/html,application/xhtml+xml"}
PAGES = ("/admin/fleet", "/admin/sessions", "/admin/profiles", "/admin/codes", "/admin/users", "/admin/log")


@pytest.fixture
async def admin(signed_in: SignedIn) -> httpx.AsyncClient:
    return await signed_in("admin@example.org", role=Role.ADMIN)


async def test_only_admins_see_them(client: httpx.AsyncClient, signed_in: SignedIn) -> None:
    somebody = await signed_in()
    for path in ("/admin", *PAGES, "/admin/fleet/hst1", "/admin/codes/bat1"):
        stranger = await client.get(path, headers=HTML)
        assert (stranger.status_code, stranger.headers["location"]) == (302, f"/signin?callbackUrl={path}")
        player = await somebody.get(path, headers=HTML)
        assert player.status_code == 403
        assert "This is not yours to see" in player.text
        assert "another account" not in player.text


async def test_the_way_there_is_shown_to_admins_alone(admin: httpx.AsyncClient, signed_in: SignedIn) -> None:
    assert 'href="/admin/fleet"' in (await admin.get("/")).text
    assert "/admin" not in (await (await signed_in()).get("/")).text
    assert (await admin.get("/admin")).headers["location"] == "/admin/fleet"


async def test_an_empty_house_says_so(admin: httpx.AsyncClient) -> None:
    for path in PAGES:
        page = await admin.get(path)
        assert page.status_code == 200
        assert "Administration" in page.text


async def test_what_is_not_there_is_a_page_that_says_so(admin: httpx.AsyncClient) -> None:
    for path in ("/admin/fleet/hst1", "/admin/codes/bat1", "/admin/codes?game=none"):
        assert (await admin.get(path, headers=HTML)).status_code == 404


async def test_an_address_that_asks_for_nonsense_gets_a_page(admin: httpx.AsyncClient) -> None:
    nonsense = (
        "page=0",
        "page=x&state=zz&role=zz&order=zz",
        "page=99999999",
        "search=%00%ff&actor=%00&person=%00&subject=%00&game=",
    )
    for path in PAGES:
        for query in nonsense:
            assert (await admin.get(f"{path}?{query}")).status_code == 200, (path, query)


async def test_a_whole_fleet_is_on_one_page_and_nothing_in_it_runs(
    admin: httpx.AsyncClient, services: Services
) -> None:
    scene = await fill_fleet(services, hosts=9, sessions=40)
    addresses = [*PAGES, f"/admin/fleet/{scene.host_ids[0]}", f"/admin/codes/{scene.batch_id}"]
    addresses += ["/admin/sessions?state=ended", f"/admin/codes?game={scene.game_slug}", "/admin/codes?search=the"]
    for path in addresses:
        page = await admin.get(path)
        assert page.status_code == 200, path
        assert not re.search(r"\sstyle=|\son\w+=\"|<style|<script(?![^>]*\ssrc=)", page.text.replace("onerror=", ""))
        assert EVIL not in page.text, path
        assert "unsafe" not in page.headers["content-security-policy"]
    fleet = (await admin.get("/admin/fleet")).text
    assert fleet.count('class="host host-') == 9
    assert len(re.findall(r'class="stall cover ', fleet)) == scene.placed
    assert "&lt;img src=x" in fleet
    assert HEBREW in fleet
    for state in ("ready", "draining", "lost"):
        assert f'class="state state-{state}"' in fleet
    assert "on their way" in fleet
    users = (await admin.get("/admin/users")).text
    assert "&lt;b&gt;" in users
    assert "𐌀" in users


async def test_hosts_are_found_and_put_in_order(admin: httpx.AsyncClient, services: Services) -> None:
    await fill_fleet(services, hosts=9, sessions=40)

    async def names(query: str) -> list[str]:
        return re.findall(r"<h2><a [^>]*><bdi>([^<]*)</bdi>", (await admin.get(f"/admin/fleet?{query}")).text)

    everyone = await names("")
    assert len(everyone) == 9
    assert await names("order=name") == sorted(everyone)
    assert len(await names("state=draining")) == 1
    assert len(await names("search=region%3Dnorth")) == 3
    assert await names("search=nowhere") == []


async def test_five_hundred_hosts_and_five_thousand_sessions_are_a_page_and_few_questions(
    admin: httpx.AsyncClient, services: Services, settings: Settings
) -> None:
    scene = await fill_fleet(services, hosts=500, sessions=5000)
    page = await admin.get("/admin/fleet")
    assert page.text.count('class="host host-') == 500
    assert page.text.count('<i class="dot dot-') == scene.placed + 4  # the legend's
    assert len(page.content) < 2_000_000
    async with counted_database(settings) as (database, asked):
        ledger = Ledger(Moves(services.notices), services.saves, services.clock)
        fleet = await FleetMaps(database, ledger).draw(Question())
        assert (fleet.total, sum(len(host.sessions) for host in fleet.hosts)) == (500, scene.placed)
        found = await SessionOperations(database, Moves(services.notices)).page(SessionQuestion(limit=100))
        assert (len(found.sessions), found.total) == (100, 5000)
        standing = Standing(database, services.notices)
        assert len(await standing.figures((await standing.people("player", page=2, limit=100)).people)) == 100
        assert asked.total() <= 20, asked  # for all three


@asynccontextmanager
async def counted_database(settings: Settings) -> AsyncGenerator[tuple[Database, Counter[str]]]:
    """The same database by a way of one's own, on which every statement is counted."""
    database, asked = Database(settings.database_url), Counter[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.update([statement])

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield database, asked
    finally:
        await database.close()


async def test_long_lists_have_pages(admin: httpx.AsyncClient, services: Services) -> None:
    async with services.database.write() as session:
        now = datetime.now(UTC)
        session.add_all(
            AccountRow(
                id=f"clx{number}", email=f"p{number:03}@example.org", name=f"Player {number:03}", role=Role.PLAYER,
                created_at=now - timedelta(minutes=number + 1),
            )
            for number in range(120)
        )  # fmt: skip
    first = (await admin.get("/admin/users?search=player")).text
    assert "120 accounts" in first
    assert "Page 1 of 3" in first
    assert 'href="/admin/users?search=player&amp;page=2"' in first
    last = (await admin.get("/admin/users?search=player&page=3")).text
    assert last.count("row-user") == 20
    assert "Player 119" in last
    beyond = (await admin.get("/admin/users?search=player&page=9")).text
    assert 'href="/admin/users?search=player&amp;page=3"' in beyond
