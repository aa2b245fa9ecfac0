"""Suspended, closed, deleted: who is out, what stops, what is erased, and what stays of others."""

import asyncio
import io
import json
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from orchestrator import cli
from orchestrator.accounts import limits, tokens
from orchestrator.accounts.account import Account, AccountState
from orchestrator.accounts.models import AccountRow, Device, LinkedIdentity, MailOrder, MailToken
from orchestrator.catalog.models import Favorite
from orchestrator.database import Base
from orchestrator.database.tables import metadata
from orchestrator.limits.throttle import Throttle
from orchestrator.play.models import ERASED_OWNER, LaunchAttempt, Session
from orchestrator.saves.models import SaveSlot, SaveVersion, UnwantedArchive
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost

EMAIL, PASSWORD = "ada@example.org", "correct horse"
ISSUER = "https://id.example"
NewClient = Callable[[], httpx.AsyncClient]


@pytest.fixture
async def account(services: Services) -> Account:
    return await services.accounts.create(EMAIL, PASSWORD, "Ada")


@pytest.fixture
async def browser(client: httpx.AsyncClient, account: Account, services: Services) -> httpx.AsyncClient:
    client.cookies.set(tokens.COOKIE, await services.accounts.issue_token(account))
    return client


@pytest.fixture
async def eve(new_client: NewClient, services: Services) -> httpx.AsyncClient:
    """Somebody else, who plays the same."""
    client = new_client()
    hers = await services.accounts.create("eve@example.org", PASSWORD, "Eve")
    client.cookies.set(tokens.COOKIE, await services.accounts.issue_token(hers))
    return client


async def sign_in(client: httpx.AsyncClient, email: str = EMAIL) -> httpx.Response:
    token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
    form = {"email": email, "password": PASSWORD, "csrfToken": token, "json": "true"}
    return await client.post("/api/auth/callback/credentials", data=form)


async def launch(client: httpx.AsyncClient, game: str) -> str:
    answer = await client.post("/api/game/launch", json={"gameSlug": game})
    assert answer.status_code == 202, answer.text
    return answer.json()["sessionId"]


async def until_asked_to_stop(host: ScriptedHost, session_id: str) -> None:
    async with asyncio.timeout(60):
        while True:
            orders = {order.session_id: order for order in (await host.sync()).sessions}
            if session_id not in orders or orders[session_id].want == "stop":
                return
            await asyncio.sleep(0.02)


async def count(services: Services, table: type[Base], *conditions: Any) -> int:
    async with services.database.read() as reading:
        return await reading.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


async def test_a_suspended_person_is_out_and_their_game_stops(
    browser: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    account: Account,
    host: ScriptedHost,
    game: str,
    new_client: NewClient,
) -> None:
    session_id = await launch(browser, game)
    [order] = (await host.sync()).sessions
    await host.run(order)
    answer = await admin.patch(f"/api/admin/users/{account.id}", json={"state": "suspended"})
    assert (answer.status_code, answer.json()["state"]) == (200, "suspended")
    assert (await browser.get("/api/account")).status_code == 401
    known, unknown = await sign_in(new_client()), await sign_in(new_client(), "nobody@example.org")
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    await until_asked_to_stop(host, session_id)
    await host.end(order)

    await admin.patch(f"/api/admin/users/{account.id}", json={"state": "active"})
    assert (await browser.get("/api/account")).status_code == 401, "the old token stays worthless"
    assert (await sign_in(browser)).status_code == 200
    [past] = (await browser.get("/api/game/history")).json()["sessions"]
    assert (past["sessionId"], past["end"]["by"]) == (session_id, "orchestrator")


async def test_a_game_is_stopped_though_nobody_was_told_of_the_suspension(
    browser: httpx.AsyncClient, services: Services, game: str, host: ScriptedHost
) -> None:
    """Its launch was on its way, or the replica that suspended died."""
    session_id = await launch(browser, game)
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(state=AccountState.SUSPENDED))
    await services.enforcer.round()
    await until_asked_to_stop(host, session_id)


async def test_what_admins_see_of_people(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, account: Account
) -> None:
    everybody = (await admin.get("/api/admin/users")).json()
    assert everybody["total"] == 2
    assert {user["email"] for user in everybody["users"]} == {EMAIL, "admin@example.org"}
    found = (await admin.get("/api/admin/users", params={"search": "ADA"})).json()
    assert [user["id"] for user in found["users"]] == [account.id]
    assert found["users"][0].keys() == {"id", "name", "email", "role", "state", "emailVerified", "createdAt"}
    assert (await admin.get("/api/admin/users", params={"search": "%"})).json()["total"] == 0
    assert len((await admin.get("/api/admin/users", params={"limit": 1, "page": 2})).json()["users"]) == 1
    for refused in (
        await browser.get("/api/admin/users"),
        await browser.patch(f"/api/admin/users/{account.id}", json={"state": "active"}),
    ):
        assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")


