"""Library codes: made by admins, redeemed once each, and what a game that needs one allows to whom."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from orchestrator.library.models import CodeBatch, LibraryCode
from orchestrator.library.service import CODES_OF_ACCOUNT
from orchestrator.play.models import Session
from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
from tests.integration.orchestrator.saves.playing import finish, saved, start

CODE = re.compile(r"[2-9A-HJKMNP-TV-Z]{4}(-[2-9A-HJKMNP-TV-Z]{4}){3}")


@pytest.fixture
async def locked(services: Services) -> str:
    await add_game(services, "the-question")
    await services.library.set_access("the-question", needs_code=True)
    return "the-question"


async def make(admin: httpx.AsyncClient, count: int = 1, **more: Any) -> dict[str, Any]:
    answer = await admin.post("/api/admin/codes", json={"gameSlug": "the-question", "count": count, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def redeem(player: httpx.AsyncClient, code: object) -> httpx.Response:
    return await player.post("/api/library/redeem", json={"code": code})


async def launch(player: httpx.AsyncClient) -> httpx.Response:
    return await player.post("/api/game/launch", json={"gameSlug": "the-question"})


def is_refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["error"]) == (400, "code_invalid")


async def test_a_code_opens_a_game_for_one_person_and_for_good(
    admin: httpx.AsyncClient,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    locked: str,
) -> None:
    [code] = (await make(admin))["newCodes"]
    answer = await launch(player)
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    details = (await player.get(f"/api/games/{locked}")).json()
    assert (details["needsCode"], details["inLibrary"]) == (True, False)

    answer = await redeem(player, code)
    assert (answer.status_code, answer.json()) == (
        200,
        {"gameSlug": locked, "gameTitle": "The Question", "isNew": True},
    )
    assert (await redeem(player, code)).json()["isNew"] is False, "one's own code again changes nothing"
    assert (await player.get(f"/api/games/{locked}")).json()["inLibrary"]
    [listed] = (await player.get("/api/games", params={"mine": "true"})).json()["games"]
    assert listed["inLibrary"]
    assert (await launch(player)).status_code == 202

    assert is_refused(await redeem(other_player, code))
    assert (await launch(other_player)).status_code == 403
    [listed] = (await other_player.get("/api/games")).json()["games"]
    assert not listed["inLibrary"]


async def test_a_code_is_read_however_it_is_typed(admin: httpx.AsyncClient, signed_in: SignedIn, locked: str) -> None:
    [code] = (await make(admin))["newCodes"]
    assert CODE.fullmatch(code)
    player = await signed_in("p@example.org")
    for typed in (code.lower(), code.replace("-", " "), f"  {code.replace('-', '')} ", code.replace("-", "\u2013")):
        assert (await redeem(player, typed)).status_code == 200


NO_CODES = (
    "",
    "ABCD",
    "ABCD-EFGH-JKMN-PQRS",
    "0000-0000-0000-0000",
    "😀" * 16,
    "<script>",
    "' OR 1=1",
    "\0",
    "\u202e",
    "É" * 16,
)


async def test_what_is_no_code_is_refused_like_one_that_nobody_made(player: httpx.AsyncClient, locked: str) -> None:
    for code in NO_CODES:
        assert is_refused(await redeem(player, code)), code


async def test_whatever_is_wrong_with_a_code_the_answer_is_the_same(
    admin: httpx.AsyncClient,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    services: Services,
    locked: str,
) -> None:
    [used] = (await make(admin))["newCodes"]
    await redeem(other_player, used)
    revoked = await make(admin)
    await admin.delete(f"/api/admin/codes/{revoked['id']}")
    old = await make(admin, expiresAt=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    async with services.database.write() as session:
        (await session.get_one(CodeBatch, old["id"])).expires_at = datetime.now(UTC) - timedelta(seconds=1)
    codes = ["ABCD-EFGH-JKMN-PQRS", used, revoked["newCodes"][0], old["newCodes"][0]]
    answers = [await redeem(player, code) for code in codes]
    assert all(is_refused(answer) for answer in answers)
    assert len({answer.json()["message"] for answer in answers}) == 1
    assert (await launch(player)).status_code == 403


async def test_who_has_the_game_uses_up_no_other_code(
    admin: httpx.AsyncClient, player: httpx.AsyncClient, other_player: httpx.AsyncClient, locked: str
) -> None:
    first, second = (await make(admin, 2))["newCodes"]
    await redeem(player, first)
    assert (await redeem(player, second)).json()["isNew"] is False
    assert (await redeem(other_player, second)).json()["isNew"] is True


async def test_of_many_who_redeem_a_code_at_once_one_gets_the_game(
    admin: httpx.AsyncClient, signed_in: SignedIn, locked: str
) -> None:
    [code] = (await make(admin))["newCodes"]
    people = [await signed_in(f"p{number}@example.org") for number in range(6)]
    answers = await asyncio.gather(*(redeem(person, code) for person in people))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400, 400]
    [winner] = [person for person, answer in zip(people, answers, strict=True) if answer.status_code == 200]
    assert (await winner.get(f"/api/games/{locked}")).json()["inLibrary"]


async def test_tries_are_counted_and_a_success_ends_the_count(
    admin: httpx.AsyncClient, player: httpx.AsyncClient, other_player: httpx.AsyncClient, locked: str
) -> None:
    first, second = (await make(admin, 2))["newCodes"]
    for _ in range(CODES_OF_ACCOUNT.tries - 1):
        assert is_refused(await redeem(player, "wrong"))
    assert (await redeem(player, first)).status_code == 200
    for _ in range(CODES_OF_ACCOUNT.tries):
        assert is_refused(await redeem(player, "wrong"))
    answer = await redeem(player, second)
    assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 60
    assert (await redeem(other_player, second)).status_code == 200, "others are not kept waiting"


async def test_codes_are_told_once_and_kept_as_hashes(
    admin: httpx.AsyncClient, services: Services, locked: str
) -> None:
    made = await make(admin, 3, note=" For  friends ")
    assert len(set(made["newCodes"])) == 3
    assert (made["codes"], made["redeemed"], made["revoked"], made["note"]) == (3, 0, 0, "For friends")
    async with services.database.read() as session:
        rows = list(await session.scalars(select(LibraryCode)))
        everything = str((await session.execute(text("SELECT * FROM library_codes"))).all())
    assert {row.ends_with for row in rows} == {code[-4:] for code in made["newCodes"]}
    for code in made["newCodes"]:
        assert code not in everything
        assert code.replace("-", "") not in everything
    listed = (await admin.get(f"/api/admin/codes/{made['id']}")).json()["codes"]
    assert {(code["endsWith"], code["redeemedBy"], code["revokedAt"]) for code in listed} == {
        (code[-4:], None, None) for code in made["newCodes"]
    }


async def test_batches_are_listed_with_what_became_of_them(
    admin: httpx.AsyncClient, player: httpx.AsyncClient, services: Services, locked: str
) -> None:
    await add_game(services, "another")
    first = await make(admin, 3)
    second = await make(admin, gameSlug="another")
    await redeem(player, first["newCodes"][0])
    [unused, *_] = [code for code in await codes(admin, first["id"]) if not code["redeemedAt"]]
    assert (await admin.delete(f"/api/admin/codes/{unused['id']}")).json() == {"revoked": 1}
    batches = (await admin.get("/api/admin/codes")).json()["batches"]
    figures = [(batch["id"], batch["codes"], batch["redeemed"], batch["revoked"]) for batch in batches]
    assert figures == [(second["id"], 1, 0, 0), (first["id"], 3, 1, 1)]
    [only] = (await admin.get("/api/admin/codes", params={"gameSlug": "another"})).json()["batches"]
    assert only["gameSlug"] == "another"
    assert [bool(code["redeemedBy"]) for code in await codes(admin, first["id"])] == [True, False, False]
    assert (await admin.delete(f"/api/admin/codes/{first['id']}")).json() == {"revoked": 1}
    assert (await admin.delete(f"/api/admin/codes/{first['id']}")).json() == {"revoked": 0}
    assert (await player.get(f"/api/games/{locked}")).json()["inLibrary"], "what was redeemed stays"


async def codes(admin: httpx.AsyncClient, batch_id: str) -> list[dict[str, Any]]:
    return (await admin.get(f"/api/admin/codes/{batch_id}")).json()["codes"]


NO_BATCHES: list[dict[str, Any]] = [
    {"count": 0},
    {"count": 1001},
    {"count": "many"},
    {"gameSlug": "Bad Slug"},
    {"note": "x" * 101},
    {"note": "a\nb"},
    {"note": "\u202ex"},
    {"expiresAt": "2020-01-01T00:00:00Z"},
    {"expiresAt": "2030-01-01T00:00:00"},
    {"expiresAt": "0001-01-01T00:00:00+14:00"},
    {"expiresAt": "soon"},
]


async def test_a_batch_that_cannot_be_is_refused(admin: httpx.AsyncClient, locked: str) -> None:
    for change in NO_BATCHES:
        answer = await admin.post("/api/admin/codes", json={"gameSlug": locked, "count": 1, **change})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (change, answer.text)
    assert (await admin.get("/api/admin/codes")).json() == {"batches": []}


async def test_what_is_not_there_says_so_and_players_make_nothing(
    admin: httpx.AsyncClient, player: httpx.AsyncClient, client: httpx.AsyncClient, locked: str
) -> None:
    ways: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/api/admin/codes", {"gameSlug": "nowhere", "count": 1}),
        ("GET", "/api/admin/codes?gameSlug=nowhere", None),
        ("GET", "/api/admin/codes/batnothing", None),
        ("DELETE", "/api/admin/codes/batnothing", None),
        ("PATCH", "/api/admin/games/nowhere/access", {"needsCode": True}),
    ]
    for method, path, body in ways:
        for browser, expected in (
            (admin, (404, "not_found")),
            (player, (403, "forbidden")),
            (client, (401, "unauthorized")),
        ):
            answer = await browser.request(method, path, json=body)
            assert (answer.status_code, answer.json()["error"]) == expected, (method, path, answer.text)
    assert (await redeem(client, "ABCD-EFGH-JKMN-PQRS")).status_code == 401


async def test_a_game_is_opened_and_closed_again_and_who_redeemed_keeps_it(
    admin: httpx.AsyncClient,
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    host: ScriptedHost,
    locked: str,
) -> None:
    await redeem(player, (await make(admin))["newCodes"][0])
    for needs_code in (False, True):
        answer = await admin.patch(f"/api/admin/games/{locked}/access", json={"needsCode": needs_code})
        assert answer.json() == {"gameSlug": locked, "needsCode": needs_code}
        details = (await other_player.get(f"/api/games/{locked}")).json()
        assert (details["needsCode"], details["inLibrary"]) == (needs_code, not needs_code)
    assert (await player.get(f"/api/games/{locked}")).json()["inLibrary"]
    assert (await launch(other_player)).status_code == 403


async def test_saves_stay_reachable_when_a_game_is_closed(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    order = await start(player, host)
    await saved(host, order, b"mine")
    await finish(player, host, order)
    await services.library.set_access(game, needs_code=True)
    [slot] = (await player.get("/api/saves", params={"gameSlug": game})).json()["saves"]
    assert (await player.get(f"/api/saves/{slot['id']}/download")).content == b"mine"
    assert (await launch(player)).status_code == 403


async def test_adding_a_game_again_leaves_its_access_unless_the_file_says_it(services: Services, locked: str) -> None:
    await add_game(services, locked, version="2.0")
    async with services.database.read() as session:
        game, _ = await services.catalog.launchable(session, locked)
    assert game.needs_code


async def by_form(player: httpx.AsyncClient, code: str, token: str | None = None) -> str:
    """Where the page's plain form leads."""
    if token is None:
        page = await player.get("/redeem")
        [token, *_] = re.findall(r'name="csrfToken" value="([0-9a-f]+)"', page.text)
    answer = await player.post("/redeem", data={"code": code, "csrfToken": token})
    assert answer.status_code == 302
    return answer.headers["location"]


