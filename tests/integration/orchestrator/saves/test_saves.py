"""Save slots end to end over the agents' HTTP: which slot is played, what is refused, who may read what."""

import hashlib
from typing import Any

import httpx
from litestar import Litestar

from orchestrator.saves.intake import ARCHIVE_OVERHEAD_BYTES
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
from tests.integration.orchestrator.saves.playing import archives, finish, restored, slots, start


async def test_a_save_is_found_again_by_the_next_session(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    assert order.restore is None
    assert await slots(player) == []
    await host.put_save(order, b"chapter 1")
    await host.put_save(order, b"chapter 2")
    await finish(player, host, order)
    [slot] = await slots(player)
    assert set(slot) == {
        *("id", "gameSlug", "slot", "label", "lastPlayedAt", "sizeBytes", "picture", "inUse", "playSeconds")
    }
    assert (slot["slot"], slot["sizeBytes"], slot["inUse"]) == (1, 9, False)

    again = await start(player, host, saveSlotId=slot["id"])
    assert await restored(host, again) == b"chapter 2"
    assert [slot["inUse"] for slot in await slots(player)] == [True]


async def test_without_a_choice_the_slot_last_played_goes_on(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for archive in (b"first", b"second"):
        order = await start(player, host, fresh=True)
        await host.put_save(order, archive)
        await finish(player, host, order)
    first, _ = await slots(player)
    order = await start(player, host)
    assert await restored(host, order) == b"second"
    await finish(player, host, order)
    order = await start(player, host, saveSlotId=first["id"])
    await finish(player, host, order)
    assert await restored(host, await start(player, host)) == b"first", "also who saved nothing has played"


async def test_a_fourth_new_game_finds_every_slot_full(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for number in range(3):
        order = await start(player, host, fresh=True)
        await host.put_save(order, b"%d" % number)
        await finish(player, host, order)
    refused = await player.post("/api/game/launch", json={"gameSlug": "the-question", "fresh": True})
    assert (refused.status_code, refused.json()["error"]) == (409, "slots_full")


async def test_a_session_without_a_save_uses_no_slot_up(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for _ in range(4):
        await finish(player, host, await start(player, host, fresh=True))
    assert await slots(player) == []


async def test_an_archive_that_is_not_what_it_says_is_refused_and_leaves_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    order = await start(player, host)
    digest_of_it = hashlib.sha256(b"save").hexdigest()
    for size, digest, code in (
        (3, digest_of_it, "invalid_request"),
        (5, digest_of_it, "invalid_request"),
        (4, "0" * 64, "invalid_request"),
        (4, "no digest", "invalid_request"),
        (-1, digest_of_it, "invalid_request"),
        (2**40, digest_of_it, "save_too_large"),
    ):
        answer = await host.client.put(
            f"/api/agents/sessions/{order.session_id}/saves",
            params={"generation": 1, "digest": digest, "size": size},
            content=b"save",
            headers=host.headers,
        )
        assert (answer.status_code, answer.json()["error"]) == (400, code), (size, digest)
        assert archives(settings) == [], (size, digest)
    assert await slots(player) == []


async def test_how_much_a_host_may_send_is_the_builds_matter(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, settings: Settings
) -> None:
    await add_game(services, limits={"save_bytes": 1000})
    order = await start(player, host)
    for size, code in (
        (1000 + ARCHIVE_OVERHEAD_BYTES, "invalid_request"),
        (1001 + ARCHIVE_OVERHEAD_BYTES, "save_too_large"),
    ):
        answer = await host.client.put(
            f"/api/agents/sessions/{order.session_id}/saves",
            params={"generation": 1, "digest": "0" * 64, "size": size},
            content=b"save",
            headers=host.headers,
        )
        assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert archives(settings) == []


async def test_a_host_that_goes_away_in_the_middle_of_an_archive_leaves_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, app: Litestar, settings: Settings
) -> None:
    order = await start(player, host)
    arriving: list[Any] = [
        {"type": "http.request", "body": b"chap", "more_body": True},
        {"type": "http.disconnect"},
    ]
    answered: list[Any] = []

    async def receive() -> Any:
        return arriving.pop(0)

    async def send(message: Any) -> None:
        answered.append(message)

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": f"/api/agents/sessions/{order.session_id}/saves",
        "raw_path": b"",
        "root_path": "",
        "query_string": f"generation=1&size=9&digest={hashlib.sha256(b'chapter 1').hexdigest()}".encode(),
        "headers": [(b"authorization", host.headers["Authorization"].encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    assert answered[0]["status"] == 400
    assert archives(settings) == []


async def test_an_offer_that_makes_no_sense_is_refused_by_name(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    order = await start(player, host)
    for session_id, query, status, code in (
        ("sesnothing", "generation=1&size=4&", 404, "not_found"),
        (order.session_id, "generation=0&size=4&", 400, "invalid_request"),
        (order.session_id, "generation=many&size=4&", 400, "invalid_request"),
        (order.session_id, "generation=99999999999999999999&size=4&", 400, "invalid_request"),
        (order.session_id, "generation=1&", 400, "invalid_request"),
    ):
        url = f"/api/agents/sessions/{session_id}/saves?{query}digest={hashlib.sha256(b'save').hexdigest()}"
        answer = await host.client.put(url, content=b"save", headers=host.headers)
        assert (answer.status_code, answer.json()["error"]) == (status, code), url
        assert archives(settings) == [], url


async def test_only_a_host_of_the_session_may_write_its_save(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    stranger = ScriptedHost(host.client, await services.identities.issue_join_token(), name="stranger")
    await stranger.sync()
    assert (await stranger.put_save(order, b"evil")).status_code == 403
    anonymous = await host.client.get("/api/agents/saves/ver1")
    assert anonymous.status_code == 401
    missing = await host.client.get("/api/agents/saves/ver1", headers=host.headers)
    assert missing.status_code == 404


async def test_somebody_elses_slot_is_forbidden(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    await host.put_save(order, b"mine")
    [slot] = await slots(player)
    answer = await other_player.post("/api/game/launch", json={"gameSlug": "the-question", "saveSlotId": slot["id"]})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert await slots(other_player) == []


async def test_a_host_reads_only_saves_that_it_plays(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    version = (await host.put_save(order, b"mine")).json()["versionId"]
    stranger = ScriptedHost(host.client, await services.identities.issue_join_token(), name="stranger")
    await stranger.sync()
    path = f"/api/agents/saves/{version}"
    assert (await host.client.get(path, headers=stranger.headers)).status_code == 403
    assert (await host.client.get(path, headers=host.headers)).status_code == 200
