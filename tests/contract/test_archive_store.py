"""One contract, three stores: what saves rely on holds for the folder, for S3 and for their twin in memory."""

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.errors import InvalidRequest, StoreUnavailable
from orchestrator.saves.folder_store import PARTIALS, FolderStore
from orchestrator.saves.memory_store import MemoryStore
from orchestrator.saves.s3_location import S3Location
from orchestrator.saves.s3_store import S3Store
from orchestrator.saves.store import ArchiveGone, ArchiveStore
from tests.s3_server import Mood, S3Server, faulty_way

KEY = "slot/session-1.tar.zst"
ARCHIVE = b"chapter one"


@dataclass
class Case:
    """A store under test, and the two things that its owner can do to it."""

    store: ArchiveStore
    take_away: Callable[[], None]
    bring_back: Callable[[], None]

    async def put(self, content: bytes = ARCHIVE, key: str = KEY) -> None:
        await self.store.put(key, _digest(content), len(content), pieces(content))

    async def get(self, key: str = KEY) -> bytes:
        return b"".join([piece async for piece in self.store.read(key)])

    async def keys(self) -> set[str]:
        return {key async for key in self.store.stored_before(time.time() + 3600)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        await asyncio.sleep(0)
        yield content


@pytest.fixture(params=["memory", "folder", "s3"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Case]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Case(memory, lambda: setattr(memory, "is_away", True), lambda: setattr(memory, "is_away", False))
        return
    if request.param == "s3":
        request.getfixturevalue("s3_keys")
        server: S3Server = request.getfixturevalue("s3_server")
        location = S3Location(request.getfixturevalue("s3_bucket"), f"{secrets.token_hex(4)}/")
        async with faulty_way(server.endpoint) as way, S3Store(location, way.url) as store:
            yield Case(store, lambda: way.be(Mood.GONE), lambda: way.be(Mood.WELL))
        return
    root, aside = tmp_path / "saves", tmp_path / "aside"
    root.mkdir()

    def take_away() -> None:
        root.rename(aside)
        root.write_text("no folder")

    def bring_back() -> None:
        root.unlink()
        aside.rename(root)

    yield Case(FolderStore(root), take_away, bring_back)


async def test_what_was_stored_is_read_again(case: Case) -> None:
    large = os.urandom(700_000)
    await case.put(large)
    assert await case.get() == large


async def test_an_empty_archive_is_an_archive(case: Case) -> None:
    await case.put(b"")
    assert await case.get() == b""


async def test_a_store_is_create_only_and_the_same_key_twice_is_harmless(case: Case) -> None:
    await case.put()
    await case.put()
    await case.put(b"other bytes")
    assert await case.get() == ARCHIVE
    assert await case.keys() == {KEY}


async def test_one_key_put_many_times_at_once_is_one_whole_archive(case: Case) -> None:
    await asyncio.gather(*(case.put() for _ in range(8)))
    assert await case.get() == ARCHIVE
    assert await case.keys() == {KEY}


@pytest.mark.parametrize(
    ("digest", "size"),
    [("0" * 64, len(ARCHIVE)), (_digest(ARCHIVE), len(ARCHIVE) - 1), (_digest(ARCHIVE), len(ARCHIVE) + 1)],
    ids=["wrong digest", "longer than said", "shorter than said"],
)
async def test_a_body_that_is_not_what_was_said_leaves_nothing(case: Case, digest: str, size: int) -> None:
    with pytest.raises(InvalidRequest):
        await case.store.put(KEY, digest, size, pieces(ARCHIVE))
    await assert_nothing_is_left(case)


async def test_a_body_that_never_ends_is_read_no_further_than_was_said(case: Case) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"more"

    with pytest.raises(InvalidRequest):
        await case.store.put(KEY, _digest(ARCHIVE), len(ARCHIVE), endless())
    await assert_nothing_is_left(case)


async def test_a_body_that_breaks_off_leaves_nothing(case: Case) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield ARCHIVE[:4]
        raise ConnectionResetError("the host went away")

    with pytest.raises(ConnectionResetError):
        await case.store.put(KEY, _digest(ARCHIVE), len(ARCHIVE), broken())
    await assert_nothing_is_left(case)


async def test_a_put_that_is_cancelled_leaves_nothing(case: Case) -> None:
    has_begun = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield ARCHIVE[:4]
        has_begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(case.store.put(KEY, _digest(ARCHIVE), len(ARCHIVE), stuck()))
    await has_begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await assert_nothing_is_left(case)


@pytest.mark.parametrize("steps", range(1, 12))
async def test_wherever_a_put_is_cancelled_there_is_all_or_nothing(case: Case, steps: int) -> None:
    putting = asyncio.create_task(case.put())
    for _ in range(steps):
        await asyncio.sleep(0)
    putting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await putting
    if await case.keys():
        assert await case.get() == ARCHIVE
    else:
        await assert_nothing_is_left(case)


async def test_what_was_never_stored_or_is_deleted_is_gone(case: Case) -> None:
    with pytest.raises(ArchiveGone):
        await case.get()
    await case.put()
    await case.store.delete(KEY)
    with pytest.raises(ArchiveGone):
        await case.get()


async def test_deleting_twice_is_fine(case: Case) -> None:
    await case.put()
    await case.store.delete(KEY)
    await case.store.delete(KEY)
    await case.store.delete("never/there")
    assert await case.keys() == set()


async def test_only_what_is_old_enough_is_listed(case: Case) -> None:
    assert await case.keys() == set()
    await case.put()
    await case.put(key="other/session-2.tar.zst")
    assert await case.keys() == {KEY, "other/session-2.tar.zst"}
    assert [key async for key in case.store.stored_before(time.time() - 3600)] == []


async def test_a_store_that_fails_says_so_and_loses_nothing(case: Case) -> None:
    await case.put()
    case.take_away()
    attempts: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: case.put(b"chapter two", key="slot/session-2.tar.zst"),
        case.get,
        lambda: case.store.delete(KEY),
        case.keys,
        lambda: case.store.clear_abandoned(time.time()),
        case.store.check,
        lambda: case.store.prove(KEY, _digest(ARCHIVE), len(ARCHIVE)),
    )
    for attempt in attempts:
        with pytest.raises(StoreUnavailable):
            await attempt()
    case.bring_back()
    assert await case.get() == ARCHIVE
    assert await case.keys() == {KEY}


async def test_what_lies_in_the_store_is_proven(case: Case) -> None:
    await case.put()
    await case.store.prove(KEY, _digest(ARCHIVE), len(ARCHIVE))
    for digest, size in ((_digest(b"other bytes"), len(ARCHIVE)), (_digest(ARCHIVE), len(ARCHIVE) + 1)):
        with pytest.raises(InvalidRequest):
            await case.store.prove(KEY, digest, size)
    with pytest.raises(ArchiveGone):
        await case.store.prove("slot/never.tar.zst", _digest(ARCHIVE), len(ARCHIVE))


async def test_a_store_that_is_there_says_so(case: Case) -> None:
    await case.store.check()


async def test_a_store_whose_folder_is_missing_is_away_and_not_empty(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "unmounted")
    with pytest.raises(StoreUnavailable):
        [piece async for piece in store.read(KEY)]
    with pytest.raises(StoreUnavailable):
        await store.delete(KEY)


async def test_what_a_folder_keeps_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "saves")
    await store.put(KEY, _digest(ARCHIVE), len(ARCHIVE), pieces(ARCHIVE))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (store.root, *store.root.rglob("*"))}
    assert modes == {"saves": 0o700, PARTIALS: 0o700, "slot": 0o700, "session-1.tar.zst": 0o600}


