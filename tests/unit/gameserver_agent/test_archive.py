"""Save archives: equal folders give equal bytes, and no folder or archive leads outside."""

import asyncio
import io
import os
import shutil
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gameserver_agent import own_thread
from gameserver_agent.errors import SaveError, SaveRefusedError
from gameserver_agent.saves import archive
from gameserver_agent.saves.archive import Archive, Owner, SaveRules
from gameserver_agent.saves.changes import disk_bytes, signature
from gameserver_agent.saves.checkpoint_clock import LATEST_S, QUIET_S, CheckpointClock
from gameserver_agent.saves.home import HomeFolder

ME = Owner(os.getuid(), os.getgid(), drop=False)
ALL = SaveRules((), (".cache", ".cache/*"), 1024**2)


async def captured(home: Path, target: Path, rules: SaveRules = ALL) -> Archive:
    return await archive.capture(home, target, rules, ME, sys.executable)


def names(found: Archive) -> list[str]:
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(found.file.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert all((member.uid, member.gid, member.uname) == (0, 0, "") for member in tar)
        return tar.getnames()


def packed(fill: Callable[[tarfile.TarFile], None]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        fill(tar)
    return zstandard.ZstdCompressor().compress(raw.getvalue())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "saves" / "deep").mkdir(parents=True)
    (home / "saves" / "one").write_bytes(b"1" * 1000)
    (home / "saves" / "deep" / "two").write_bytes(b"22")
    (home / "settings").write_text("loud")
    (home / ".cache").mkdir()
    (home / ".cache" / "shader").write_text("x")
    return home


async def test_what_was_captured_comes_back_and_gives_the_same_archive(home: Path, tmp_path: Path) -> None:
    first = await captured(home, tmp_path / "first")
    assert names(first) == ["saves", "saves/deep", "saves/deep/two", "saves/one", "settings"]
    again = tmp_path / "again"
    again.mkdir()
    await archive.restore(first.file, again, ALL, ME, sys.executable)
    assert (again / "saves" / "deep" / "two").read_bytes() == b"22"
    second = await captured(again, tmp_path / "second")
    assert second.digest == first.digest
    assert second.file.read_bytes() == first.file.read_bytes()


async def test_only_the_save_paths_are_taken(home: Path, tmp_path: Path) -> None:
    rules = SaveRules(("saves/deep", "saves", "missing", "settings"), (), 1024**2)
    found = await captured(home, tmp_path / "archive", rules)
    assert names(found) == ["saves", "saves/deep", "saves/deep/two", "saves/one", "settings"]
    inner = await captured(home, tmp_path / "archive", SaveRules(("saves/deep/two",), (), 1024**2))
    assert names(inner) == ["saves/deep/two"]


async def test_links_devices_and_pipes_are_passed_by(home: Path, tmp_path: Path) -> None:
    (home / "shadow").symlink_to("/etc/shadow")
    (home / "everything").symlink_to("/")
    os.mkfifo(home / "pipe")
    found = await captured(home, tmp_path / "archive")
    assert "shadow" not in names(found)
    assert found.skipped == 3
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "saves").symlink_to(home / "saves")
    assert names(await captured(linked, tmp_path / "other", SaveRules(("saves/one",), (), 1024))) == []


