"""`/api/partners/games` as the public pages document it, and what they leave open."""

import itertools
import json
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from orchestrator.publishers.models import Upload
from orchestrator.services import Services
from tests.conftest import SignedIn, only_on
from tests.integration.orchestrator.conftest import HostMaker, add_game
from tests.integration.orchestrator.publishers.conftest import FORM, GAMES, GARDEN, NewPublisher

HOSTILE = '<script>alert(1)</script> & "quoted" \u202etfel ot thgir\u202c \u05d0\u05d1\u05d2 \U0001f3ae\U00020000'


async def test_a_new_game_waits_for_its_archive(publisher: httpx.AsyncClient) -> None:
    answer = await publisher.post(GAMES, json=FORM)
    assert answer.status_code == 201
    created = answer.json()
    assert created == {"id": created["id"], "slug": FORM["slug"], "status": "pending_upload"}

    listed = (await publisher.get(GAMES)).json()
    assert listed["total"] == 1
    [entry] = listed["games"]
    assert entry.keys() == {"id", "slug", "title", "developer", "tags", "status", "createdAt", "updatedAt"}
    assert (entry["id"], entry["title"], entry["tags"]) == (created["id"], FORM["title"], FORM["tags"])

    details = (await publisher.get(GARDEN)).json()
    documented = {name: FORM[name] for name in FORM}
    documented |= {"id": created["id"], "thumbnail": None, "status": "pending_upload"}
    documented["cacheStatus"] = {"servers": 0, "cached": 0}
    assert {name: details[name] for name in documented} == documented


@only_on("postgresql")
async def test_games_are_in_the_order_of_their_titles_whatever_order_the_database_has(
    services: Services, publisher: httpx.AsyncClient
) -> None:
    async with services.database.write() as session:
        await session.execute(text('ALTER TABLE games ALTER COLUMN search_text TYPE varchar(1000) COLLATE "und-x-icu"'))
    for slug, title in (("a", "Ärger"), ("b", "Zebra"), ("c", "apple")):
        assert (await publisher.post(GAMES, json=FORM | {"slug": slug, "title": title})).status_code == 201
    listed = (await publisher.get(GAMES)).json()["games"]
    assert [game["title"] for game in listed] == ["apple", "Zebra", "Ärger"]


async def test_nobody_plays_or_lists_what_waits_for_its_archive(
    publisher: httpx.AsyncClient, signed_in: SignedIn
) -> None:
    await publisher.post(GAMES, json=FORM)
    player = await signed_in()
    assert (await player.get("/api/games")).json()["games"] == []
    assert (await player.get(f"/api/games/{FORM['slug']}")).status_code == 404
    assert (await player.post("/api/game/launch", json={"gameSlug": FORM["slug"]})).status_code == 404


async def test_a_patch_changes_what_it_says_and_nothing_else(publisher: httpx.AsyncClient, garden: str) -> None:
    before = (await publisher.get(garden)).json()
    answer = await publisher.patch(garden, json={"title": "Another", "tags": ["A", "B"], "thumbnail": "/a.png"})
    assert answer.status_code == 200
    after = answer.json()
    changed = {name for name in before if before[name] != after[name]}
    assert changed - {"updatedAt"} == {"title", "tags", "thumbnail"}
    assert after["tags"] == ["A", "B"]
    back = await publisher.patch(garden, json={"thumbnail": None, "launcher": "go.sh", "slug": FORM["slug"]})
    assert (back.json()["thumbnail"], back.json()["launcher"]) == (None, "go.sh")
    assert (await publisher.get(garden)).json() == back.json()
    assert (await publisher.patch(garden, json={})).status_code == 200


async def test_texts_come_back_as_they_were_given(publisher: httpx.AsyncClient, signed_in: SignedIn) -> None:
    texts = {"title": HOSTILE, "developer": HOSTILE, "description": HOSTILE * 10, "contentRating": "<b>Teen</b>"}
    assert (await publisher.post(GAMES, json={**FORM, **texts, "tags": [HOSTILE[:50]]})).status_code == 201
    details = (await publisher.get(GARDEN)).json()
    assert {name: details[name] for name in texts} == texts
    assert details["tags"] == [HOSTILE[:50]]
    longest = {"title": "\U0001f3ae" * 200, "developer": "\u05d0" * 150, "description": "\U00020000" * 5000}
    assert {**(await publisher.patch(GARDEN, json=longest)).json(), **longest} == (await publisher.get(GARDEN)).json()


