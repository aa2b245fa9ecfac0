"""The catalogue as the page on games has it: a list in pages, searched, tagged and sorted, and one game's details."""

import math

from tests.compatibility.asking import (
    Answer,
    Differs,
    Shape,
    expect,
    expect_shape,
    is_address,
    is_day,
    is_flag,
    is_id,
    is_text,
    is_texts,
    is_whole,
)
from tests.compatibility.checks import Part, World
from tests.compatibility.people import signed_in

PART = Part("Games")

GAME: Shape = {
    "id": is_id,
    "slug": is_text,
    "title": is_text,
    "developer": is_text,
    "description": is_text,
    "tags": is_texts,
    "thumbnail": is_address,
    "releaseDate": is_day,
}
PAGINATION: Shape = {"page": is_whole, "limit": is_whole, "total": is_whole, "totalPages": is_whole}


@PART.check("GET /api/games", "`games`, each with the nine documented fields")
async def the_list(world: World) -> None:
    async with signed_in(world) as person:
        answer = await person.get("/api/games")
        answer.ok({})
        expect(bool(answer.rows("games")), "there is no game")
        for each in answer.rows("games"):
            if isinstance(each, dict) and each.get("slug") == world.game:
                expect_shape(each, {**GAME, "isFavorite": is_flag}, f"`{world.game}` in the list")
                return
        raise Differs(f"{world.game} is not in the list")


@PART.check("GET /api/games", "`pagination` with `page` 1 and `limit` 20, where nothing else was asked for")
async def the_first_page(world: World) -> None:
    async with signed_in(world) as person:
        answer = await person.get("/api/games")
        expect_shape(answer.at("pagination"), PAGINATION, "`pagination`")
        expect(answer.number("pagination", "page") == 1, "`page` is not 1")
        expect(answer.number("pagination", "limit") == 20, "`limit` is not 20")


@PART.check("GET /api/games", "`page` and `limit` up to 50; `totalPages` is `total` in pages, rounded up")
async def pages(world: World) -> None:
    async with signed_in(world) as person:
        seen: list[str] = []
        total = (await person.get("/api/games", limit="50")).ok({}).number("pagination", "total")
        for page in range(1, int(total) + 1):
            answer = await person.get("/api/games", page=str(page), limit="1")
            expect(answer.number("pagination", "totalPages") == math.ceil(total), "`totalPages` does not fit `total`")
            seen += _slugs(answer)
        expect(len(set(seen)) == total, f"{total} games, and page by page {len(set(seen))}")
        answer = await person.get("/api/games", limit="2")
        expect(answer.number("pagination", "totalPages") == math.ceil(total / 2), "`totalPages` is not rounded up")


@PART.check("GET /api/games", "400 `invalid_request` for a `page`, `limit`, `sort` or `order` that is none")
async def out_of_range(world: World) -> None:
    async with signed_in(world) as person:
        for name, value in (
            ("page", "0"),
            ("page", "-1"),
            ("page", "first"),
            ("limit", "0"),
            ("limit", "51"),
            ("limit", "many"),
            ("sort", "price"),
            ("order", "sideways"),
        ):
            (await person.get("/api/games", **{name: value})).refused(400, "invalid_request")


@PART.check("GET /api/games", "`search` finds by title and by developer")
async def searching(world: World) -> None:
    async with signed_in(world) as person:
        for words in (world.game_title, world.game_developer):
            expect(
                world.game in _slugs(await person.get("/api/games", search=words)), f"{words!r} does not find the game"
            )
        answer = await person.get("/api/games", search="xyzzy no such game")
        expect(answer.rows("games") == [], "what nobody made is found")
        expect(answer.number("pagination", "total") == 0, "`total` counts what is not found")


@PART.check("GET /api/games", "`tag` keeps the games that have it")
async def tags(world: World) -> None:
    async with signed_in(world) as person:
        answer = await person.get("/api/games", tag=world.game_tag)
        expect(world.game in _slugs(answer), "the game is not under its tag")
        for index in range(len(answer.rows("games"))):
            expect(world.game_tag in answer.rows("games", index, "tags"), "a game without the tag is there")
        expect(_slugs(await person.get("/api/games", tag="no such tag")) == [], "a tag that nobody has finds games")


@PART.check(
    "GET /api/games",
    "`sort` by `title`, `createdAt` or `popular`, `order` `asc` or `desc`; by title, ascending, unasked",
)
async def sorting(world: World) -> None:
    async with signed_in(world) as person:
        for sort in ("title", "createdAt", "popular"):
            upwards = await person.get("/api/games", sort=sort, order="asc", limit="50")
            downwards = await person.get("/api/games", sort=sort, order="desc", limit="50")
            expect(sorted(_slugs(upwards)) == sorted(_slugs(downwards)), f"`{sort}` loses games")
            if sort != "popular":
                expect(_slugs(upwards) == _slugs(downwards)[::-1], f"`desc` by `{sort}` is not `asc` turned round")
        unasked = await person.get("/api/games", limit="50")
        by_title = await person.get("/api/games", sort="title", order="asc", limit="50")
        expect(_slugs(unasked) == _slugs(by_title), "unasked, the order is another one")
        titles = [unasked.word("games", index, "title").casefold() for index in range(len(unasked.rows("games")))]
        expect(titles == sorted(titles), f"by title the list is {titles}")


@PART.check("GET /api/games/{slug}", "the documented fields, with `screenshots`, `contentRating` and languages")
async def details(world: World) -> None:
    async with signed_in(world) as person:
        answer = await person.get(f"/api/games/{world.game}")
        answer.ok({**GAME, "screenshots": is_texts, "contentRating": is_text})
        body = answer.body()
        expect(
            isinstance(body, dict) and any(str(name).startswith("lang") for name in body), "no field begins with `lang`"
        )


@PART.check("GET /api/games/{slug}", "404 `not_found`, and the text quotes the slug")
async def unknown_game(world: World) -> None:
    async with signed_in(world) as person:
        (await person.get("/api/games/no-such-game")).refused(404, "not_found", naming="no-such-game")


def _slugs(answer: Answer) -> list[str]:
    answer.ok({})
    return [answer.word("games", index, "slug") for index in range(len(answer.rows("games")))]
