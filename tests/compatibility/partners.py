"""What a publisher does with a key: the five addresses, the rules for every field, uploads at both addresses."""

import asyncio
import time

from tests.compatibility.asking import (
    Client,
    Differs,
    Shape,
    expect,
    expect_shape,
    is_id,
    is_text,
    is_text_or_null,
    is_texts,
    is_time_in_seconds,
    is_whole,
)
from tests.compatibility.checks import Part, World
from tests.compatibility.people import signed_in

PART = Part("Partners")

LISTED: Shape = {
    "id": is_id,
    "slug": is_text,
    "title": is_text,
    "developer": is_text,
    "tags": is_texts,
    "status": is_text,
    "createdAt": is_time_in_seconds,
    "updatedAt": is_time_in_seconds,
}
DETAILS: Shape = {
    "id": is_id,
    "slug": is_text,
    "title": is_text,
    "developer": is_text,
    "description": is_text,
    "tags": is_texts,
    "launcher": is_text,
    "renpyDir": is_text,
    "thumbnail": is_text_or_null,
    "status": is_text,
}
CREATED: Shape = {"id": is_id, "slug": is_text, "status": lambda status: status == "pending_upload"}
CACHE: Shape = {"servers": is_whole, "cached": is_whole}
UNKNOWN_GAME = "nothing-of-ours"
_POLL_S = 0.1


@PART.check(
    "/api/partners/*", "401 `unauthorized` without a key, with one that is none, and with a person's cookie alone"
)
async def no_key(world: World) -> None:
    async with Client(world.site) as visitor, Client(world.site, bearer="no-key-of-anybody") as stranger:
        for method, path in _addresses("any-game"):
            body = {} if method in {"POST", "PATCH"} else None
            (await visitor.ask(method, path, json_body=body)).refused(401, "unauthorized")
            (await stranger.ask(method, path, json_body=body)).refused(401, "unauthorized")
    async with signed_in(world) as person:
        (await person.get("/api/partners/games")).refused(401, "unauthorized")