@pytest.mark.parametrize("call", ["fsync", "link"])
async def test_a_full_disk_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = FolderStore(tmp_path)
    with monkeypatch.context() as disk:
        disk.setattr(f"orchestrator.saves.folder_store.os.{call}", full)
        with pytest.raises(StoreUnavailable):
            await store.put(KEY, _digest(ARCHIVE), len(ARCHIVE), pieces(ARCHIVE))
    assert files_below(tmp_path) == []
    await store.put(KEY, _digest(ARCHIVE), len(ARCHIVE), pieces(ARCHIVE))


async def test_what_a_crash_left_is_never_seen_and_goes_when_it_is_old(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    now_s = time.time()
    old, of_another_replica = tmp_path / PARTIALS / "old", tmp_path / PARTIALS / "young"
    old.parent.mkdir()
    for partial in (old, of_another_replica):
        partial.write_bytes(b"half of an arch")
    os.utime(old, (now_s - 7200, now_s - 7200))
    assert [key async for key in store.stored_before(now_s + 3600)] == []
    await store.clear_abandoned(now_s - 3600)
    assert list((tmp_path / PARTIALS).iterdir()) == [of_another_replica]


async def assert_nothing_is_left(case: Case) -> None:
    assert await case.keys() == set()
    if isinstance(case.store, FolderStore):
        assert files_below(case.store.root) == []


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
