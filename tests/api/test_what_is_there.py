"""Whoever asks for what is there gets it, in the form that the API's description gives it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import jsonschema_rs
import pytest

from orchestrator.api_description import HOST, PUBLISHER, SIGNED_IN, proof_of, with_refusals
from orchestrator.app import create_app
from orchestrator.arena.description import PREFIXES
from orchestrator.settings import Settings
from tests.api.served import PLAIN, Served
from tests.integration.orchestrator.saves.playing import finish, saved, slots, start

JPEG = b"\xff\xd8\xff\xe0 a picture"
BOT = {"game": "chess", "name": "Evenings", "playerId": "robin", "displayName": "Robin"}
BUILT_IN = {**BOT, "botType": "algorithmic", "difficulty": "easy"}
LENGTH = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000"}
DESCRIPTION = with_refusals(create_app(Settings()).openapi_schema.to_schema())


def readings() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DESCRIPTION["paths"].items():
        if "get" in item and "Google" not in item["get"]["operationId"] and "google" not in item["get"]["operationId"]:
            yield path, item["get"]


READINGS = list(readings())


@pytest.fixture(scope="module")
def known(replica: Served) -> dict[str, str]:
    """Ids of what is there: a save with a picture, another session that goes on from it, codes, keys, an upload."""
    return asyncio.run(_scene(replica))


async def _scene(replica: Served) -> dict[str, str]:
    async with _clients(replica) as (player, admin, publisher, nobody):
        host = replica.host
        host.client = nobody
        first = await start(player, host)
        version_id = (await saved(host, first, b"an archive"))["versionId"]
        picture = f"/api/agents/saves/{version_id}/picture"
        assert (await nobody.put(picture, content=JPEG, headers=host.headers)).status_code == 200
        await finish(player, host, first)
        second = await start(player, host)
        codes = await admin.post("/api/admin/codes", json={"gameSlug": "the-question", "count": 2})
        [made, *_] = (await admin.get("/api/admin/publishers")).json()["publishers"]
        begun = await publisher.post("/api/partners/games/garden/uploads", headers=LENGTH)
        [slot] = await slots(player)
        order = {"game": "chess", "matchType": "private", "players": [{"id": "ann"}, {"id": "bob"}]}
        match = (await nobody.post("/v1/sessions", json=order, headers=replica.as_tenant)).json()
        bot = (await nobody.post("/v1/bots", json=BUILT_IN, headers=replica.as_tenant)).json()
        target = {"url": "https://1.1.1.1/hook"}
        webhook = (await nobody.post("/v1/webhooks", json=target, headers=replica.as_tenant)).json()
        return {
            "session_id": second.session_id,
            "version_id": version_id,
            "slot_id": slot["id"],
            "code_id": codes.json()["id"],
            "host_id": host.host_id,
            "publisher_id": made["id"],
            "upload_id": begun.headers["location"].rpartition("/")[2],
            "slug": "the-question",
            "match_session_id": match["sessionId"],
            "tenant_id": replica.tenant_id,
            "endpoint_id": webhook["id"],
            "match_token": match["sessionToken"],
            "bot_id": bot["id"],
        }


@asynccontextmanager
async def _clients(replica: Served) -> AsyncGenerator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        proofs = (replica.signed_in, replica.as_admin, replica.as_publisher, {})
        clients = [httpx.AsyncClient(base_url=replica.url, headers=proof, **PLAIN) for proof in proofs]
        yield [await stack.enter_async_context(client) for client in clients]


@pytest.mark.parametrize(("path", "operation"), READINGS, ids=[each["operationId"] for _, each in READINGS])
def test_what_is_there_has_the_form_that_is_described(
    path: str, operation: dict[str, Any], replica: Served, known: dict[str, str]
) -> None:
    of_publisher = {"slug": "garden"} if path.startswith("/api/partners") else {}
    of_tenant = {"session_id": known["match_session_id"]} if _is_tenants(path) else {}
    address = path.format(**known | of_publisher | of_tenant)
    query = {"gameSlug": "the-question", "sessionId": known["session_id"], "revision": "-1"}
    query |= {"game": "chess", "token": known["match_token"]}
    needed = {
        each["name"]: query[each["name"]]
        for each in operation.get("parameters", [])
        if each.get("required") and each["in"] == "query"
    }
    answer = httpx.get(replica.url + address, params=needed, headers=proof(path, replica), **PLAIN)
    [status] = [each for each in operation["responses"] if each.startswith(("2", "3"))]
    assert str(answer.status_code) == status, answer.text
    content = operation["responses"][status].get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if status == "200":
        assert list(content) == [kind]
        assert answer.content
    if kind == "application/json":
        schema = {**content[kind]["schema"], "components": DESCRIPTION["components"]}
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(answer.json())


def proof(path: str, replica: Served) -> dict[str, str]:
    if path.startswith(("/api/admin", "/api/console")):
        return replica.as_admin
    if _is_tenants(path):
        return replica.as_tenant
    proofs = {SIGNED_IN: replica.signed_in, PUBLISHER: replica.as_publisher, HOST: replica.host.headers}
    return proofs.get(proof_of(path) or "", {})


def _is_tenants(path: str) -> bool:
    return path.startswith(PREFIXES)
