"""What is S3's alone: keys, signed addresses, and a server that fails in every way."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator

import aiohttp
import pytest
import structlog

from orchestrator.errors import InvalidRequest, StoreUnavailable
from orchestrator.saves.s3_location import S3Location
from orchestrator.saves.s3_store import MOST_BYTES, S3Store
from orchestrator.saves.store import ArchiveGone, StoreRefused, UploadWay
from tests.s3_server import FaultyWay, Mood, S3Server, faulty_way

ARCHIVE = os.urandom(300_000)
DIGEST = hashlib.sha256(ARCHIVE).hexdigest()
KEY = "slot/session-1.tar.zst"


@pytest.fixture
def location(s3_bucket: str, s3_keys: None) -> S3Location:
    return S3Location(s3_bucket, f"{secrets.token_hex(4)}/")


@pytest.fixture
async def way(s3_server: S3Server) -> AsyncGenerator[FaultyWay]:
    async with faulty_way(s3_server.endpoint) as way:
        yield way


@pytest.fixture
async def store(way: FaultyWay, location: S3Location) -> AsyncGenerator[S3Store]:
    async with S3Store(location, way.url) as store:
        yield store


async def pieces(content: bytes = ARCHIVE) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 50_000):
        yield content[start : start + 50_000]


async def upload(way: UploadWay, content: bytes = ARCHIVE) -> int:
    """What the server says to somebody who has only this way."""
    async with aiohttp.ClientSession() as session, session.put(way.url, data=content, headers=way.headers) as response:
        return response.status


async def test_a_signed_way_stores_these_bytes_under_this_key_once(store: S3Store) -> None:
    way = await store.upload_way(KEY, DIGEST, len(ARCHIVE))
    assert way is not None
    assert await upload(way, os.urandom(len(ARCHIVE))) == 400
    assert await upload(way, ARCHIVE + b"more") == 403
    assert await upload(UploadWay(way.url, {**way.headers, "If-None-Match": "other"})) == 403
    assert await upload(UploadWay(way.url.replace("session-1", "session-2"), way.headers)) == 403
    with pytest.raises(ArchiveGone):
        await store.prove(KEY, DIGEST, len(ARCHIVE))
    assert await upload(way) == 200
    await store.prove(KEY, DIGEST, len(ARCHIVE))
    assert await upload(way) == 412
    assert b"".join([piece async for piece in store.read(KEY)]) == ARCHIVE


async def test_what_is_too_large_for_one_put_has_no_way(store: S3Store) -> None:
    assert await store.upload_way(KEY, DIGEST, MOST_BYTES + 1) is None
    with pytest.raises(InvalidRequest) as refused:
        await store.put(KEY, DIGEST, MOST_BYTES + 1, pieces())
    assert refused.value.code == "save_too_large"


async def test_wrong_keys_and_a_missing_bucket_are_named(
    s3_server: S3Server, location: S3Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with S3Store(S3Location("no-such-bucket"), s3_server.endpoint) as store:
        with pytest.raises(StoreRefused, match="no bucket 'no-such-bucket'"):
            await store.check()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-key-at-all")
    async with S3Store(location, s3_server.endpoint) as store:
        with pytest.raises(StoreRefused, match="SignatureDoesNotMatch") as refused:
            await store.check()
        assert "not-the-key" not in str(refused.value)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    async with S3Store(location, s3_server.endpoint) as store:
        with pytest.raises(StoreRefused, match="needs keys"):
            await store.check()


@pytest.mark.parametrize("mood", [Mood.GONE, Mood.BROKEN])
async def test_a_server_that_fails_is_away_and_back_and_that_is_said_once(
    store: S3Store, way: FaultyWay, mood: Mood
) -> None:
    await store.put(KEY, DIGEST, len(ARCHIVE), pieces())
    way.be(mood)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.put("slot/session-2.tar.zst", DIGEST, len(ARCHIVE), pieces())
        with pytest.raises(StoreUnavailable):
            await store.check()
        way.be(Mood.WELL)
        await store.check()
        await store.put("slot/session-2.tar.zst", DIGEST, len(ARCHIVE), pieces())
    assert [entry["event"] for entry in logs] == ["store.away", "store.back"]
    assert "Signature" not in str(logs)


async def test_a_server_that_says_nothing_holds_nobody_for_long(
    store: S3Store, way: FaultyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("PUT_S", 1.0), ("CALL_S", 1.0), ("CHECK_S", 0.5)):
        monkeypatch.setattr(f"orchestrator.saves.s3_store.{name}", seconds)
    way.be(Mood.STUCK)
    many = [store.put(f"slot/session-{n}.tar.zst", DIGEST, len(ARCHIVE), pieces()) for n in range(60)]
    async with asyncio.timeout(60):
        ends = await asyncio.gather(*many, store.check(), store.delete(KEY), return_exceptions=True)
    assert all(isinstance(end, StoreUnavailable) for end in ends)
    at_most = 2 * 16 + 4  # a crowded machine's way learns late of those that have ended
    assert way.most_at_once <= at_most, "no more connections than places, however many wait"
    way.be(Mood.WELL)
    await store.put(KEY, DIGEST, len(ARCHIVE), pieces())


async def test_an_archive_may_come_slowly_as_long_as_it_comes(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.saves.s3_store.PUT_S", 2.0)
    large, never = os.urandom(9_000_000), asyncio.Event()
    digest = hashlib.sha256(large).hexdigest()

    async def slowly() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1_000_000):
            await asyncio.sleep(0.25)  # a line of 32 Mbit/s
            yield large[start : start + 1_000_000]

    async def stopped() -> AsyncIterator[bytes]:
        yield large[:1_000_000]
        await never.wait()

    await store.put(KEY, digest, len(large), slowly())
    assert [piece async for piece in store.read(KEY)]
    async with asyncio.timeout(60):
        with pytest.raises(StoreUnavailable):
            await store.put("slot/session-2.tar.zst", digest, len(large), stopped())


async def test_an_archive_that_breaks_off_while_it_is_read_is_unavailable(store: S3Store, way: FaultyWay) -> None:
    large = os.urandom(8_000_000)
    await store.put(KEY, hashlib.sha256(large).hexdigest(), len(large), pieces(large))
    reading = store.read(KEY)
    await anext(reading)
    way.be(Mood.GONE)
    with pytest.raises(StoreUnavailable):
        [piece async for piece in reading]


async def test_who_reads_slowly_reads_all_and_who_hardly_reads_gives_up_the_turn(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.saves.s3_store.READ_S", 1.0)
    large = os.urandom(1_000_000)
    await store.put(KEY, hashlib.sha256(large).hexdigest(), len(large), pieces(large))
    whole = b""
    async for piece in store.read(KEY):
        whole += piece
        await asyncio.sleep(0.3)
    assert whole == large
    monkeypatch.setattr("orchestrator.saves.s3_store.SLOWEST_BYTES_PER_S", 1e9)
    reading = store.read(KEY)
    await anext(reading)
    await asyncio.sleep(1.1)
    with pytest.raises(StoreUnavailable):
        await anext(reading)


async def test_a_listing_of_many_pages_is_whole(store: S3Store) -> None:
    keys = {f"slot/session-{n}.tar.zst" for n in range(1010)}
    empty = hashlib.sha256(b"").hexdigest()
    for start in range(0, 1010, 100):
        batch = [f"slot/session-{n}.tar.zst" for n in range(start, min(start + 100, 1010))]
        await asyncio.gather(*(store.put(key, empty, 0, pieces(b"")) for key in batch))
    assert {key async for key in store.stored_before(2**40)} == keys


async def test_stores_in_one_bucket_see_nothing_of_each_other(
    s3_server: S3Server, s3_bucket: str, store: S3Store
) -> None:
    await store.put(KEY, DIGEST, len(ARCHIVE), pieces())
    async with S3Store(S3Location(s3_bucket, "another/"), s3_server.endpoint) as other:
        assert KEY not in {key async for key in other.stored_before(2**40)}
        with pytest.raises(ArchiveGone):
            [piece async for piece in other.read(KEY)]