@PART.check("POST /api/partners/games", "201 with `id`, `slug` and `status` `pending_upload`")
async def creating(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        answer = await partner.post("/api/partners/games", _metadata(world, "created-by-check"))
        expect(answer.ok(CREATED, status=201).word("slug") == "created-by-check", "`slug` is another one")


@PART.check("POST /api/partners/games", "`thumbnail` and `screenshots` may be sent along")
async def creating_with_pictures(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        body = _metadata(world, "with-pictures")
        body["thumbnail"] = "https://pictures.example/cover.webp"
        body["screenshots"] = ["https://pictures.example/one.png", "https://pictures.example/two.jpg"]
        (await partner.post("/api/partners/games", body)).ok(CREATED, status=201)


@PART.check("POST /api/partners/games", "400 `invalid_request` without any one of the seven fields that are needed")
async def fields_needed(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        for name in ("title", "slug", "developer", "description", "tags", "launcher", "renpyDir"):
            body = _metadata(world, "one-is-missing")
            del body[name]
            (await partner.post("/api/partners/games", body)).refused(400, "invalid_request", naming=name)


@PART.check(
    "POST /api/partners/games",
    "`title` up to 200 characters, `slug` 100, `developer` 150, `description` 5000, 1 to 10 `tags`; 400 beyond",
)
async def field_limits(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        longest = _metadata(world, "a" * 100)
        longest |= {"title": "t" * 200, "developer": "d" * 150, "description": "d" * 5000}
        longest["tags"] = [f"tag {number}" for number in range(10)]
        (await partner.post("/api/partners/games", longest)).ok(CREATED, status=201)
        for name, value in (
            ("title", "t" * 201),
            ("slug", "a" * 101),
            ("developer", "d" * 151),
            ("description", "d" * 5001),
            ("tags", []),
            ("tags", [f"tag {number}" for number in range(11)]),
            ("slug", "With Spaces"),
            ("slug", "UPPER"),
            ("title", 7),
            ("tags", "Romance"),
        ):
            body = _metadata(world, "too-much") | {name: value}
            (await partner.post("/api/partners/games", body)).refused(400, "invalid_request")


@PART.check("POST /api/partners/games", "a `slug` that the partner has already is refused")
async def slug_taken(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        (await partner.post("/api/partners/games", _metadata(world, "only-once"))).ok(CREATED, status=201)
        again = await partner.post("/api/partners/games", _metadata(world, "only-once"))
        expect(400 <= again.status < 500, f"the second one was answered with {again.status}")
        expect_shape(again.body(), {"error": is_text, "message": is_text}, "the refusal")


@PART.check("GET /api/partners/games", "`games`, each with the eight documented fields, and `total`")
async def listing(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        await partner.post("/api/partners/games", _metadata(world, "in-the-list"))
        answer = (await partner.get("/api/partners/games")).ok({"total": is_whole})
        rows = answer.rows("games")
        expect(answer.number("total") == len(rows), f"`total` is {answer.number('total')}, the games are {len(rows)}")
        for each in rows:
            expect_shape(each, LISTED, "a game in the list")
        slugs = [answer.word("games", index, "slug") for index in range(len(rows))]
        expect("in-the-list" in slugs, "the new game is not in it")
    async with Client(world.site, bearer=world.other_partner_key) as other:
        theirs = await other.get("/api/partners/games")
        expect("in-the-list" not in theirs.text, "another partner's list has it")


@PART.check(
    "GET /api/partners/games/{slug}", "the ten documented fields, and `cacheStatus` with `servers` and `cached`"
)
async def details(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        await partner.post("/api/partners/games", _metadata(world, "looked-at"))
        answer = (await partner.get("/api/partners/games/looked-at")).ok(DETAILS)
        expect_shape(answer.at("cacheStatus"), CACHE, "`cacheStatus`")
        for name, value in _metadata(world, "looked-at").items():
            expect(answer.at(name) == value, f"`{name}` is {answer.at(name)!r}, and {value!r} was sent")


@PART.check("PATCH /api/partners/games/{slug}", "changes what was sent and leaves the rest")
async def changing(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        await partner.post("/api/partners/games", _metadata(world, "changed"))
        before = await partner.get("/api/partners/games/changed")
        path = "/api/partners/games/changed"
        patched = await partner.ask("PATCH", path, json_body={"title": "Another title"})
        expect(200 <= patched.status < 300, f"{patched.asked} answered {patched.status}: {patched.text[:200]}")
        after = await partner.get(path)
        expect(after.word("title") == "Another title", "the title is the old one")
        for name in DETAILS:
            if name not in {"title", "status"}:
                expect(after.at(name) == before.at(name), f"`{name}` changed as well")
        (await partner.ask("PATCH", path, json_body={"tags": []})).refused(400, "invalid_request")


@PART.check("/api/partners/games/{slug}", "403 `forbidden` for another partner's game, 404 `not_found` for none")
async def anothers_game(world: World) -> None:
    async with (
        Client(world.site, bearer=world.partner_key) as partner,
        Client(world.site, bearer=world.other_partner_key) as other,
    ):
        await partner.post("/api/partners/games", _metadata(world, "not-yours"))
        for method, path in _addresses("not-yours")[2:]:
            await _refused(other, method, path, 403, "forbidden")
        for method, path in _addresses(UNKNOWN_GAME)[2:]:
            await _refused(partner, method, path, 404, "not_found")


@PART.check("PUT /api/partners/games/{slug}/upload", "a raw `application/gzip` body; afterwards the game is `active`")
async def uploading(world: World) -> None:
    await _uploaded(world, world.site, "/api/partners/games/{slug}/upload", "uploaded-to-us")


@PART.check("PUT {storage}/api/games/{slug}/upload", "the same at the storage address")
async def uploading_to_storage(world: World) -> None:
    await _uploaded(world, world.storage, "/api/games/{slug}/upload", "uploaded-to-storage")


@PART.check(
    "PUT /api/partners/games/{slug}/upload",
    "never `active`: two top folders, no launcher, a launcher that may not be executed, no gzip",
)
async def bad_archives(world: World) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        for slug, archive in (
            ("two-folders", world.archive_with_two_folders),
            ("no-launcher", world.archive_without_launcher),
            ("plain-launcher", world.archive_with_plain_launcher),
            ("no-gzip", b"this is not a gzip file" * 64),
        ):
            await partner.post("/api/partners/games", _metadata(world, slug))
            path = f"/api/partners/games/{slug}/upload"
            answer = await partner.ask("PUT", path, raw=archive, content_type="application/gzip")
            expect(answer.status < 500, f"{slug} was answered with {answer.status}")
            state = await _settled(world, partner, slug)
            expect(state != "active", f"{slug} is active")


def _metadata(world: World, slug: str) -> dict[str, object]:
    return {
        "title": "The Garden of Forking Paths",
        "slug": slug,
        "developer": "Our Own Studio",
        "description": "A story that branches.",
        "tags": ["Mystery"],
        "launcher": world.archive_launcher,
        "renpyDir": "GardenOfForkingPaths-1698234567",
    }


def _addresses(slug: str) -> list[tuple[str, str]]:
    return [
        ("GET", "/api/partners/games"),
        ("POST", "/api/partners/games"),
        ("GET", f"/api/partners/games/{slug}"),
        ("PATCH", f"/api/partners/games/{slug}"),
        ("PUT", f"/api/partners/games/{slug}/upload"),
    ]


async def _refused(client: Client, method: str, path: str, status: int, code: str) -> None:
    if method == "PUT":
        answer = await client.ask(method, path, raw=b"\x1f\x8b", content_type="application/gzip")
    else:
        answer = await client.ask(method, path, json_body={"title": "Mine"} if method == "PATCH" else None)
    answer.refused(status, code)


async def _uploaded(world: World, base: str, path: str, slug: str) -> None:
    async with Client(world.site, bearer=world.partner_key) as partner:
        (await partner.post("/api/partners/games", _metadata(world, slug))).ok(CREATED, status=201)
        async with Client(base, bearer=world.partner_key) as sender:
            answer = await sender.ask("PUT", path.format(slug=slug), raw=world.archive, content_type="application/gzip")
        expect(200 <= answer.status < 300, f"{answer.asked} answered {answer.status}: {answer.text[:200]}")
        state = await _settled(world, partner, slug)
        expect(state == "active", f"after the upload the game is {state}")


async def _settled(world: World, partner: Client, slug: str) -> str:
    """The game's status as soon as it is no longer being worked on."""
    deadline = time.monotonic() + world.patience_s
    while time.monotonic() < deadline:
        state = (await partner.get(f"/api/partners/games/{slug}")).word("status")
        if state != "processing":
            return state
        await asyncio.sleep(_POLL_S)
    raise Differs(f"{slug} is worked on for ever")
