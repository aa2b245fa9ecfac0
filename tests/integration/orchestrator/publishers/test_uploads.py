"""Archives on their way: in one go at either address, in parts, cut, doubled, refused, and cleared away."""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from orchestrator.audit.models import AuditEvent
from orchestrator.audit.recording import Action
from orchestrator.catalog.images import ImageUnavailable
from orchestrator.publishers.models import Publisher, Upload
from orchestrator.publishers.spool import FLOOR_BYTES, Spool
from orchestrator.publishers.uploads import NEWS, Owned, Uploads
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker, add_game
from tests.integration.orchestrator.publishers.conftest import (
    FORM,
    GAMES,
    GARDEN,
    KeptImages,
    NewPublisher,
    put,
    settled,
    until,
)
from tests.packing import SCRIPT, Packed, good_archive, launcher, symlink, tar_gz

SLUG = FORM["slug"]
UPLOADS = f"{GARDEN}/uploads"
AWAY = ImageUnavailable("The registry does not answer.")
PART = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
Spooled = Callable[[], list[str]]


def digest_header(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def begin(client: httpx.AsyncClient, size: int, at: str = UPLOADS, **metadata: str) -> httpx.Response:
    said = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), **({"Upload-Metadata": said} if said else {})}
    return await client.post(at, headers=headers)


async def send(client: httpx.AsyncClient, url: str, offset: int, part: bytes) -> httpx.Response:
    return await client.patch(url, content=part, headers={**PART, "Upload-Offset": str(offset)})


@pytest.mark.parametrize("address", [f"{GARDEN}/upload", f"/api/games/{SLUG}/upload"])
async def test_an_archive_becomes_a_game_that_is_played(
    publisher: httpx.AsyncClient,
    garden: str,
    images: KeptImages,
    spooled: Spooled,
    make_host: HostMaker,
    signed_in: SignedIn,
    address: str,
) -> None:
    archive = good_archive()
    answer = await put(publisher, archive, address, **{"Repr-Digest": digest_header(archive)})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["slug"], body["status"], body["upload"]["state"]) == (SLUG, "processing", "processing")
    details = await settled(publisher)
    assert (details["status"], details["upload"]["digest"]) == ("active", hashlib.sha256(archive).hexdigest())
    assert details["versionId"] == details["upload"]["versionId"]
    await emptied(spooled)

    await make_host(name="without")
    host = await make_host(name="with", images=(images.stored[0],))
    assert (await publisher.get(garden)).json()["cacheStatus"] == {"servers": 2, "cached": 1}
    player = await signed_in()
    [listed] = (await player.get("/api/games")).json()["games"]
    assert listed["slug"] == SLUG
    assert (await player.post("/api/game/launch", json={"gameSlug": SLUG})).status_code == 202
    [order] = (await host.sync()).sessions
    assert order.build.image_id == images.stored[0]
    assert order.build.command == (f"/game/{FORM['launcher']}",)
    assert order.build.save_paths == (".renpy",)  # Ren'Py's folder of saves, and the key that signs them
    assert ".renpy/backups" in order.build.save_excludes


BROKEN = good_archive()[:200] + b"\0" * 20 + good_archive()[220:]
REFUSED = {
    "no_launcher": tar_gz([Packed("garden/a.sh", SCRIPT, mode=0o755)]),
    "traversal": tar_gz([launcher(), Packed("../evil", b"x")]),
    "outside_link": tar_gz([launcher(), symlink("garden/l", "/etc/shadow")]),
    "two_folders": tar_gz([launcher(), Packed("other/x", b"x")]),
    "wrong_platform": tar_gz([launcher(content=b"MZ" + bytes(100))]),
    "bomb": tar_gz([launcher(), Packed("garden/zeros", bytes(70 * 1024**2))]),
    "broken_gzip": BROKEN,
    "broken_tar": tar_gz([Packed("pax", b"37 size=%d\n" % 10**27, kind=b"x"), launcher()]),
    "not_gzip": b"PK\x03\x04" + bytes(500),
}