async def test_a_state_that_is_none_is_refused(admin: httpx.AsyncClient, account: Account) -> None:
    for state in ("deleted", "gone", None, 5):
        answer = await admin.patch(f"/api/admin/users/{account.id}", json={"state": state})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), state


async def test_no_admin_locks_themselves_out(admin: httpx.AsyncClient) -> None:
    own = (await admin.get("/api/account")).json()["id"]
    answer = await admin.patch(f"/api/admin/users/{own}", json={"state": "suspended"})
    assert (answer.status_code, answer.json()["error"]) == (409, "own_account")
    assert (await admin.patch("/api/admin/users/clxnobody", json={"state": "active"})).status_code == 404


async def test_deleting_needs_the_password(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/api/account/delete", json={"password": "wrong horse"})
    assert (answer.status_code, answer.json()["error"]) == (403, "wrong_password")
    assert (await browser.get("/api/account")).status_code == 200


async def test_a_deleted_account_leaves_nothing_of_its_person_and_all_of_others(
    browser: httpx.AsyncClient,
    eve: httpx.AsyncClient,
    account: Account,
    services: Services,
    settings: Settings,
    host: ScriptedHost,
    game: str,
    new_client: NewClient,
) -> None:
    orders: dict[str, Any] = {}
    for person in (browser, eve):
        session_id = await launch(person, game)
        await person.put(f"/api/games/{game}/favorite")
        order = next(order for order in (await host.sync()).sessions if order.session_id == session_id)
        orders[session_id] = order
        await host.run(order)
        version = (await host.put_save(order, f"save of {session_id}".encode())).json()["versionId"]
        picture = await host.client.put(
            f"/api/agents/saves/{version}/picture", content=b"\xff\xd8\xff a picture", headers=host.headers
        )
        assert picture.status_code < 300, picture.text
    mine, hers = orders
    await services.recovery.ask_for_reset(EMAIL, address="127.0.0.1")
    async with services.database.read() as reading:
        keys = {
            key
            for row in await reading.execute(
                select(SaveVersion.key, SaveVersion.picture_key).where(SaveVersion.session_id == mine)
            )
            for key in row
        }
    assert len(keys) == 2

    answer = await browser.post("/api/account/delete", json={"password": PASSWORD})
    assert answer.status_code == 204
    morsel = SimpleCookie(answer.headers["set-cookie"])[tokens.COOKIE]
    assert (morsel.value, morsel["max-age"]) == ("", "0")
    assert (await sign_in(new_client())).status_code == 401
    await until_asked_to_stop(host, mine)
    assert await count(services, SaveSlot, SaveSlot.owner == account.owner) == 1, "the game still stops"
    late = b"what the game saved last"
    assert (await host.put_save(orders[mine], late)).status_code == 200
    await host.end(orders[mine])
    async with asyncio.timeout(60):
        while await count(services, AccountRow, AccountRow.id == account.id):
            await services.enforcer.round()

    async with services.database.read() as reading:
        unwanted = set(await reading.scalars(select(UnwantedArchive.key)))
        rows = {
            name: [str(row) for row in (await reading.execute(select(table))).mappings()]
            for name, table in metadata.tables.items()
        }
    assert keys < unwanted, "archives and pictures leave the store by the disposal"
    assert len(unwanted) == 3
    left = {
        name: [row for row in found if account.id in row or EMAIL in row or "Ada" in row]
        for name, found in rows.items()
    }
    assert {name: found for name, found in left.items() if found} == {}
    assert await count(services, Session, Session.owner == ERASED_OWNER) == 1
    for table in (SaveSlot, SaveVersion, Favorite, Device, LaunchAttempt):
        assert await count(services, table) == 1, "Eve's is untouched"
    assert await count(services, MailToken) == 0
    assert await count(services, MailOrder) == 0
    assert (await eve.get("/api/game/sessions")).json()["sessions"][0]["sessionId"] == hers

    refused = await host.put_save(orders[mine], b"a letter from the host's outbox, a week later")
    assert (refused.status_code, refused.json()["error"]) == (404, "not_found")
    assert await count(services, SaveSlot) == 1

    again = await services.accounts.create(EMAIL, PASSWORD, "Ada")
    assert again.id != account.id


async def test_an_archive_that_was_on_its_way_during_the_erasure_makes_no_slot(
    browser: httpx.AsyncClient,
    account: Account,
    services: Services,
    host: ScriptedHost,
    game: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session_id = await launch(browser, game)
    [order] = (await host.sync()).sessions
    await host.run(order)
    await host.end(order)
    put = services.store.put

    async def erased_meanwhile(key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        await put(key, digest, size_bytes, body)
        await browser.post("/api/account/delete", json={"password": PASSWORD})
        await services.enforcer.round()

    monkeypatch.setattr(services.store, "put", erased_meanwhile)
    assert (await host.put_save(order, b"late")).status_code == 404
    assert await count(services, SaveSlot) == 0
    assert await count(services, Session, Session.owner == ERASED_OWNER, Session.id == session_id) == 1


async def test_the_export_holds_everything(
    browser: httpx.AsyncClient,
    eve: httpx.AsyncClient,
    account: Account,
    services: Services,
    host: ScriptedHost,
    game: str,
) -> None:
    for person in (browser, eve):
        session_id = await launch(person, game)
        order = next(order for order in (await host.sync()).sessions if order.session_id == session_id)
        await host.run(order)
        versions = [await host.put_save(order, f"{session_id} {number}".encode()) for number in range(2)]
        newest = versions[-1].json()["versionId"]
        await host.client.put(f"/api/agents/saves/{newest}/picture", content=b"\xff\xd8\xff !", headers=host.headers)
        await host.end(order)
    await browser.put(f"/api/games/{game}/favorite")
    batch = await services.library.make_codes(game, 1, note=None, expires_at=None)
    await services.library.redeem(account, batch.codes[0], "127.0.0.1")
    [mine] = (await browser.get("/api/game/history")).json()["sessions"]
    other = (await eve.get("/api/account")).json()["id"]
    async with services.database.write() as writing:
        now = await services.database.now(writing)
        for subject, account_id in (("g-1", account.id), ("g-2", other)):
            writing.add(LinkedIdentity(issuer=ISSUER, subject=subject, account_id=account_id, linked_at=now))

    answer = await browser.get("/api/account/export")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="playhouse-account.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        about = json.loads(archive.read("account.json"))
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert about["account"]["email"] == EMAIL
    assert about["favorites"] == [game]
    assert [entry["gameSlug"] for entry in about["library"]] == [game]
    assert [session["id"] for session in about["sessions"]] == [mine["sessionId"]]
    assert len(about["devices"]) == 1
    [identity] = about["linkedIdentities"]
    assert (identity["issuer"], identity["subject"]) == (ISSUER, "g-1")
    files = [save["file"] for save in about["saves"]]
    assert [contents[file] for file in files] == [f"{mine['sessionId']} {number}".encode() for number in range(2)]
    assert [save["isNewest"] for save in about["saves"]] == [False, True]
    assert contents[about["saves"][1]["picture"]] == b"\xff\xd8\xff !"
    assert set(contents) == {"account.json", *files, about["saves"][1]["picture"]}
    assert all(file.startswith(f"saves/{game}/slot-1/") for file in files)


async def test_an_export_names_no_file_for_an_archive_that_is_gone(
    browser: httpx.AsyncClient, services: Services, host: ScriptedHost, game: str
) -> None:
    await launch(browser, game)
    [order] = (await host.sync()).sessions
    await host.run(order)
    await host.put_save(order, b"gone soon")
    async with services.database.read() as reading:
        key = (await reading.scalars(select(SaveVersion.key))).one()
    await services.store.delete(key)
    with zipfile.ZipFile(io.BytesIO((await browser.get("/api/account/export")).content)) as archive:
        assert [save["file"] for save in json.loads(archive.read("account.json"))["saves"]] == [None]
        assert archive.namelist() == ["account.json"]


async def test_exports_are_bounded(browser: httpx.AsyncClient, account: Account, services: Services) -> None:
    for _ in range(limits.EXPORTS.tries):
        await Throttle(services.database).count(limits.EXPORTS, account.id)
    assert (await browser.get("/api/account/export")).status_code == 429


async def test_an_export_of_any_size_takes_little_memory(
    browser: httpx.AsyncClient,
    account: Account,
    services: Services,
    host: ScriptedHost,
    game: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await launch(browser, game)
    [order] = (await host.sync()).sessions
    await host.run(order)
    await host.put_save(order, b"small")
    piece = bytes(256 * 1024)
    pieces = 4 * 256  # 256 MiB

    async def large(key: str) -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield piece

    monkeypatch.setattr(services.store, "read", large)
    total = 0
    tracemalloc.start()
    async for part in await services.export.begin(account):
        total += len(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > pieces * len(piece)
    assert peak < 8 * 1024**2


def test_people_are_suspended_closed_and_let_in_again_by_command(settings: Settings) -> None:
    def run(*words: str, stdin: str | None = None) -> tuple[int, str]:
        result = CliRunner().invoke(cli.main, ["users", *words], input=stdin)
        return result.exit_code, result.output

    assert run("create", EMAIL, "--password-stdin", "--name", "Ada", stdin=PASSWORD)[0] == 0
    headline = "ADDRESS          STATE   ROLE    NAME\n"
    assert run("list") == (0, f"{headline}{EMAIL}  active  player  Ada\n")
    assert run("suspend", EMAIL.upper()) == (0, f"{EMAIL.upper()} is suspended.\n")
    assert "  suspended  " in run("list", "ada")[1]
    assert run("close", EMAIL) == (0, f"{EMAIL} is closed.\n")
    assert run("restore", EMAIL) == (0, f"{EMAIL} is active.\n")
    assert run("list", "nobody") == (0, "ADDRESS  STATE  ROLE  NAME\n")
    code, words = run("suspend", "nobody@example.org")
    assert (code, words) == (1, "Error: There is no account of nobody@example.org.\n")