async def test_a_plain_form_redeems_a_code_and_says_what_became_of_it(
    admin: httpx.AsyncClient, player: httpx.AsyncClient, other_player: httpx.AsyncClient, locked: str
) -> None:
    [code] = (await make(admin))["newCodes"]
    assert await by_form(player, code, token="") == "/redeem?error=MissingCSRF"
    assert not (await player.get(f"/api/games/{locked}")).json()["inLibrary"]

    assert await by_form(player, code) == f"/redeem?redeemed={locked}"
    assert "The Question</bdi></a> is in your library" in (await player.get(f"/redeem?redeemed={locked}")).text
    assert (await player.get(f"/api/games/{locked}")).json()["inLibrary"]
    for wrong in (code, "ABCD-EFGH", "", "\0", "x" * 5000):
        assert await by_form(other_player, wrong) == "/redeem?error=CodeInvalid"
    assert "is in your library" not in (await other_player.get(f"/redeem?redeemed={locked}")).text
    for failure, words in (("CodeInvalid", "This code does not work"), ("<b>", "That did not work")):
        page = (await other_player.get("/redeem", params={"error": failure})).text
        assert words in page
        assert "<b>" not in page


async def test_a_plain_form_counts_tries_and_asks_strangers_to_sign_in(
    client: httpx.AsyncClient, player: httpx.AsyncClient
) -> None:
    for _ in range(CODES_OF_ACCOUNT.tries):
        assert await by_form(player, "wrong") == "/redeem?error=CodeInvalid"
    assert await by_form(player, "wrong") == "/redeem?error=RateLimited"
    assert "Too many tries" in (await player.get("/redeem?error=RateLimited")).text
    for answer in (await client.get("/redeem"), await client.post("/redeem", data={"code": "x"})):
        assert (answer.status_code, answer.headers["location"]) == (302, "/signin?callbackUrl=/redeem")