async def test_a_save_with_too_many_files_or_bytes_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SaveError, match="larger"):
        await captured(home, tmp_path / "archive", SaveRules((), (), 100))
    monkeypatch.setattr(archive, "MOST_ENTRIES", 3)
    with pytest.raises(SaveError, match="files"):
        await captured(home, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("path", ["../outside", "/absolute", "a/../../b"])
async def test_no_path_leads_outside(home: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(SaveError, match="outside"):
        await captured(home, tmp_path / "archive", SaveRules((path,), (), 100))
    evil = tmp_path / "evil"
    evil.write_bytes(packed(lambda tar: tar.addfile(tarfile.TarInfo(path))))
    with pytest.raises(SaveError, match="outside"):
        await archive.restore(evil, home, ALL, ME, sys.executable)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
async def test_an_archive_may_hold_files_and_folders_alone(home: Path, tmp_path: Path, kind: bytes) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo("thing")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)

    evil = tmp_path / "evil"
    evil.write_bytes(packed(fill))
    with pytest.raises(SaveError):
        await archive.restore(evil, home, ALL, ME, sys.executable)


async def test_a_restore_writes_through_no_link(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    (home / "saves").symlink_to(outside)
    source = tmp_path / "archive"
    source.write_bytes(packed(lambda tar: tar.addfile(tarfile.TarInfo("saves/one"))))
    with pytest.raises(SaveError):
        await archive.restore(source, home, ALL, ME, sys.executable)
    assert list(outside.iterdir()) == []


async def test_a_damaged_or_swollen_archive_is_refused(home: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"not zstd at all")
    with pytest.raises(SaveError, match="damaged"):
        await archive.restore(damaged, home, ALL, ME, sys.executable)
    bomb = tmp_path / "bomb"
    bomb.write_bytes(zstandard.ZstdCompressor().compress(bytes(256 * 1024**2)))
    with pytest.raises(SaveError):
        await archive.restore(bomb, home, ALL, ME, sys.executable)


async def test_a_cancelled_capture_leaves_no_child_and_no_file(home: Path, tmp_path: Path) -> None:
    capturing = asyncio.create_task(captured(home, tmp_path / "archive"))
    await asyncio.sleep(0)
    capturing.cancel()
    await asyncio.gather(capturing, return_exceptions=True)
    assert not (tmp_path / "archive").exists()


async def test_a_disk_that_hangs_holds_nobody_up(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when it hangs each time: what it holds is bounded."""
    is_well = threading.Event()

    def hang(_descriptor: int) -> None:
        is_well.wait(10)

    monkeypatch.setattr(own_thread, "LET_GO_AFTER_S", 0.01)
    monkeypatch.setattr(own_thread, "MOST_STUCK", 2)
    monkeypatch.setattr(os, "fsync", hang)
    for _ in range(4):
        with pytest.raises(SaveError, match="does not answer"):
            await archive.capture(home, tmp_path / "archive", ALL, ME, sys.executable, deadline_s=0.3)
    stuck = [thread for thread in threading.enumerate() if thread.name == own_thread.NAME]
    assert len(stuck) == 2
    assert not (tmp_path / "archive").exists()
    is_well.set()
    for thread in stuck:
        thread.join(10)
    assert (await captured(home, tmp_path / "archive")).entries == 5


def test_a_signature_sees_changes_of_the_save_alone(home: Path) -> None:
    before = signature(home, (), ALL.excludes)
    (home / ".cache" / "more").write_text("x")
    assert signature(home, (), ALL.excludes) == before
    (home / "saves" / "one").write_text("changed")
    assert signature(home, (), ALL.excludes) != before
    shutil.rmtree(home / "saves")
    assert signature(home, ("saves",)) == signature(home, ("missing",))


def test_a_checkpoint_waits_for_quiet_but_not_for_ever() -> None:
    clock = CheckpointClock(b"a").looked(b"b", 10.0)
    assert not clock.is_due(10.0 + QUIET_S / 2)
    assert clock.is_due(10.0 + QUIET_S)
    busy = clock
    for step in range(1, 30):
        busy = busy.looked(bytes([step]), 10.0 + step * 0.1)
    assert not busy.is_due(12.95)
    assert busy.is_due(10.0 + LATEST_S)
    assert not busy.taken().is_due(100.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.05, 1.0))))
def test_a_change_is_in_a_checkpoint_within_its_promise(steps: list[tuple[int, float]]) -> None:
    clock, now_s, first_s = CheckpointClock(b"0"), 0.0, None
    for content, wait_s in steps:
        now_s += wait_s
        before = clock.signature
        clock = clock.looked(str(content).encode(), now_s)
        if clock.signature != before and first_s is None:
            first_s = now_s
        if clock.is_due(now_s):
            clock, first_s = clock.taken(), None
        assert first_s is None or now_s - first_s < LATEST_S


async def test_a_name_that_is_no_text_comes_back_as_it_was(home: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"save\xff\xfe")
    (home / name).write_text("progress")
    found = await captured(home, tmp_path / "archive")
    assert found.skipped == 0
    again = tmp_path / "again"
    again.mkdir()
    await archive.restore(found.file, again, ALL, ME, sys.executable)
    assert (again / name).read_text() == "progress"
    assert signature(again, ()) != signature(tmp_path / "again", ("other",))


async def test_what_cannot_be_taken_whole_is_refused_by_name(home: Path, tmp_path: Path) -> None:
    (home / "giant").touch()
    os.truncate(home / "giant", 2**40)
    with pytest.raises(SaveRefusedError, match="larger than 1 MB"):
        await captured(home, tmp_path / "archive")
    (home / "giant").unlink()
    deep = home / "/".join(["d"] * 40)
    deep.mkdir(parents=True)
    with pytest.raises(SaveRefusedError, match="32 levels deep"):
        await captured(home, tmp_path / "archive")


def test_looking_at_a_bottomless_folder_ends(home: Path) -> None:
    before = signature(home, ())
    folder = os.open(home, os.O_RDONLY)
    for _ in range(1500):  # deeper than Python recurses, deeper than a path may be long
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    assert signature(home, ()) != before
    assert disk_bytes(home) > 200 * 4096
    HomeFolder(home.parent).remove()
    assert not home.exists()


def test_a_signature_is_taken_over_no_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "outside" / "inner").mkdir(parents=True)
    (home / "way").symlink_to(tmp_path / "outside")
    before = signature(home, ("way/inner", "way"))
    (tmp_path / "outside" / "inner" / "new").touch()
    assert signature(home, ("way/inner", "way")) == before


def test_a_checkpoint_that_failed_is_due_again_though_nothing_changes() -> None:
    clock = CheckpointClock(b"a").looked(b"b", 10.0).taken().failed(14.0)
    assert not clock.is_due(13.9)
    assert clock.looked(b"b", 14.0).is_due(14.0)
    assert not clock.looked(b"c", 11.0).is_due(13.9)
    assert not clock.taken().is_due(100.0)
