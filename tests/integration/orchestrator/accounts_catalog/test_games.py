"""The catalogue over HTTP, field by field as the public API documents it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.accounts.account import Account, Role
from orchestrator.catalog.definition import BuildDefinition, GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Game
from orchestrator.catalog.service import Catalog
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.catalog.views import Wanted
from orchestrator.catalog.word_index import Vocabulary
from orchestrator.database import Prepared
from orchestrator.database.prepared import Values
from orchestrator.errors import NotFound
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings

SignedIn = Callable[..., Awaitable[httpx.AsyncClient]]

IMAGE = EngineImage("sha256:aa", 1000)
NOBODY = Account("clxnobody", "nobody@example.org", "Nobody", None, Role.PLAYER)


def definition(slug: str = "the-question", title: str = "The Question", **fields: object) -> GameDefinition:
    known: dict[str, object] = {
        "slug": slug,
        "title": title,
        "developer": "Ren'Py Team",
        "description": "Short.",
        "tags": ["Romance", "Mystery"],
        "thumbnail": "/static/games/the-question.png",
        "release_date": "2015-01-01",
        "content_rating": "Teen",
        "languages": ["en"],
        "screenshots": ["/static/games/1.png"],
        "build": {"version": "1.0", "image": f"playhouse/{slug}:1.0"},
    }
    return GameDefinition.model_validate(known | fields)


def with_build(**fields: object) -> GameDefinition:
    known: dict[str, object] = {"version": "1.0", "image": "playhouse/the-question:1.0"}
    return definition(build=BuildDefinition.model_validate(known | fields))


@pytest.fixture
async def catalogue(services: Services) -> None:
    for slug, title, developer, tags in (
        ("zebra", "zebra crossing", "Stripes", ["Puzzle"]),
        ("alpha", "Alpha", "Ünïcode Games", ["Romance"]),
        ("beta", "Beta 100%", "Stripes", ["Romance", "Puzzle"]),
    ):
        await services.catalog.add_game(definition(slug, title, developer=developer, tags=tags), IMAGE)


async def slugs(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    answer = await client.get("/api/games", params=query)
    assert answer.status_code == 200, answer.text
    return [game["slug"] for game in answer.json()["games"]]


async def test_a_list_has_the_documented_fields(signed_in: SignedIn, services: Services) -> None:
    await services.catalog.add_game(definition(), IMAGE)
    answer = await (await signed_in()).get("/api/games")
    body = answer.json()
    assert body["games"][0].pop("id").startswith("clx")
    assert body == {
        "games": [
            {
                "slug": "the-question",
                "title": "The Question",
                "developer": "Ren'Py Team",
                "description": "Short.",
                "tags": ["Romance", "Mystery"],
                "thumbnail": "/static/games/the-question.png",
                "releaseDate": "2015-01-01",
                "isFavorite": False,
                "inLibrary": True,
            }
        ],
        "pagination": {"page": 1, "limit": 20, "total": 1, "totalPages": 1},
    }


async def test_details_have_the_documented_fields(signed_in: SignedIn, services: Services) -> None:
    await services.catalog.add_game(definition(), IMAGE)
    body = (await (await signed_in()).get("/api/games/the-question")).json()
    assert body.keys() == {
        *("id", "slug", "title", "developer", "description", "tags", "thumbnail", "screenshots", "releaseDate"),
        *("contentRating", "languages", "isFavorite", "createdAt", "inLibrary", "needsCode"),
    }
    assert body["screenshots"] == ["/static/games/1.png"]
    assert body["contentRating"] == "Teen"
    assert body["createdAt"].endswith("Z")
    assert "." not in body["createdAt"]


@pytest.mark.usefixtures("catalogue")
async def test_pages_hold_every_game_once(signed_in: SignedIn) -> None:
    client = await signed_in()
    assert await slugs(client) == ["alpha", "beta", "zebra"]
    assert await slugs(client, limit=2) + await slugs(client, limit=2, page=2) == ["alpha", "beta", "zebra"]
    beyond = (await client.get("/api/games", params={"limit": 2, "page": 3})).json()
    assert beyond == {"games": [], "pagination": {"page": 3, "limit": 2, "total": 3, "totalPages": 2}}


@pytest.mark.usefixtures("catalogue")
async def test_the_order_is_the_one_asked_for(signed_in: SignedIn) -> None:
    client = await signed_in()
    assert await slugs(client, order="desc") == ["zebra", "beta", "alpha"]
    assert sorted(await slugs(client, sort="createdAt")) == ["alpha", "beta", "zebra"]


SEARCHES: list[tuple[dict[str, str], list[str]]] = [
    ({"search": "ALPH"}, ["alpha"]),
    ({"search": "ÜNÏCODE"}, ["alpha"]),
    ({"search": "stripes"}, ["beta", "zebra"]),
    ({"search": "unicode"}, ["alpha"]),
    ({"search": "U\u0308nicode"}, ["alpha"]),
    ({"search": "cross strip"}, ["zebra"]),
    ({"search": "rossing"}, []),
    ({"search": "crossing alpha"}, []),
    ({"search": "roman"}, ["alpha", "beta"]),
    ({"search": "short"}, ["alpha", "beta", "zebra"]),
    ({"search": "sh"}, []),
    ({"search": "z"}, ["zebra"]),
    ({"search": "%"}, []),
    ({"search": "_"}, []),
    ({"search": "100%"}, ["beta"]),
    ({"search": "'; DROP TABLE games; --"}, []),
    ({"search": "<script>alert(1)</script>"}, []),
    ({"search": "\u202ealpha"}, ["alpha"]),
    ({"search": "😀"}, []),
    ({"search": "\U0010ffff"}, []),
    ({"search": "a " * 100}, ["alpha"]),
    ({"tag": "Romance"}, ["alpha", "beta"]),
    ({"tag": "Roman"}, []),
    ({"tag": "Puzzle", "search": "zebra"}, ["zebra"]),
    ({"search": "", "tag": ""}, ["alpha", "beta", "zebra"]),
]


@pytest.mark.usefixtures("catalogue")
async def test_a_search_finds_beginnings_of_words_and_a_tag_exactly(signed_in: SignedIn) -> None:
    client = await signed_in()
    for query, found in SEARCHES:
        assert await slugs(client, **query) == found, query


async def test_the_best_match_comes_first_where_that_is_asked(signed_in: SignedIn, services: Services) -> None:
    for slug, title, developer, tags, description in (
        ("a", "Anything", "Somebody", ["Drama"], "A moon rises."),
        ("b", "Because", "Moonbeam", ["Drama"], "Nothing."),
        ("c", "Certain", "Somebody", ["Moonlit"], "Nothing."),
        ("d", "Dark Moon", "Somebody", ["Drama"], "Nothing."),
    ):
        fields = definition(slug, title, developer=developer, tags=tags, description=description)
        await services.catalog.add_game(fields, IMAGE)
    client = await signed_in()
    assert await slugs(client, search="moon") == ["a", "b", "c", "d"]
    assert await slugs(client, search="moon", sort="relevance") == ["d", "b", "c", "a"]
    assert await slugs(client, search="moon", sort="relevance", limit=2, page=2) == ["c", "a"]
    assert await slugs(client, search="moon drama", sort="relevance") == ["d", "b", "a"]
    assert await slugs(client, sort="relevance") == ["a", "b", "c", "d"]


async def test_a_change_shows_in_every_replicas_next_answer(settings: Settings) -> None:
    async with open_services(settings) as one, open_services(settings) as other:
        reader = other.catalog
        await one.catalog.add_game(definition(), IMAGE)
        assert await titles(reader) == ["The Question"]
        await one.catalog.add_game(definition("alpha", "Alpha"), IMAGE)
        assert await titles(reader) == ["Alpha", "The Question"]
        await one.catalog.add_game(definition("alpha", "Omega", tags=["Cosy"]), IMAGE)
        assert await titles(reader) == ["Omega", "The Question"]
        assert await titles(reader, search="alpha") == []
        assert await titles(reader, search="omega", tag="Cosy") == ["Omega"]
        assert await reader.list_tags() == [("Cosy", 1), ("Mystery", 1), ("Romance", 1)]
        await one.library.set_access("alpha", needs_code=True)
        assert not (await reader.get_game("alpha", NOBODY)).in_library
        async with one.database.write() as session:
            game = (await session.scalars(select(Game).where(Game.slug == "alpha"))).one()
            game.current_build_id = None
            await mark_changed(one.database, session, [game.id])
        assert await titles(reader) == ["The Question"]
        with pytest.raises(NotFound):
            await reader.get_game("alpha", NOBODY)


async def test_changes_at_the_same_time_are_all_seen(settings: Settings) -> None:
    async with open_services(settings) as one, open_services(settings) as other:
        writers = [one.catalog, other.catalog] * 10
        changes = [
            writer.add_game(definition(f"game-{number}", f"Game {number:02}"), IMAGE)
            for number, writer in enumerate(writers)
        ]
        looks = [titles(other.catalog) for _ in range(10)]
        await asyncio.gather(*changes, *looks)
        assert await titles(one.catalog) == await titles(other.catalog) == [f"Game {number:02}" for number in range(20)]


async def test_what_rolls_back_is_never_shown(settings: Settings) -> None:
    async with open_services(settings) as services:
        await services.catalog.add_game(definition(), IMAGE)
        assert await titles(services.catalog) == ["The Question"]
        async with services.database.write() as session:
            game = (await session.scalars(select(Game))).one()
            game.title = "The Answer"
            await mark_changed(services.database, session, [game.id])
            await session.rollback()
        assert await titles(services.catalog) == ["The Question"]


async def test_a_list_is_two_statements_and_a_third_for_my_games(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_services(settings) as services:
        await services.catalog.add_game(definition(), IMAGE)
        await titles(services.catalog)
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        alone = Prepared.alone

        async def note_alone(query: Prepared, connection: AsyncConnection, values: Values) -> Sequence[Any]:
            statements.append("SELECT by the driver")
            return await alone(query, connection, values)

        monkeypatch.setattr(Prepared, "alone", note_alone)
        event.listen(services.database.engine.sync_engine, "before_cursor_execute", note)
        await titles(services.catalog, search="question", tag="Romance", sort="popular")
        assert len([each for each in statements if each.startswith("SELECT")]) == 2, statements
        statements.clear()
        await titles(services.catalog, is_mine=True)
        assert len([each for each in statements if each.startswith("SELECT")]) <= 3, statements


async def titles(catalog: Catalog, **wanted: Any) -> list[str]:
    page = await catalog.list_games(NOBODY, Wanted(limit=50, **wanted))
    return [listed.game.title for listed in page.games]


@pytest.mark.usefixtures("catalogue")
async def test_my_games_are_what_i_liked(signed_in: SignedIn) -> None:
    client = await signed_in()
    assert await slugs(client, mine="true") == []
    await client.put("/api/games/zebra/favorite")
    assert await slugs(client, mine="true") == ["zebra"]
    assert await slugs(client, mine="true", search="alpha") == []
    assert await slugs(await signed_in("eve@example.org"), mine="true") == []


OUT_OF_RANGE = [
    *(("page", value) for value in ("0", "-1", "x", "1.5", "99999999999999999999")),
    *(("limit", value) for value in ("0", "51", "x")),
    *(("sort", value) for value in ("price", "")),
    ("order", "up"),
    ("search", "x" * 201),
    ("search", "\0"),
    ("mine", "perhaps"),
    ("tag", "\0"),
]


async def test_a_value_out_of_range_is_named(signed_in: SignedIn) -> None:
    client = await signed_in()
    for field, value in OUT_OF_RANGE:
        answer = await client.get("/api/games", params={field: value})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (field, value)
        assert answer.json()["message"].startswith(f"{field}: "), value


async def test_a_slug_that_cannot_be_is_400_and_one_that_is_not_is_404(signed_in: SignedIn) -> None:
    client = await signed_in()
    for slug in ("Bad_Slug", "-a", "a--b", "a" * 101):
        answer = await client.get(f"/api/games/{slug}")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = await client.get("/api/games/unknown")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "unknown" in answer.json()["message"]


async def test_who_is_not_signed_in_learns_nothing_else(client: httpx.AsyncClient) -> None:
    for path in ("/api/games", "/api/games?limit=x", "/api/games/Bad_Slug", "/api/games/tags"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized"), path


@pytest.mark.usefixtures("catalogue")
async def test_a_favorite_is_ones_own(signed_in: SignedIn) -> None:
    ada, eve = await signed_in("ada@example.org"), await signed_in("eve@example.org")
    for _ in "12":
        answer = await ada.put("/api/games/alpha/favorite")
        assert (answer.status_code, answer.json()) == (200, {"slug": "alpha", "isFavorite": True})
    assert (await ada.get("/api/games/alpha")).json()["isFavorite"]
    assert not (await eve.get("/api/games/alpha")).json()["isFavorite"]
    for _ in "12":
        answer = await ada.delete("/api/games/alpha/favorite")
        assert (answer.status_code, answer.json()) == (200, {"slug": "alpha", "isFavorite": False})
    assert not (await ada.get("/api/games/alpha")).json()["isFavorite"]
    assert (await ada.put("/api/games/unknown/favorite")).status_code == 404


@pytest.mark.usefixtures("catalogue")
async def test_tags_are_counted(signed_in: SignedIn) -> None:
    answer = await (await signed_in()).get("/api/games/tags")
    assert answer.json() == {"tags": [{"tag": "Puzzle", "games": 2}, {"tag": "Romance", "games": 2}]}


async def test_the_same_definition_makes_no_second_build(services: Services) -> None:
    first = await services.catalog.add_game(definition(), IMAGE)
    second = await services.catalog.add_game(definition(), IMAGE)
    assert first.is_new
    assert not second.is_new
    assert first.build_id == second.build_id


@pytest.mark.parametrize(
    ("changed", "image"),
    [
        (with_build(), EngineImage("sha256:bb", 1000)),
        (with_build(version="1.1"), IMAGE),
        (with_build(limits={"memory_bytes": 2**30 * 2}), IMAGE),
    ],
)
async def test_whatever_differs_makes_a_new_build_and_going_back_finds_the_old(
    services: Services, changed: GameDefinition, image: EngineImage
) -> None:
    first = await services.catalog.add_game(with_build(), IMAGE)
    second = await services.catalog.add_game(changed, image)
    assert second.is_new
    async with services.database.read() as session:
        game, build = await services.catalog.launchable(session, "the-question")
    assert game.current_build_id == build.id == second.build_id
    assert build.build_spec.build_id == build.id
    assert build.build_spec.image_id == image.image_id
    assert (await services.catalog.add_game(with_build(), IMAGE)).build_id == first.build_id


async def test_what_describes_a_title_is_brought_up_to_date(signed_in: SignedIn, services: Services) -> None:
    await services.catalog.add_game(definition(), IMAGE)
    renamed = definition(title="The Answer", tags=["Mystery", "Drama"])
    assert not (await services.catalog.add_game(renamed, IMAGE)).is_new
    client = await signed_in()
    assert await slugs(client, search="answer") == ["the-question"]
    assert (await client.get("/api/games/the-question")).json()["tags"] == ["Mystery", "Drama"]


async def test_an_unknown_game_cannot_be_launched(services: Services) -> None:
    async with services.database.read() as session:
        with pytest.raises(NotFound, match="'unknown'"):
            await services.catalog.launchable(session, "unknown")


async def test_words_that_no_game_has_any_more_are_forgotten(
    signed_in: SignedIn, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Vocabulary] = []

    class Counted(Vocabulary):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("orchestrator.catalog.snapshot.Vocabulary", Counted)
    monkeypatch.setattr("orchestrator.catalog.snapshot._SPARE_WORDS", 5)
    client = await signed_in()
    await services.catalog.add_game(definition("beta", "Beta"), IMAGE)
    for number in range(30):
        await services.catalog.add_game(definition(title=f"Word{number}"), IMAGE)
        assert await slugs(client, search=f"word{number}") == ["the-question"]
        assert await slugs(client, search=f"word{number - 1}") == []
        assert await slugs(client, search="beta") == ["beta"]
    assert 1 <= len(made) <= 6
    assert len(made[-1]) < 30