async def test_popular_is_what_most_people_played_lately(
    admin: httpx.AsyncClient, signed_in: SignedIn, host: ScriptedHost, services: Services
) -> None:
    for slug in ("a", "b", "c"):
        await add_game(services, slug)
    people = [await signed_in(f"p{number}@example.org") for number in range(3)]
    for person, slug in ((0, "c"), (0, "c"), (0, "c"), (1, "b"), (2, "b"), (1, "a"), (2, "a"), (0, "a")):
        order = await start(people[person], host, gameSlug=slug)
        await finish(people[person], host, order)
    never_ran = await people[2].post("/api/game/launch", json={"gameSlug": "c"})
    assert never_ran.status_code == 202
    await services.catalog_upkeep.round()
    assert await popular(admin) == ["a", "b", "c"]
    assert await popular(admin, order="asc") == ["c", "b", "a"]
    async with services.database.write() as session:
        games = {game.slug: game.id for game, _ in await services.catalog.list_builds()}
        for row in await session.scalars(select(Session).where(Session.game_id == games["a"])):
            row.created_at -= timedelta(days=31)
    await services.catalog_upkeep.round()
    assert await popular(admin) == ["b", "c", "a"], "what was long ago no longer counts"


async def popular(client: httpx.AsyncClient, **more: str) -> list[str]:
    answer = await client.get("/api/games", params={"sort": "popular", **more})
    return [game["slug"] for game in answer.json()["games"]]
