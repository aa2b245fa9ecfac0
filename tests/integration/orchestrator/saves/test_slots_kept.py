"""Slots that are named, deleted and brought back, and how long they were played."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from orchestrator.saves.disposal import READERS_GRACE
from orchestrator.saves.keeping import KEPT_FOR
from orchestrator.saves.models import SaveSlot
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.orchestrator.saves.playing import (
    archives,
    evening,
    finish,
    restored,
    saved,
    slots,
    start,
    versions,
)
from tests.integration.orchestrator.saves.test_disposal import let_time_pass
from tests.integration.orchestrator.saves.test_versions import put_picture

OPERATIONS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("PATCH", "/api/saves/{slot}", {"label": "mine now"}),
    ("DELETE", "/api/saves/{slot}", None),
    ("POST", "/api/saves/{slot}/undelete", None),
]


async def label(player: httpx.AsyncClient, slot_id: str, text: object) -> httpx.Response:
    return await player.patch(f"/api/saves/{slot_id}", json={"label": text})


async def deleted(player: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await player.get("/api/saves", params={"gameSlug": "the-question"})).json()["deleted"]


async def age(services: Services, slot_id: str, span: timedelta) -> None:
    """Let the slot have been deleted that much earlier."""
    async with services.database.write() as session:
        slot = await session.get_one(SaveSlot, slot_id)
        assert slot.deleted_at is not None
        slot.deleted_at -= span


async def fill(player: httpx.AsyncClient, host: ScriptedHost, content: bytes) -> str:
    """A new game that saves and ends; its slot's id."""
    order = await start(player, host, fresh=True)
    await saved(host, order, content)
    await finish(player, host, order)
    return (await slots(player))[-1]["id"]


async def test_a_slot_is_named_and_its_name_taken_away(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"one")
    assert [slot["label"] for slot in await slots(player)] == [None]
    answer = await label(player, slot_id, "  Before the  fight ")
    assert answer.status_code == 200
    assert [answer.json()] == await slots(player)
    assert answer.json()["label"] == "Before the fight"
    for nothing in (None, "", "  ", "\u200b"):
        await label(player, slot_id, "a name")
        assert (await label(player, slot_id, nothing)).json()["label"] is None


TEXTS = (
    "<img src=x onerror=alert(1)>",
    "שלום עולם",
    "😀🏳️‍🌈𐌀",
    "'; DROP TABLE save_slots; --",
    "{{ 7 * 7 }}",
    "😀" * 60,
)


