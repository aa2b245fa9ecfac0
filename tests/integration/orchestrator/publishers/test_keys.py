"""Keys of publishers: shown once, kept as hashes, rotated with a time of grace, revoked, and not tried without end."""

import re
from collections.abc import Callable

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from orchestrator import cli
from orchestrator.publishers import keys
from orchestrator.publishers.models import PublisherKey
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.publishers.conftest import GAMES

MakeClient = Callable[[], httpx.AsyncClient]


async def works(client: httpx.AsyncClient, key: str) -> bool:
    answer = await client.get(GAMES, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


async def test_an_admin_makes_rotates_and_revokes(admin: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    made = (await admin.post("/api/admin/publishers", json={"name": "Albert"})).json()
    path = f"/api/admin/publishers/{made['publisherId']}"
    assert await works(client, made["key"])
    again = await admin.post("/api/admin/publishers", json={"name": "Albert"})
    assert (again.status_code, again.json()["error"]) == (409, "name_taken")

    second = (await admin.post(f"{path}/keys", json={"graceHours": 1})).json()
    assert await works(client, made["key"])
    assert await works(client, second["key"])
    third = (await admin.post(f"{path}/keys", json={"graceHours": 0})).json()
    assert not await works(client, made["key"])
    assert not await works(client, second["key"])
    assert (await admin.delete(f"{path}/keys/{third['keyId']}")).status_code == 204
    assert not await works(client, third["key"])

    shown = (await admin.get(path)).json()
    assert [key["id"] for key in shown["keys"]] == [made["keyId"], second["keyId"], third["keyId"]]
    assert shown["keys"][2]["revokedAt"]
    for secret in (made["key"], second["key"], third["key"]):
        assert secret not in str(shown)
    listed = (await admin.get("/api/admin/publishers")).json()
    assert [publisher["name"] for publisher in listed["publishers"]] == ["Albert"]


async def test_a_publisher_rotates_its_own_key_and_no_others(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = (await admin.post("/api/admin/publishers", json={"name": "Albert"})).json()
    other = (await admin.post("/api/admin/publishers", json={"name": "Yu"})).json()
    mine = {"Authorization": f"Bearer {made['key']}"}
    fresh = (await client.post("/api/partners/keys/rotate", json={"graceHours": 0}, headers=mine)).json()
    assert not await works(client, made["key"])
    assert await works(client, fresh["key"])
    assert await works(client, other["key"])
    shown = await client.get("/api/partners/keys", headers={"Authorization": f"Bearer {fresh['key']}"})
    assert (shown.json()["name"], len(shown.json()["keys"])) == ("Albert", 2)
    foreign = await admin.delete(f"/api/admin/publishers/{other['publisherId']}/keys/{fresh['keyId']}")
    assert foreign.status_code == 404
    assert await works(client, fresh["key"])


async def test_a_key_stops_working_when_its_time_is_over(services: Services, client: httpx.AsyncClient) -> None:
    made = await services.publisher_keys.create("Albert")
    async with services.database.write() as session:
        now = await services.database.now(session)
        await session.execute(update(PublisherKey).values(expires_at=now))
    assert not await works(client, made.secret)


async def test_only_a_hash_is_kept(services: Services) -> None:
    made = await services.publisher_keys.create("Albert")
    async with services.database.read() as session:
        [row] = await session.scalars(select(PublisherKey))
    kept = str({column.name: getattr(row, column.name) for column in PublisherKey.__table__.columns})
    assert made.secret[len(row.hint) :] not in kept
    assert len(made.secret) > 40


async def test_wrong_keys_are_not_tried_without_end(client: httpx.AsyncClient, services: Services) -> None:
    good = (await services.publisher_keys.create("Albert")).secret
    for number in range(keys.WRONG_KEYS.tries):
        assert not await works(client, f"ppk_{number}")
    refused = await client.get(GAMES, headers={"Authorization": "Bearer ppk_more"})
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 0
    assert await works(client, good)  # who has a key is not kept out by who has none


async def test_one_key_asks_only_so_often(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = [(await services.publisher_keys.create(name)).secret for name in ("Albert", "Yu")]
    monkeypatch.setattr(keys, "REQUESTS", keys.Limit("publisher-requests", 3, keys.REQUESTS.window))
    for _ in range(3):
        assert await works(client, good)
    assert (await client.get(GAMES, headers={"Authorization": f"Bearer {good}"})).status_code == 429
    assert await works(client, other)


async def test_players_may_not_make_publishers(player: httpx.AsyncClient) -> None:
    assert (await player.post("/api/admin/publishers", json={"name": "Me"})).status_code == 403
    assert (await player.get("/api/admin/publishers/pub1")).status_code == 403


def test_an_operator_makes_rotates_and_revokes_on_the_command_line(settings: Settings) -> None:
    told: list[str] = []

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli.main, ["partners", *words])
        assert result.exit_code == 0, result.output
        told.append(result.stderr)
        return result.stdout

    assert "no publishers yet" in run("list")
    publisher_id, _, secret = run("create", "Albert").strip().partition("\t")
    assert told[-1] == "The publisher's id and its key, shown this once:\n"
    assert secret.startswith("ppk_")
    assert run("list").splitlines()[1].split() == [publisher_id, "Albert"]
    fresh = run("rotate", "Albert", "--grace-hours", "2").strip()
    first, second = (re.split(" {2,}", line) for line in run("keys", publisher_id).splitlines()[1:])
    assert (secret.startswith(first[1][:-1]), fresh.startswith(second[1][:-1])) == (True, True)
    assert (first[2].startswith("good until 2"), second[2]) == (True, "good")
    run("revoke", "Albert", second[0])
    assert "revoked" in run("keys", "Albert").splitlines()[2]
    unknown = CliRunner().invoke(cli.main, ["partners", "keys", "Nobody"])
    assert (unknown.exit_code, unknown.output) == (1, "Error: There is no publisher 'Nobody'.\n")