UNDOCUMENTED: list[tuple[str, object]] = [
    *((name, None) for name in ("title", "slug", "developer", "description", "tags", "launcher")),
    ("title", ""),
    ("title", " \n"),
    ("title", "a" * 201),
    ("title", "a\0b"),
    ("title", "\ud800"),
    ("title", 7),
    ("slug", "Garden"),
    ("slug", "garden of"),
    ("slug", "a--b"),
    ("slug", "a" * 101),
    ("slug", "tags"),
    ("developer", "a" * 151),
    ("description", "a" * 5001),
    ("description", "\0"),
    ("tags", []),
    ("tags", [str(number) for number in range(11)]),
    ("tags", ["a", "a"]),
    ("tags", ["a\0"]),
    ("tags", "Mystery"),
    ("launcher", "bin/game.sh"),
    ("launcher", ".."),
    ("launcher", "a\nb"),
    ("renpyDir", "../other"),
    ("renpyDir", "."),
    ("savePaths", ["/etc"]),
    ("savePaths", ["a/../../b"]),
    ("savePaths", ["a\0"]),
    ("thumbnail", "javascript:alert(1)"),
    ("thumbnail", "data:text/html,x"),
    ("thumbnail", "https://a/\0"),
    ("thumbnail", 'https://a/"onerror=x'),
    ("thumbnail", "//pictures.example/a.png"),
    ("screenshots", ["file:///etc/passwd"]),
    ("screenshots", ["/a.png"] * 21),
    ("releaseDate", "yesterday"),
    ("languages", ["<b>"]),
]


async def test_what_is_not_as_documented_is_refused_and_named(publisher: httpx.AsyncClient) -> None:
    for field, value in UNDOCUMENTED:
        form = {**FORM, field: value}
        if value is None:
            del form[field]
        answer = await publisher.post(GAMES, content=_json(form), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (field, value, answer.text)
        if value != "\ud800":
            assert field in answer.json()["message"], value
        assert (await publisher.get(GAMES)).json()["total"] == 0, (field, value)


async def test_a_change_to_what_is_not_as_documented_changes_nothing(publisher: httpx.AsyncClient) -> None:
    assert (await publisher.post(GAMES, json=FORM)).status_code == 201
    before = (await publisher.get(GARDEN)).json()
    for field, value in UNDOCUMENTED:
        changed = _json({field: value})
        patched = await publisher.patch(GARDEN, content=changed, headers={"Content-Type": "application/json"})
        assert patched.status_code == 400, (field, value, patched.text)
        assert (await publisher.get(GARDEN)).json() == before, (field, value)


async def test_a_game_says_where_its_saves_lie(publisher: httpx.AsyncClient) -> None:
    form = {name: value for name, value in FORM.items() if name != "renpyDir"}
    refused = await publisher.post(GAMES, json=form)
    assert (refused.status_code, "renpyDir" in refused.json()["message"]) == (400, True)
    assert (await publisher.post(GAMES, json={**form, "savePaths": [".local/share/garden"]})).status_code == 201
    assert (await publisher.patch(GARDEN, json={"savePaths": []})).status_code == 400
    assert (await publisher.get(GARDEN)).json()["savePaths"] == [".local/share/garden"]


async def test_a_slug_belongs_to_one_game_everywhere(
    publisher: httpx.AsyncClient, garden: str, new_publisher: NewPublisher, services: Services
) -> None:
    await add_game(services, "the-question")
    for client, slug in (
        (publisher, FORM["slug"]),
        (await new_publisher("Yu"), FORM["slug"]),
        (publisher, "the-question"),
    ):
        answer = await client.post(GAMES, json={**FORM, "slug": slug})
        assert (answer.status_code, answer.json()["error"]) == (409, "slug_taken")
    moved = await publisher.patch(garden, json={"slug": "another"})
    assert (moved.status_code, "slug" in moved.json()["message"]) == (400, True)


async def test_anothers_game_is_forbidden_and_none_is_not_found(
    garden: str, new_publisher: NewPublisher, services: Services
) -> None:
    other = await new_publisher("Yu Tsun")
    await add_game(services, "the-question")
    for path, status, code in (
        (garden, 403, "forbidden"),
        (f"{GAMES}/the-question", 403, "forbidden"),
        (f"{GAMES}/nothing", 404, "not_found"),
    ):
        for answer in (await other.get(path), await other.patch(path, json={"title": "Mine"})):
            assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert (await other.get(GAMES)).json() == {"games": [], "total": 0}


async def test_without_a_key_nothing_is_said(client: httpx.AsyncClient, garden: str, signed_in: SignedIn) -> None:
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", GAMES, {}),
        ("POST", GAMES, {"json": {}}),
        ("GET", garden, {}),
        ("PATCH", garden, {"json": {}}),
        ("GET", f"{GAMES}/nothing", {}),
        ("GET", "/api/partners/keys", {}),
    ]
    player = await signed_in()
    for headers in ({}, {"Authorization": "Bearer ppk_wrong"}, {"Authorization": "Basic eDp5"}):
        for asking in (client, player):
            for method, path, more in asked:
                answer = await asking.request(method, path, headers=headers, **more)
                assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized"), (method, path)


