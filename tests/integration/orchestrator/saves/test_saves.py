"""Save slots end to end over the agents' HTTP: slots, heads, fencing, retention, digests."""

import hashlib

import httpx
import pytest

from agent_protocol import DesiredSession
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost


async def start(player: httpx.AsyncClient, host: ScriptedHost, **body: object) -> DesiredSession:
    answer = await player.post("/api/game/launch", json={"gameSlug": "the-question", **body})
    assert answer.status_code == 202, answer.text
    session_id = answer.json()["sessionId"]
    [order] = [order for order in (await host.sync()).sessions if order.session_id == session_id]
    await host.run(order)
    return order


async def finish(player: httpx.AsyncClient, host: ScriptedHost, order: DesiredSession) -> None:
    await host.end(order, "exited")


async def slots(player: httpx.AsyncClient) -> list[dict[str, object]]:
    return (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["saves"]


async def restored(host: ScriptedHost, order: DesiredSession) -> bytes:
    assert order.restore is not None
    answer = await host.client.get(order.restore.path, headers=host.headers)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == order.restore.digest
    assert len(answer.content) == order.restore.size_bytes
    return answer.content


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
    assert set(slot) == {"id", "gameSlug", "slot", "label", "lastPlayedAt", "sizeBytes"}
    assert (slot["slot"], slot["sizeBytes"]) == (1, 9)

    again = await start(player, host, saveSlotId=slot["id"])
    assert await restored(host, again) == b"chapter 2"


async def test_without_a_choice_the_slot_last_played_goes_on(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for archive in (b"first", b"second"):
        order = await start(player, host, fresh=True)
        await host.put_save(order, archive)
        await finish(player, host, order)
    assert [slot["slot"] for slot in await slots(player)] == [1, 2]
    assert await restored(host, await start(player, host)) == b"second"


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


async def test_late_writer_never_moves_the_head(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    """Invariant 2: a late archive is a side version, never the head, never lost."""
    order = await start(player, host)
    await host.put_save(order, b"good")
    await finish(player, host, order)
    [slot] = await slots(player)
    again = await start(player, host, saveSlotId=slot["id"])
    await host.put_save(again, b"newer")
    late = await host.put_save(order, b"late")
    assert late.status_code == 200
    assert late.json()["head"] is False
    await finish(player, host, again)
    assert await restored(host, await start(player, host)) == b"newer"
    kept = await host.client.get(f"/api/agents/saves/{late.json()['versionId']}", headers=host.headers)
    assert kept.content == b"late"


async def test_an_older_generation_never_moves_the_head(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    await host.put_save(order, b"current")
    assert (await host.put_save(order, b"old", generation=order.generation + 1)).json()["head"] is False


async def test_sending_an_archive_again_answers_the_same(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    first, second = await host.put_save(order, b"same"), await host.put_save(order, b"same")
    assert first.json() == second.json()


async def test_checkpoints_of_one_session_replace_each_other(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    order = await start(player, host)
    for number in range(6):
        await host.put_save(order, b"checkpoint %d" % number)
    archives = [path for path in (settings.data / "saves").rglob("*") if path.is_file()]
    assert len(archives) == 2
    assert not [path for path in archives if path.suffix == ".partial"]


@pytest.mark.parametrize(("size", "digest"), [(3, None), (5, None), (4, "0" * 64), (-1, None), (2**40, None)])
async def test_an_archive_that_is_not_what_it_says_is_refused_and_leaves_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings, size: int, digest: str | None
) -> None:
    order = await start(player, host)
    answer = await host.client.put(
        f"/api/agents/sessions/{order.session_id}/saves",
        params={"generation": 1, "digest": digest or hashlib.sha256(b"save").hexdigest(), "size": size},
        content=b"save",
        headers=host.headers,
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert not [path for path in (settings.data / "saves").rglob("*") if path.is_file()]
    assert await slots(player) == []


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