@pytest.mark.parametrize("code", REFUSED)
async def test_what_is_refused_says_why_and_leaves_nothing(
    publisher: httpx.AsyncClient, garden: str, images: KeptImages, spooled: Spooled, services: Services, code: str
) -> None:
    assert (await put(publisher, REFUSED[code])).status_code == 202
    details = await settled(publisher)
    assert (details["status"], details["versionId"]) == ("rejected", None)
    [reason] = details["upload"]["reasons"]
    assert (reason["code"], bool(reason["message"])) == (code, True)
    assert (spooled(), images.stored) == ([], [])
    assert (await services.catalog.list_builds()) == []

    await put(publisher, good_archive())
    details = await settled(publisher)
    assert (details["status"], details["upload"]["reasons"]) == ("active", [])
    await put(publisher, REFUSED[code])
    details = await settled(publisher)
    assert (details["status"], details["upload"]["state"]) == ("active", "rejected")  # the older one is played on


async def test_a_wrong_digest_is_refused_at_once_and_leaves_nothing(
    publisher: httpx.AsyncClient, garden: str, spooled: Spooled
) -> None:
    archive = good_archive()
    answer = await put(publisher, archive, **{"Content-Digest": digest_header(archive[:-1])})
    assert (answer.status_code, answer.json()["error"]) == (400, "digest_mismatch")
    assert spooled() == []
    assert (await publisher.get(garden)).json()["upload"] is None
    nonsense = await put(publisher, archive, **{"Repr-Digest": "sha-256=:?:"})
    assert (nonsense.status_code, nonsense.json()["error"]) == (400, "invalid_request")
    url = (await begin(publisher, len(archive), sha256="0" * 64)).headers["Location"]
    assert (await send(publisher, url, 0, archive)).status_code == 204
    assert [reason["code"] for reason in (await settled(publisher))["upload"]["reasons"]] == ["digest_mismatch"]
    assert spooled() == []


