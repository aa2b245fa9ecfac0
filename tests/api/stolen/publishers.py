"""A publisher's key."""

from tests.api.stolen.doors import PUBLISHERS, opens_no_door
from tests.api.stolen.lines import line
from tests.api.stolen.scene import Scene


@line("publisher key", "can", "change its publisher's games and upload new versions, which players then run")
async def a_publisher_key_changes_its_games(scene: Scene) -> None:
    async with scene.asking(**scene.replica.as_publisher) as thief:
        changed = await thief.patch("/api/partners/games/garden", json={"description": "Another one."})
        assert changed.status_code == 200, changed.text


@line("publisher key", "can", "make itself a new key; the list of keys shows it to the publisher and to the operator")
async def a_publisher_key_makes_another(scene: Scene) -> None:
    publisher_id, key = await _publisher(scene, "Robbed")
    async with scene.asking(**scene.bearer(key)) as thief:
        made = await thief.post("/api/partners/keys/rotate", json={})
        assert made.status_code in {200, 201}, made.text
    async with scene.asking(**scene.replica.as_admin) as admin:
        assert len((await admin.get(f"/api/admin/publishers/{publisher_id}")).json()["keys"]) == 2


@line("publisher key", "cannot", "see, change or replace a game of another publisher, or one of the operator's")
async def a_publisher_key_touches_no_other_game(scene: Scene) -> None:
    _, key = await _publisher(scene, "Neighbour")
    async with scene.asking(**scene.bearer(key)) as thief:
        for slug in ("garden", "the-question"):
            path = f"/api/partners/games/{slug}"
            answers = [await thief.get(path), await thief.patch(path, json={"title": "Mine"})]
            gzip = {"Content-Type": "application/gzip"}
            answers.append(await thief.put(f"/api/games/{slug}/upload", content=b"\x1f\x8b evil", headers=gzip))
            assert {answer.status_code for answer in answers} <= {403, 404}, [answer.text for answer in answers]


@line("publisher key", "cannot", "ask for anything of people, hosts, tenants or operators")
async def a_publisher_key_opens_no_other_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.replica.as_publisher["Authorization"].partition(" ")[2], PUBLISHERS)


@line("publisher key", "cannot", "be used once it was revoked, from the next request on")
async def a_publisher_key_is_revoked(scene: Scene) -> None:
    publisher_id, key = await _publisher(scene, "Warned")
    async with scene.asking(**scene.replica.as_admin) as admin, scene.asking(**scene.bearer(key)) as thief:
        assert (await thief.get("/api/partners/games")).status_code == 200
        [known] = (await admin.get(f"/api/admin/publishers/{publisher_id}")).json()["keys"]
        await admin.delete(f"/api/admin/publishers/{publisher_id}/keys/{known['id']}")
        assert (await thief.get("/api/partners/games")).status_code == 401


async def _publisher(scene: Scene, name: str) -> tuple[str, str]:
    async with scene.services() as services:
        made = await services.publisher_keys.create(name)
        return made.publisher.id, made.secret
