"""A person's own copy of a save: taken out as it lies in the store, and handed in as a new version."""

import asyncio
import tarfile
from collections.abc import AsyncIterator

import httpx
from sqlalchemy import select

from orchestrator.saves.models import SaveSlot, SaveVersion, UnwantedArchive
from orchestrator.saves.transfers import MOST_DOWNLOADS_AT_ONCE
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import ScriptedHost, add_game
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
from tests.unit.saves.packing import packed as an_archive

OLD, NEW = b"the old days", b"the new days"


def packed(content: bytes, name: str = "saves/1.save", kind: bytes = tarfile.REGTYPE) -> bytes:
    return an_archive((name, content), kind=kind)


async def upload(player: httpx.AsyncClient, slot_id: str, archive: bytes | AsyncIterator[bytes]) -> httpx.Response:
    return await player.put(
        f"/api/saves/{slot_id}/upload", content=archive, headers={"Content-Type": "application/zstd"}
    )


async def test_a_version_is_downloaded_as_it_was_stored(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    await evening(player, host, packed(OLD))
    slot_id = await evening(player, host, packed(NEW))
    answer = await player.get(f"/api/saves/{slot_id}/download")
    assert (answer.status_code, answer.content) == (200, packed(NEW))
    assert answer.headers["Content-Type"] == "application/zstd"
    assert answer.headers["Content-Length"] == str(len(packed(NEW)))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="the-question-slot-1-2')
    assert disposition.endswith('.tar.zst"')
    _, older = await versions(player, slot_id)
    answer = await player.get(f"/api/saves/{slot_id}/download", params={"versionId": older["id"]})
    assert answer.content == packed(OLD)
    await player.delete(f"/api/saves/{slot_id}")
    assert (await player.get(f"/api/saves/{slot_id}/download")).content == packed(NEW), "also once it is deleted"


async def test_what_the_store_lost_is_not_downloaded(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, b"one")
    [file] = archives(settings)
    file.unlink()
    answer = await player.get(f"/api/saves/{slot_id}/download")
    assert (answer.status_code, answer.json()["error"]) == (409, "version_damaged")


async def test_what_was_downloaded_can_be_handed_in_and_is_what_the_next_launch_plays(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    await evening(player, host, packed(OLD))
    slot_id = await evening(player, host, packed(NEW))
    _, older = await versions(player, slot_id)
    copy = (await player.get(f"/api/saves/{slot_id}/download", params={"versionId": older["id"]})).content
    answer = await upload(player, slot_id, copy)
    assert answer.status_code == 200, answer.text
    assert [answer.json()] == await slots(player)
    listed = await versions(player, slot_id)
    assert [(v["isHead"], v["isUploaded"], v["isSide"]) for v in listed] == [
        (True, True, False),
        (False, False, False),
        (False, False, False),
    ]
    assert await restored(host, await start(player, host)) == packed(OLD)


async def test_the_same_save_again_is_the_same_version_and_the_head(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    for archive in (packed(b"mine"), packed(b"another"), packed(b"mine")):
        assert (await upload(player, slot_id, archive)).status_code == 200
    assert [v["isUploaded"] for v in await versions(player, slot_id)] == [True, True, False]
    assert (await player.get(f"/api/saves/{slot_id}/download")).content == packed(b"mine")
    async with services.database.read() as session:
        named = set(await session.scalars(select(SaveVersion.key)))
        unwanted = set(await session.scalars(select(UnwantedArchive.key)))
    assert len(named) == 3
    assert len(unwanted) == 1
    assert not named & unwanted


async def test_uploads_push_out_nothing_that_was_played(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    for number in range(4):
        await upload(player, slot_id, packed(b"%d" % number))
    sizes = [(v["isUploaded"], v["sizeBytes"]) for v in await versions(player, slot_id)]
    assert sizes[-1] == (False, len(packed(OLD)))
    assert len(sizes) == 5


async def test_nothing_that_began_before_an_upload_moves_the_head_afterwards(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    await saved(host, order, packed(OLD))
    await finish(player, host, order)
    [slot] = await slots(player)
    await upload(player, slot["id"], packed(b"mine"))
    assert not (await saved(host, order, packed(b"late")))["head"]
    assert (await player.get(f"/api/saves/{slot['id']}/download")).content == packed(b"mine")


async def test_an_upload_survives_the_disposal(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    await upload(player, slot_id, packed(b"mine"))
    await evening(player, host, packed(NEW))
    await services.save_disposal.sweep()
    await services.save_disposal.round()
    [_, mine, _] = await versions(player, slot_id)
    assert mine["isUploaded"]
    answer = await player.get(f"/api/saves/{slot_id}/download", params={"versionId": mine["id"]})
    assert answer.content == packed(b"mine")


NO_SAVES = {
    "nothing": b"",
    "a zip": b"PK\x03\x04",
    "traversal": packed(b"x", "../../etc/passwd"),
    "a link": packed(b"", kind=tarfile.SYMTYPE),
    "cut off": packed(NEW)[:-4],
    "too large inside": packed(bytes(2 * 1024**2)),
    "too large": bytes(60 * 1024**2),
}


async def test_what_is_no_save_leaves_nothing_behind(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, settings: Settings
) -> None:
    await add_game(services, limits={"save_bytes": 1024**2})
    slot_id = await evening(player, host, packed(OLD))
    before = archives(settings)
    for name, archive in NO_SAVES.items():
        answer = await upload(player, slot_id, archive)
        code = "save_too_large" if name == "too large" else "not_a_save"
        assert (answer.status_code, answer.json()["error"]) == (400, code), (name, answer.text)
        assert archives(settings) == before, name
        assert len(await versions(player, slot_id)) == 1, name


async def test_only_the_paths_that_the_build_saves_are_taken(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services
) -> None:
    await add_game(services, save_paths=["saves"])
    slot_id = await evening(player, host, packed(OLD))
    assert (await upload(player, slot_id, packed(b"x", ".profile"))).json()["error"] == "not_a_save"
    assert (await upload(player, slot_id, packed(b"x", "saves/2.save"))).status_code == 200


async def test_nothing_is_handed_in_beneath_a_game_that_is_played(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    await start(player, host)
    answer = await upload(player, slot_id, packed(b"mine"))
    assert (answer.status_code, answer.json()["error"]) == (409, "slot_in_use")
    assert len(archives(settings)) == 1


async def test_a_game_that_starts_while_a_save_comes_in_keeps_its_slot(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, packed(OLD))

    async def body() -> AsyncIterator[bytes]:
        archive = packed(b"mine")
        yield archive[:10]
        await start(player, host)
        yield archive[10:]

    answer = await upload(player, slot_id, body())
    assert (answer.status_code, answer.json()["error"]) == (409, "slot_in_use")
    assert [v["isUploaded"] for v in await versions(player, slot_id)] == [False]
    assert len(archives(settings)) == 1


async def test_of_many_uploads_at_once_each_is_a_version_or_told_to_come_again(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    answers = await asyncio.gather(*(upload(player, slot_id, packed(b"%d" % number)) for number in range(6)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429}
    assert codes.count(200) >= 1
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 429)
    listed = await versions(player, slot_id)
    assert [v["isHead"] for v in listed] == [True, *[False] * codes.count(200)]
    assert (await upload(player, slot_id, packed(b"later"))).status_code == 200, "who gave up is not counted for ever"


async def test_who_hands_in_slowly_keeps_nobody_else_waiting(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    slow, quick = await evening(player, host, packed(OLD)), await evening(other_player, host, packed(OLD))
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        archive = packed(NEW)
        yield archive[:10]
        has_begun.set()
        await may_end.wait()
        yield archive[10:]

    slow_one = asyncio.create_task(upload(player, slow, slowly()))
    await has_begun.wait()
    assert (await upload(player, slow, packed(NEW))).status_code == 429, "one at a time of one person"
    assert (await upload(other_player, quick, packed(NEW))).status_code == 200
    may_end.set()
    assert (await slow_one).status_code == 200


async def test_who_reads_many_at_once_is_told_to_wait(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    async with services.database.read() as session:
        owner = (await session.get_one(SaveSlot, slot_id)).owner
    download = services.save_transfers.download
    reading = [await download(owner, slot_id, None) for _ in range(MOST_DOWNLOADS_AT_ONCE)]
    assert (await player.get(f"/api/saves/{slot_id}/download")).status_code == 429
    whole = [b"".join([piece async for piece in each.body]) for each in reading]
    assert whole == [packed(OLD)] * MOST_DOWNLOADS_AT_ONCE
    reading.clear()  # read, or given up: it is let go either way
    assert (await player.get(f"/api/saves/{slot_id}/download")).status_code == 200


async def test_a_store_that_is_away_changes_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, settings: Settings
) -> None:
    slot_id = await evening(player, host, packed(OLD))
    saves, aside = settings.data / "saves", settings.data / "aside"
    saves.rename(aside)
    saves.write_text("a disk that is not there")
    answer = await upload(player, slot_id, packed(b"mine"))
    assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
    assert (await player.get(f"/api/saves/{slot_id}/download")).json()["error"] == "store_unavailable"
    saves.unlink()
    aside.rename(saves)
    assert [v["isUploaded"] for v in await versions(player, slot_id)] == [False]


async def test_what_is_not_there_or_somebody_elses_says_so(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, client: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    mine, theirs = await evening(player, host, packed(OLD)), await evening(other_player, host, packed(NEW))
    [foreign] = await versions(other_player, theirs)
    for browser, slot, expected in (
        (client, mine, (401, "unauthorized")),
        (other_player, mine, (403, "forbidden")),
        (player, "clsnothing", (404, "not_found")),
    ):
        for answer in (
            await browser.get(f"/api/saves/{slot}/download"),
            await upload(browser, slot, packed(b"mine")),
        ):
            assert (answer.status_code, answer.json()["error"]) == expected, answer.text
    answer = await player.get(f"/api/saves/{mine}/download", params={"versionId": foreign["id"]})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    await player.delete(f"/api/saves/{mine}")
    assert (await upload(player, mine, packed(b"mine"))).status_code == 404, "a deleted slot takes nothing"


async def test_another_site_hands_nothing_in(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    slot_id = await evening(player, host, packed(OLD))
    headers = {"Origin": "https://evil.example", "Content-Type": "application/zstd"}
    answer = await player.put(f"/api/saves/{slot_id}/upload", content=packed(b"mine"), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
