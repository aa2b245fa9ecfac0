"""Going back to an earlier save, and the picture of each."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from orchestrator.play.models import Session
from orchestrator.saves.models import SaveVersion
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

VERSION_FIELDS = {"id", "createdAt", "sizeBytes", "isHead", "isSide", "isUploaded", "picture"}
JPEG = b"\xff\xd8\xff\xe0 a picture"


async def restore(player: httpx.AsyncClient, slot_id: str, version_id: object) -> httpx.Response:
    return await player.post(f"/api/saves/{slot_id}/restore", json={"versionId": version_id})


async def put_picture(host: ScriptedHost, version_id: str, picture: bytes = JPEG) -> httpx.Response:
    headers = {**host.headers, "Content-Type": "image/jpeg"}
    return await host.client.put(f"/api/agents/saves/{version_id}/picture", content=picture, headers=headers)


async def test_the_versions_of_a_slot_are_listed_newest_first(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    await evening(player, host, b"one")
    slot_id = await evening(player, host, b"two!", b"three")
    listed = await versions(player, slot_id)
    assert [(v["sizeBytes"], v["isHead"]) for v in listed] == [(5, True), (4, False), (3, False)]
    assert all(set(v) == VERSION_FIELDS for v in listed)
    assert not any(v["isSide"] for v in listed)


async def test_a_restored_version_is_what_the_next_launch_plays_and_the_way_back_is_open(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    await evening(player, host, b"before the fight")
    slot_id = await evening(player, host, b"lost the fight")
    head, older = await versions(player, slot_id)
    answer = await restore(player, slot_id, older["id"])
    assert answer.status_code == 200
    assert [answer.json()] == await slots(player)
    assert answer.json()["sizeBytes"] == older["sizeBytes"]
    assert [v["isHead"] for v in await versions(player, slot_id)] == [False, True]

    order = await start(player, host)
    assert order.restore is not None
    assert order.restore.version_id == older["id"]
    assert await restored(host, order) == b"before the fight"
    await finish(player, host, order)
    assert (await restore(player, slot_id, head["id"])).status_code == 200
    assert await restored(host, await start(player, host)) == b"lost the fight"


async def test_a_side_version_that_is_restored_is_a_version_like_any_other(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    await saved(host, order, b"first evening")
    await finish(player, host, order)
    slot_id = await evening(player, host, b"second evening")
    late = await saved(host, order, b"what the first host still had")
    assert (await restore(player, slot_id, late["versionId"])).status_code == 200
    [restored_one] = [v for v in await versions(player, slot_id) if v["id"] == late["versionId"]]
    assert (restored_one["isHead"], restored_one["isSide"]) == (True, False)


async def test_nothing_is_restored_beneath_a_game_that_is_played(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"one", b"two")
    _, older = await versions(player, slot_id)
    await start(player, host)
    answer = await restore(player, slot_id, older["id"])
    assert (answer.status_code, answer.json()["error"]) == (409, "slot_in_use")
    assert [v["isHead"] for v in await versions(player, slot_id)] == [True, False]


@pytest.mark.parametrize("damage", ["other bytes", "gone"])
async def test_a_damaged_archive_is_never_made_the_head(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings, damage: str
) -> None:
    slot_id = await evening(player, host, b"the good old days", b"now")
    _, older = await versions(player, slot_id)
    [file] = [path for path in archives(settings) if path.stat().st_size == older["sizeBytes"]]
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"the good old dayz")
    answer = await restore(player, slot_id, older["id"])
    assert (answer.status_code, answer.json()["error"]) == (409, "version_damaged")
    assert [v["isHead"] for v in await versions(player, slot_id)] == [True, False]
    assert await restored(host, await start(player, host)) == b"now"


async def test_a_restore_waits_for_a_store_that_is_away(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, b"one", b"two")
    _, older = await versions(player, slot_id)
    (settings.data / "saves").rename(settings.data / "aside")
    answer = await restore(player, slot_id, older["id"])
    assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
    (settings.data / "aside").rename(settings.data / "saves")
    assert (await restore(player, slot_id, older["id"])).status_code == 200


async def test_what_is_not_there_or_somebody_elses_says_so(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, client: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"mine")
    [version] = await versions(player, slot_id)
    await put_picture(host, version["id"])
    ways: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/api/saves/{slot}/versions", None),
        ("POST", "/api/saves/{slot}/restore", {"versionId": version["id"]}),
        ("GET", f"/api/saves/{{slot}}/versions/{version['id']}/picture", None),
    ]
    for method, path, body in ways:
        for browser, slot, expected in (
            (client, slot_id, (401, "unauthorized")),
            (other_player, slot_id, (403, "forbidden")),
            (player, "clsnothing", (404, "not_found")),
        ):
            answer = await browser.request(method, path.format(slot=slot), json=body)
            assert (answer.status_code, answer.json()["error"]) == expected, (method, path, answer.text)


async def test_another_slots_version_is_not_this_slots(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    mine = await evening(player, host, b"mine")
    theirs = await evening(other_player, host, b"theirs")
    [version] = await versions(other_player, theirs)
    await put_picture(host, version["id"])
    assert (await restore(player, mine, version["id"])).status_code == 404
    assert (await player.get(f"/api/saves/{mine}/versions/{version['id']}/picture")).status_code == 404


async def test_a_restore_that_names_no_version_is_refused(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"mine")
    bodies: list[object] = [{}, {"versionId": 3}, {"versionId": ""}, [], {"versionId": "x" * 65}]
    for body in bodies:
        answer = await player.post(f"/api/saves/{slot_id}/restore", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), body


async def test_each_version_shows_its_picture_to_its_owner_alone(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, b"one")
    [version] = await versions(player, slot_id)
    assert version["picture"] is None
    assert (await player.get(f"/api/saves/{slot_id}/versions/{version['id']}/picture")).status_code == 404
    assert (await put_picture(host, version["id"])).json() == {}
    assert (await put_picture(host, version["id"], JPEG + b" of another moment")).status_code == 200
    [version], [slot] = await versions(player, slot_id), await slots(player)
    assert version["picture"] == slot["picture"] == f"/api/saves/{slot_id}/versions/{version['id']}/picture"
    answer = await player.get(version["picture"])
    assert answer.content == JPEG
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


async def test_only_a_small_jpeg_is_a_picture(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    slot_id = await evening(player, host, b"one")
    [version] = await versions(player, slot_id)
    for picture, status, code in (
        (b"", 400, "invalid_request"),
        (b"<svg onload='alert(1)'/>", 400, "invalid_request"),
        (JPEG + bytes(256 * 1024), 413, "too_large"),
    ):
        answer = await put_picture(host, version["id"], picture)
        assert (answer.status_code, answer.json()["error"]) == (status, code), picture[:20]
        assert (await versions(player, slot_id))[0]["picture"] is None, picture[:20]


async def test_only_a_host_of_the_session_may_send_a_picture(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    slot_id = await evening(player, host, b"one")
    [version] = await versions(player, slot_id)
    stranger = ScriptedHost(host.client, await services.identities.issue_join_token(), name="stranger")
    await stranger.sync()
    assert (await put_picture(stranger, version["id"])).status_code == 403
    assert (await put_picture(host, "vernothing")).status_code == 404
    nobody = await host.client.put(f"/api/agents/saves/{version['id']}/picture", content=JPEG)
    assert nobody.status_code == 401


async def test_a_picture_that_the_store_cannot_take_is_sent_again(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, b"one")
    [version] = await versions(player, slot_id)
    saves, aside = settings.data / "saves", settings.data / "aside"
    saves.rename(aside)
    saves.write_text("a disk that is not there")
    answer = await put_picture(host, version["id"])
    assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
    saves.unlink()
    aside.rename(saves)
    assert (await put_picture(host, version["id"])).status_code == 200
    assert (await versions(player, slot_id))[0]["picture"] is not None


async def test_checkpoints_replace_each_other_and_ten_minutes_of_play_leave_a_version(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    for content in (b"1", b"22"):
        await saved(host, order, content)
    async with services.database.write() as session:
        row = await session.get_one(Session, order.session_id)
        assert row.running_since is not None
        row.running_since -= timedelta(minutes=15)
        for version in await session.scalars(select(SaveVersion)):
            version.created_at -= timedelta(minutes=15)
    for content in (b"333", b"4444", b"55555", b"666666"):
        await saved(host, order, content)
    [slot] = await slots(player)
    assert [v["sizeBytes"] for v in await versions(player, slot["id"])] == [6, 5, 2]