async def test_a_name_is_kept_as_the_text_it_is(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    slot_id = await evening(player, host, b"one")
    for text in TEXTS:
        assert (await label(player, slot_id, text)).json()["label"] == text
        assert [slot["label"] for slot in await slots(player)] == [text]


async def test_what_is_no_name_is_refused(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    slot_id = await evening(player, host, b"one")
    no_names: list[object] = ["a\nb", "\0", "\u202eevil", "x" * 61, "x" * 2000, 7, ["x"], {"a": 1}, True]
    for text in no_names:
        answer = await label(player, slot_id, text)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), text
        assert "label" in answer.json()["message"], text
        assert [slot["label"] for slot in await slots(player)] == [None], text


async def test_a_slot_tells_how_long_it_was_played(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    await evening(player, host, b"one")
    await evening(player, host, b"two")
    other = await start(player, host, fresh=True)
    await saved(host, other, b"another story")
    assert [slot["playSeconds"] for slot in await slots(player)] == [241, 0]
    await finish(player, host, other)
    assert [slot["playSeconds"] for slot in await slots(player)] == [241, 120]


async def test_a_deleted_slot_frees_its_number_and_comes_back(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"one", b"two")
    [before] = await slots(player)
    answer = await player.delete(f"/api/saves/{slot_id}")
    assert answer.status_code == 200
    assert [answer.json()] == await deleted(player)
    assert {name: answer.json()[name] for name in before} == before
    assert answer.json()["goneAt"][:10] > answer.json()["deletedAt"][:10]
    assert await slots(player) == []
    assert (await player.delete(f"/api/saves/{slot_id}")).json() == answer.json(), "twice is once"
    launch = await player.post("/api/game/launch", json={"gameSlug": "the-question", "saveSlotId": slot_id})
    assert (launch.status_code, launch.json()["error"]) == (404, "not_found")

    for _ in "12":
        back = await player.post(f"/api/saves/{slot_id}/undelete")
        assert (back.status_code, back.json()) == (200, before)
    assert (await slots(player), await deleted(player)) == ([before], [])
    assert await restored(host, await start(player, host)) == b"two"


async def test_after_a_deletion_a_new_game_takes_the_number_and_the_old_save_another(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"old")
    await player.delete(f"/api/saves/{slot_id}")
    await evening(player, host, b"new")
    assert [slot["slot"] for slot in await slots(player)] == [1]
    assert (await player.post(f"/api/saves/{slot_id}/undelete")).json()["slot"] == 2
    assert [(slot["slot"], slot["id"] == slot_id) for slot in await slots(player)] == [(1, False), (2, True)]


async def test_a_slot_comes_back_only_where_a_number_is_free(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    first = await evening(player, host, b"first")
    await player.delete(f"/api/saves/{first}")
    for content in (b"1", b"2"):
        await fill(player, host, content)
    filling = await start(player, host, fresh=True)
    full = await player.post(f"/api/saves/{first}/undelete")
    assert (full.status_code, full.json()["error"]) == (409, "slots_full"), "a game is about to fill the third"
    await saved(host, filling, b"3")
    await finish(player, host, filling)
    assert (await player.post(f"/api/saves/{first}/undelete")).json()["error"] == "slots_full"
    [another, *_] = await slots(player)
    await player.delete(f"/api/saves/{another['id']}")
    assert (await player.post(f"/api/saves/{first}/undelete")).json()["slot"] == 1
    assert [slot["slot"] for slot in await slots(player)] == [1, 2, 3]
    assert [slot["id"] for slot in await deleted(player)] == [another["id"]]


async def test_a_full_set_of_slots_takes_a_new_game_after_a_deletion(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for content in (b"1", b"2", b"3"):
        await fill(player, host, content)
    full = await player.post("/api/game/launch", json={"gameSlug": "the-question", "fresh": True})
    assert (full.status_code, full.json()["error"]) == (409, "slots_full")
    await player.delete(f"/api/saves/{(await slots(player))[1]['id']}")
    order = await start(player, host, fresh=True)
    await saved(host, order, b"in the middle")
    assert [slot["slot"] for slot in await slots(player)] == [1, 2, 3]


async def test_a_slot_that_is_played_is_not_deleted(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    slot_id = await evening(player, host, b"one")
    order = await start(player, host)
    answer = await player.delete(f"/api/saves/{slot_id}")
    assert (answer.status_code, answer.json()["error"]) == (409, "slot_in_use")
    assert [slot["id"] for slot in await slots(player)] == [slot_id]
    assert (await label(player, slot_id, "a name harms nobody")).status_code == 200
    await finish(player, host, order)
    assert (await player.delete(f"/api/saves/{slot_id}")).status_code == 200


async def test_what_a_host_sends_late_is_kept_in_the_deleted_slot(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    await saved(host, order, b"early")
    await finish(player, host, order)
    [slot] = await slots(player)
    await player.delete(f"/api/saves/{slot['id']}")
    assert (await saved(host, order, b"the very last checkpoint"))["head"]
    assert await slots(player) == []
    await player.post(f"/api/saves/{slot['id']}/undelete")
    assert await restored(host, await start(player, host)) == b"the very last checkpoint"


async def test_after_thirty_days_a_deleted_slot_leaves_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, settings: Settings
) -> None:
    slot_id = await evening(player, host, b"one", b"two")
    kept = await fill(player, host, b"another story")
    for version in await versions(player, slot_id):
        await put_picture(host, version["id"])
    await player.delete(f"/api/saves/{slot_id}")
    await age(services, slot_id, KEPT_FOR - timedelta(minutes=1))
    await services.save_disposal.sweep()
    assert [slot["id"] for slot in await deleted(player)] == [slot_id], "a minute is left"
    await age(services, slot_id, timedelta(minutes=1))
    assert await deleted(player) == []
    late = await player.post(f"/api/saves/{slot_id}/undelete")
    assert (late.status_code, late.json()["error"]) == (404, "not_found")
    assert len(archives(settings)) == 5, "nothing leaves the store before a sweep"
    await services.save_disposal.sweep()
    await let_time_pass(services, READERS_GRACE)
    await services.save_disposal.round()
    assert [path.read_bytes() for path in archives(settings)] == [b"another story"]
    assert [slot["id"] for slot in await slots(player)] == [kept]
    async with services.database.read() as session:
        assert list(await session.scalars(select(SaveSlot.id))) == [kept]


async def test_what_is_not_there_or_somebody_elses_says_so(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, client: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"mine")
    for method, path, body in OPERATIONS:
        for browser, slot, expected in (
            (client, slot_id, (401, "unauthorized")),
            (other_player, slot_id, (403, "forbidden")),
            (player, "clsnothing", (404, "not_found")),
        ):
            answer = await browser.request(method, path.format(slot=slot), json=body)
            assert (answer.status_code, answer.json()["error"]) == expected, (method, path, answer.text)
    assert [(slot["id"], slot["label"]) for slot in await slots(player)] == [(slot_id, None)]
    assert await slots(other_player) == []