async def test_who_may_not_upload_is_told_before_the_body(
    publisher: httpx.AsyncClient,
    garden: str,
    new_publisher: NewPublisher,
    client: httpx.AsyncClient,
    services: Services,
    spooled: Spooled,
) -> None:
    other = await new_publisher("Yu Tsun")
    await add_game(services, "the-question")
    archive = good_archive()
    for path, asking, status, code in (
        (GARDEN, client, 401, "unauthorized"),
        (GARDEN, other, 403, "forbidden"),
        ("/api/games/garden-of-forking-paths", other, 403, "forbidden"),
        ("/api/partners/games/the-question", publisher, 403, "forbidden"),
        ("/api/partners/games/nothing", publisher, 404, "not_found"),
    ):
        answer = await put(asking, archive, f"{path}/upload")
        assert (answer.status_code, answer.json()["error"]) == (status, code), path
    for kind in ("application/zip", "multipart/form-data; boundary=x", "application/json"):
        answer = await put(publisher, archive, **{"Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    large = await put(publisher, b"", **{"Content-Length": str(17 * 1024**3)})
    assert (large.status_code, large.json()["error"]) == (413, "too_large")
    begun = (await begin(publisher, 100)).headers["Location"]
    for method in ("GET", "HEAD", "DELETE"):
        assert (await other.request(method, begun)).status_code == 403
    assert (await send(other, begun, 0, b"x")).status_code == 403
    assert (await publisher.delete(begun)).status_code == 204
    assert spooled() == []


async def test_parts_are_put_together(publisher: httpx.AsyncClient, garden: str, spooled: Spooled) -> None:
    archive = good_archive()
    begun = await begin(publisher, len(archive), sha256=hashlib.sha256(archive).hexdigest(), version="1.2 beta")
    assert begun.status_code == 201, begun.text
    url = begun.headers["Location"]
    assert begun.headers["Tus-Resumable"] == "1.0.0"
    for offset in range(0, len(archive), 300):
        at = await publisher.head(url)
        assert (at.headers["Upload-Offset"], at.headers["Upload-Length"]) == (str(offset), str(len(archive)))
        assert at.headers["Cache-Control"] == "no-store"
        sent = await send(publisher, url, offset, archive[offset : offset + 300])
        assert sent.status_code == 204, sent.text
        assert sent.headers["Upload-Offset"] == str(min(len(archive), offset + 300))
    details = await settled(publisher)
    assert (details["status"], details["upload"]["version"]) == ("active", "1.2 beta")
    await emptied(spooled)
    closed = await send(publisher, url, len(archive), b"more")
    assert (closed.status_code, closed.json()["error"]) == (409, "upload_closed")
    assert (await publisher.delete(url)).status_code == 409


async def test_what_has_just_arrived_is_not_given_up(
    publisher: httpx.AsyncClient, garden: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = good_archive()
    url = (await begin(publisher, len(archive))).headers["Location"]
    looked = Uploads.of

    async def looks_while_it_arrives(uploads: Uploads, by: Publisher, slug: str, upload_id: str) -> Owned:
        found = await looked(uploads, by, slug, upload_id)
        monkeypatch.setattr(Uploads, "of", looked)
        assert (await send(publisher, url, 0, archive)).status_code == 204
        return found

    monkeypatch.setattr(Uploads, "of", looks_while_it_arrives)
    late = await publisher.delete(url)
    assert (late.status_code, late.json()["error"]) == (409, "upload_closed")
    assert (await settled(publisher))["status"] == "active"
    async with services.database.read() as session:
        given_up = select(AuditEvent.id).where(AuditEvent.action == Action.GAME_UPLOAD_GIVE_UP)
        assert (await session.scalars(given_up)).all() == []


async def test_a_part_from_elsewhere_is_refused_with_where_it_goes_on(
    publisher: httpx.AsyncClient, garden: str, spooled: Spooled
) -> None:
    url = (await begin(publisher, 100)).headers["Location"]
    assert (await send(publisher, url, 0, b"x" * 40)).status_code == 204
    for offset in (0, 39, 41, 100):
        wrong = await send(publisher, url, offset, b"y" * 10)
        assert (wrong.status_code, wrong.json()["error"], wrong.json()["offset"]) == (409, "wrong_offset", "40")
    longer = await send(publisher, url, 40, b"y" * 61)
    assert (longer.status_code, longer.json()["error"]) == (400, "invalid_request")
    assert (await publisher.head(url)).headers["Upload-Offset"] == "40"
    assert (await publisher.delete(url)).status_code == 204
    assert (await publisher.head(url)).status_code == 404
    assert spooled() == []


async def test_another_tus_and_other_words_are_refused(publisher: httpx.AsyncClient, garden: str) -> None:
    options = await publisher.options(UPLOADS)
    assert (options.status_code, options.headers["Tus-Version"]) == (204, "1.0.0")
    assert options.headers["Tus-Extension"] == "creation,expiration,termination"
    old = await publisher.post(UPLOADS, headers={"Tus-Resumable": "0.2.2", "Upload-Length": "5"})
    assert (old.status_code, old.json()["error"]) == (412, "unsupported_version")
    for headers in (
        {},
        {"Upload-Length": "5"},
        {"Tus-Resumable": "1.0.0"},
        {"Tus-Resumable": "1.0.0", "Upload-Length": "0"},
        {"Tus-Resumable": "1.0.0", "Upload-Length": "x"},
        {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "sha256 eA=="},
        {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "version ?"},
    ):
        assert (await publisher.post(UPLOADS, headers=headers)).status_code == 400, headers
    large = await begin(publisher, 17 * 1024**3)
    assert (large.status_code, large.json()["error"]) == (413, "too_large")


async def test_two_at_once_of_one_game_is_one_too_many(
    publisher: httpx.AsyncClient, garden: str, images: KeptImages, spooled: Spooled
) -> None:
    archive, may_end, has_begun = good_archive(), asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield archive[:100]
        has_begun.set()
        await may_end.wait()
        yield archive[100:]

    headers = {"Content-Type": "application/gzip", "Content-Length": str(len(archive))}
    first = asyncio.create_task(publisher.put(f"{GARDEN}/upload", content=slowly(), headers=headers))
    await has_begun.wait()
    for second in (await put(publisher, archive), await begin(publisher, 100)):
        assert (second.status_code, second.json()["error"]) == (409, "upload_in_progress")
    images.may_go_on.clear()
    may_end.set()
    assert (await first).status_code == 202
    third = await put(publisher, archive)  # while it is looked at
    assert (third.status_code, third.json()["error"]) == (409, "upload_in_progress")
    images.may_go_on.set()
    assert (await settled(publisher))["status"] == "active"
    await emptied(spooled)


async def test_at_the_same_instant_one_of_many_begins(publisher: httpx.AsyncClient, garden: str) -> None:
    answers = await asyncio.gather(*(begin(publisher, 100) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_a_cut_upload_goes_on_where_it_was_cut(
    publisher: httpx.AsyncClient, garden: str, served: str, services: Services
) -> None:
    archive = tar_gz([launcher(), Packed("garden/noise", os.urandom(3_000_000))])
    await cut(served, publisher, archive[:2_500_000], {"Content-Length": str(len(archive))})
    details = await until_rests(publisher, services)
    upload = details["upload"]
    assert upload["state"] == "receiving"
    offset = int((await publisher.head(upload["url"])).headers["Upload-Offset"])
    assert offset == 2_500_000
    assert (await send(publisher, upload["url"], offset, archive[offset:])).status_code == 204
    details = await settled(publisher)
    assert (details["status"], details["upload"]["digest"]) == ("active", hashlib.sha256(archive).hexdigest())


async def test_a_cut_upload_gives_way_to_the_next_try_at_once(
    publisher: httpx.AsyncClient, garden: str, served: str, services: Services, spooled: Spooled
) -> None:
    archive = good_archive()
    await cut(served, publisher, archive[:300], {"Content-Length": str(len(archive))})
    await until_rests(publisher, services)
    assert (await put(publisher, archive)).status_code == 202
    assert (await settled(publisher))["status"] == "active"
    await emptied(spooled)


async def test_a_cut_upload_of_unknown_length_leaves_nothing(
    publisher: httpx.AsyncClient, garden: str, served: str, spooled: Spooled
) -> None:
    await cut(served, publisher, b"64\r\n" + bytes(100) + b"\r\n", {"Transfer-Encoding": "chunked"})

    async def is_gone() -> bool:
        return not spooled() and (await publisher.get(garden)).json()["upload"] is None

    await until(is_gone)


async def test_what_rests_gives_way_after_a_minute_and_is_gone_after_a_day(
    publisher: httpx.AsyncClient, garden: str, services: Services, spooled: Spooled, settings: Settings
) -> None:
    first = (await begin(publisher, 100)).headers["Location"]
    await send(publisher, first, 0, b"x" * 50)
    assert (await begin(publisher, 100)).status_code == 409
    await age(services, timedelta(minutes=2))
    second = (await begin(publisher, 100)).headers["Location"]
    assert (await publisher.head(first)).status_code == 404
    assert spooled() == [second.rpartition("/")[2]]

    orphan = settings.data / "uploads" / ("upl" + "0" * 22)
    orphan.write_bytes(b"of a replica that died")
    os.utime(orphan, (0, time.time() - 90_000))
    await services.uploads.clear()
    assert spooled() == [second.rpartition("/")[2]]
    await age(services, timedelta(hours=25))
    await services.uploads.clear()
    assert spooled() == []
    assert (await publisher.head(second)).status_code == 404
    assert (await publisher.get(garden)).json()["upload"] is None


async def test_another_replicas_bytes_are_out_of_reach(
    publisher: httpx.AsyncClient, garden: str, services: Services
) -> None:
    url = (await begin(publisher, 100)).headers["Location"]
    async with services.database.write() as session:
        await session.execute(update(Upload).values(spool="elsewhere"))
    for answer in (await send(publisher, url, 0, b"x"), await publisher.get(url)):
        assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
        assert answer.headers["Retry-After"]


async def test_a_registry_that_is_away_rejects_nothing(
    publisher: httpx.AsyncClient, garden: str, images: KeptImages, services: Services, spooled: Spooled
) -> None:
    images.failure = AWAY
    await put(publisher, good_archive())
    await until_put_off(services)
    waiting = (await publisher.get(garden)).json()
    assert waiting["status"] == "processing"
    assert [reason["code"] for reason in waiting["upload"]["reasons"]] == ["waits_for_store"]
    images.failure = None
    await age(services, timedelta(minutes=2))
    details = await settled(publisher)
    assert (details["status"], details["upload"]["reasons"]) == ("active", [])
    await emptied(spooled)


@pytest.mark.parametrize("failure", [AWAY, RuntimeError("a mistake of ours")])
async def test_what_fails_for_hours_is_told_and_leaves_nothing(
    publisher: httpx.AsyncClient,
    garden: str,
    images: KeptImages,
    services: Services,
    spooled: Spooled,
    failure: Exception,
) -> None:
    images.failure = failure
    upload = (await put(publisher, good_archive())).json()["upload"]["id"]
    await until_put_off(services)
    await until_only(spooled, upload)
    await age(services, timedelta(hours=7))
    details = await settled(publisher)
    assert [reason["code"] for reason in details["upload"]["reasons"]] == ["not_stored"]
    assert spooled() == []


async def test_a_disk_that_is_full_while_the_layer_is_written_rejects_nothing_and_is_filled_no_further(
    publisher: httpx.AsyncClient,
    garden: str,
    services: Services,
    spooled: Spooled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def on_a_full_disk(spool: Spool, upload_id: str) -> Path:
        layer = new_layer(spool, upload_id)
        layer.symlink_to("/dev/full")
        return layer

    new_layer = Spool.new_layer
    with monkeypatch.context() as full:
        full.setattr(Spool, "new_layer", on_a_full_disk)
        upload = (await put(publisher, good_archive())).json()["upload"]["id"]
        await until_put_off(services)
        await until_only(spooled, upload)
        await age(services, timedelta(seconds=40))
        await until_put_off(services)
        await until_only(spooled, upload)
    await age(services, timedelta(minutes=2))
    assert (await settled(publisher))["status"] == "active"
    await emptied(spooled)


class Disk:
    """As large as it is told to be beyond what archives leave free, and as full as the spool makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.room_bytes = 10**9

    def usage(self, _: Path) -> SimpleNamespace:
        taken_bytes = sum(file.stat().st_size for file in self.folder.iterdir() if file.name != ".id")
        return SimpleNamespace(free=FLOOR_BYTES + self.room_bytes - taken_bytes)


@pytest.fixture
def disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(settings.data / "uploads")
    monkeypatch.setattr("orchestrator.publishers.spool.shutil.disk_usage", disk.usage)
    return disk


async def test_what_one_upload_is_promised_no_other_one_is(
    publisher: httpx.AsyncClient, garden: str, disk: Disk, services: Services
) -> None:
    await publisher.post(GAMES, json={**FORM, "slug": "another"})
    other = f"{GAMES}/another/uploads"
    disk.room_bytes = 100_000_000
    full = await begin(publisher, 50_000_001)
    assert (full.status_code, full.json()["error"]) == (503, "store_unavailable")
    first = (await begin(publisher, 40_000_000)).headers["Location"]
    for part in range(2):
        assert (await send(publisher, first, part * 5_000_000, bytes(5_000_000))).status_code == 204
        assert (await begin(publisher, 10_000_001, at=other)).status_code == 503
    assert (await begin(publisher, 10_000_000, at=other)).status_code == 201

    await age(services, timedelta(minutes=2))  # both rest
    assert (await begin(publisher, 45_000_001, at=other)).status_code == 503
    assert (await begin(publisher, 45_000_000, at=other)).status_code == 201


async def test_nothing_that_comes_takes_what_is_left_for_saves_and_the_database(
    publisher: httpx.AsyncClient, garden: str, disk: Disk, spooled: Spooled
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield bytes(1_000_000)

    disk.room_bytes = 5_000_000
    endless = await publisher.put(f"{garden}/upload", content=body(), headers={"Content-Type": "application/gzip"})
    assert (endless.status_code, endless.json()["error"]) == (503, "store_unavailable")
    assert spooled() == []
    begun = (await begin(publisher, 2_500_000)).headers["Location"]
    disk.room_bytes = 1_000_000  # something else has grown
    assert (await send(publisher, begun, 0, bytes(100))).status_code == 503
    disk.room_bytes = 5_000_000
    assert (await send(publisher, begun, 0, bytes(100))).status_code == 204


async def test_a_layer_waits_for_room(
    publisher: httpx.AsyncClient, garden: str, disk: Disk, images: KeptImages, services: Services, spooled: Spooled
) -> None:
    images.failure = AWAY
    upload = (await put(publisher, good_archive())).json()["upload"]["id"]
    await until_put_off(services)
    images.failure = None
    disk.room_bytes = 0
    await age(services, timedelta(seconds=40))
    await until_put_off(services)
    await until_only(spooled, upload)
    disk.room_bytes = 10**9
    await age(services, timedelta(seconds=40))
    assert (await settled(publisher))["status"] == "active"


async def test_an_upload_whose_replica_died_is_processed_by_the_next(
    publisher: httpx.AsyncClient, garden: str, images: KeptImages, services: Services
) -> None:
    images.may_go_on.clear()
    await put(publisher, good_archive())
    await until_busy(services, 30)
    assert not await services.publishing.round()
    await age(services, timedelta(minutes=2))
    other = asyncio.create_task(services.publishing.round())
    await until_busy(services, 30)
    images.may_go_on.set()
    assert await other
    assert (await settled(publisher))["status"] == "active"
    assert len((await publisher.get(f"{garden}/versions")).json()["versions"]) == 1


async def cut(url: str, publisher: httpx.AsyncClient, part: bytes, headers: dict[str, str]) -> None:
    """Begin a PUT and hang up in the middle of its body."""
    host, _, port = url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    lines = [f"PUT {GARDEN}/upload HTTP/1.1", f"Host: {host}", "Content-Type: application/gzip"]
    lines += [f"Authorization: {publisher.headers['Authorization']}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + part)
    await writer.drain()

    async def has_begun() -> bool:
        return (await publisher.get(GARDEN)).json()["upload"] is not None

    await until(has_begun)
    writer.close()
    await writer.wait_closed()


async def emptied(spooled: Spooled) -> None:
    """What an accepted upload leaves goes after the answer that it was accepted."""
    await until_only(spooled)


async def until_only(spooled: Spooled, *uploads: str) -> None:
    async def is_so() -> bool:
        return spooled() == sorted(uploads)

    await until(is_so)


async def until_rests(publisher: httpx.AsyncClient, services: Services) -> dict[str, Any]:

    async def rests() -> bool:
        return (await busy_for_s(services)) <= 0

    await until(rests)
    return (await publisher.get(GARDEN)).json()


async def until_busy(services: Services, seconds: float) -> None:
    """Somebody has taken the upload, or put it off, for longer than this."""

    async def is_busy() -> bool:
        return (await busy_for_s(services)) >= seconds

    await until(is_busy)


async def until_put_off(services: Services) -> None:
    """It was tried, and will be again in half a minute: a lease is longer."""

    async def is_put_off() -> bool:
        return 0 < (await busy_for_s(services)) <= 30

    await until(is_put_off)


async def busy_for_s(services: Services) -> float:
    async with services.database.read() as session:
        now = await services.database.now(session)
        [upload] = await session.scalars(select(Upload))
    return (upload.busy_until - now).total_seconds()


async def age(services: Services, by: timedelta) -> None:
    """As if every upload had been begun so much earlier."""
    async with services.database.write() as session:
        for upload in await session.scalars(select(Upload)):
            upload.busy_until -= by
            upload.changed_at -= by
        services.notices.publish_after_commit(session, NEWS)
