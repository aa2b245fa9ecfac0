"""The one form of every error, whichever address refuses."""

from tests.compatibility.asking import Client
from tests.compatibility.checks import Part, World
from tests.compatibility.people import signed_in

PART = Part("Error codes")


@PART.check(
    "any error", "`error` in snake_case and `message` for people: 404 `not_found` for a path with a slip of the pen"
)
async def a_path_that_is_none(world: World) -> None:
    async with signed_in(world) as person:
        (await person.get("/api/game/sesions")).refused(404, "not_found")
        (await person.get("/api/gamez")).refused(404, "not_found")


@PART.check("any error", "400 `invalid_request` for JSON that is broken, at every address that takes it")
async def broken_json(world: World) -> None:
    async with signed_in(world) as person:
        for path in ("/api/game/launch", "/api/game/keepalive", "/api/game/stop"):
            answer = await person.ask("POST", path, raw=b'{"sessionId":', content_type="application/json")
            answer.refused(400, "invalid_request")
    async with Client(world.site, bearer=world.partner_key) as partner:
        answer = await partner.ask("POST", "/api/partners/games", raw=b'{"title":', content_type="application/json")
        answer.refused(400, "invalid_request")


@PART.check("an admin's address", "403 `forbidden` for whoever is none")
async def admins_only(world: World) -> None:
    async with signed_in(world) as person:
        (await person.get(world.admin_address)).refused(403, "forbidden")