async def test_a_suspended_game_can_be_played_by_nobody(
    publisher: httpx.AsyncClient, garden: str, signed_in: SignedIn, admin: httpx.AsyncClient
) -> None:
    path = f"/api/admin/games/{FORM['slug']}/suspension"
    assert (await admin.put(path, json={"reason": "A complaint."})).json()["status"] == "suspended"
    details = (await publisher.get(garden)).json()
    assert (details["status"], details["reason"]) == ("suspended", "A complaint.")
    assert (await admin.delete(path)).json()["status"] == "pending_upload"
    assert (await (await signed_in()).put(path, json={"reason": "x"})).status_code == 403
    assert (await admin.put("/api/admin/games/nothing/suspension", json={"reason": "x"})).status_code == 404


@pytest.fixture
def loaded_uploads() -> Generator[list[str]]:
    """The ids of all uploads that were read from the database."""
    ids: list[str] = []

    def note(upload: Upload, _: object) -> None:
        ids.append(upload.id)

    event.listen(Upload, "load", note)
    yield ids
    event.remove(Upload, "load", note)


async def test_of_many_uploads_the_newest_alone_is_read(
    publisher: httpx.AsyncClient, garden: str, services: Services, loaded_uploads: list[str]
) -> None:
    other = await publisher.post(GAMES, json={**FORM, "slug": "other", "title": "Another"})
    unsent = await publisher.post(GAMES, json={**FORM, "slug": "unsent", "title": "Unsent"})
    assert unsent.status_code == 201
    game_ids = [(await publisher.get(garden)).json()["id"], other.json()["id"]]
    async with services.database.write() as writing:
        now = await services.database.now(writing)
        for game_id, number in itertools.product(game_ids, range(20)):
            moment = now + timedelta(seconds=min(number, 18))  # the newest two at the same instant
            upload = Upload(
                id=f"upl{game_id}-{number:02}",
                game_id=game_id,
                state="rejected" if number < 19 else "processing",
                version=str(number),
                spool="elsewhere",
                busy_until=now + timedelta(hours=1),
                reasons=[],
                created_at=moment,
                changed_at=moment,
            )
            writing.add(upload)
    loaded_uploads.clear()
    listed = (await publisher.get(GAMES)).json()["games"]
    newest = [f"upl{game_id}-19" for game_id in game_ids]
    assert sorted(loaded_uploads) == sorted(newest)
    assert sorted(game["status"] for game in listed) == ["pending_upload", "processing", "processing"]
    loaded_uploads.clear()
    assert (await publisher.get(garden)).json()["upload"]["state"] == "processing"
    assert set(loaded_uploads) == {newest[0]}


async def test_servers_are_counted(publisher: httpx.AsyncClient, garden: str, make_host: HostMaker) -> None:
    await make_host(name="a")
    await make_host(name="b")
    assert (await publisher.get(garden)).json()["cacheStatus"] == {"servers": 2, "cached": 0}


def _json(body: object) -> bytes:
    return json.dumps(body).encode()
