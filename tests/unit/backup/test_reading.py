"""A backup is read as a stranger's archive: whole, exactly as its manifest says, or not at all."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.manifest import MOST_MANIFEST_BYTES
from orchestrator.backup.reading import Unpacked, unpack

ROWS = b'["acc1","ada@example.org"]\n'
SAVE = b"a save"
KEY = "slt1/ses1-1-1-" + "a" * 64 + "-arc1.tar.zst"
Members = list[tuple[tarfile.TarInfo, bytes]]


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def manifest(**changes: object) -> bytes:
    told: dict[str, object] = {
        "kind": "playhouse-backup",
        "format": 1,
        "made_at": "2027-01-01T03:00:00Z",
        "program": "0.1.0",
        "revision": "0028",
        "has_archives": True,
        "tables": {"accounts": {"columns": ["id", "email"], "count": 1}},
        "members": {
            "rows/accounts.jsonl": {"size_bytes": len(ROWS), "sha256": hashlib.sha256(ROWS).hexdigest()},
            "archives/0000000": {"size_bytes": len(SAVE), "sha256": hashlib.sha256(SAVE).hexdigest(), "key": KEY},
        },
    }
    return json.dumps(told | changes).encode()


def whole() -> Members:
    return [member("rows/accounts.jsonl", ROWS), member("archives/0000000", SAVE), member("manifest.json", manifest())]


def packed(members: Members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Unpacked]:
    """Unpacks into a folder of this test's own."""
    (tmp_path / "inside").mkdir()
    return lambda archive: unpack([archive[at : at + 700] for at in range(0, len(archive), 700)], tmp_path / "inside")


def test_a_whole_backup_is_unpacked_member_by_member(read: Callable[[bytes], Unpacked]) -> None:
    unpacked = read(packed(whole()))
    assert unpacked.file("rows/accounts.jsonl").read_bytes() == ROWS
    assert unpacked.file("archives/0000000").read_bytes() == SAVE
    assert unpacked.manifest.members["archives/0000000"].key == KEY
    assert {path.stat().st_mode & 0o777 for path in unpacked.folder.iterdir()} == {0o600}


def with_key(key: object, name: str = "archives/0000000") -> bytes:
    told: dict[str, object] = {"size_bytes": len(SAVE), "sha256": hashlib.sha256(SAVE).hexdigest()}
    rows: dict[str, object] = {"size_bytes": len(ROWS), "sha256": hashlib.sha256(ROWS).hexdigest()}
    members = {"rows/accounts.jsonl": rows, "archives/0000000": told}
    members[name] = members[name] | {"key": key}
    return manifest(members=members)


TRAVERSAL = member("../outside", b"x")
HOSTILE: Sequence[tuple[str, Members]] = (
    ("leads out", [TRAVERSAL, *whole()]),
    ("leads out", [member("archives/../../outside", b"x"), *whole()]),
    ("absolute path", [member("/etc/outside", b"x"), *whole()]),
    ("holds 'archives/0000001'", [member("archives/0000001", kind=tarfile.SYMTYPE, link="0000000"), *whole()]),
    ("is a link", [member("archives/0000001", kind=tarfile.SYMTYPE, link="/etc/shadow"), *whole()]),
    ("is a link", [member("archives/0000001", kind=tarfile.LNKTYPE, link="/etc/shadow"), *whole()]),
    ("is a device", [member("archives/0000001", kind=tarfile.CHRTYPE), *whole()]),
    ("is a pipe", [member("archives/0000001", kind=tarfile.FIFOTYPE), *whole()]),
    ("holds 'archives'", [member("archives", kind=tarfile.DIRTYPE), *whole()]),
    ("is there twice", [member("archives/0000000", SAVE), *whole()]),
    ("holds 'files/authorized_keys'", [member("files/authorized_keys", b"x"), *whole()]),
    ("holds 'rows/Accounts.sql'", [member("rows/Accounts.sql", b"DROP"), *whole()]),
    ("has no manifest", whole()[:-1]),
    ("is no backup", [*whole()[:-1], member("manifest.json", b"{}")]),
    ("is no backup", [*whole()[:-1], member("manifest.json", b"\xff" * 100)]),
    ("is no backup", [*whole()[:-1], member("manifest.json", with_key("../../etc/cron.d/x"))]),
    ("is no backup", [*whole()[:-1], member("manifest.json", with_key("slt1/.hidden"))]),
    ("what it cannot be", [*whole()[:-1], member("manifest.json", with_key(None))]),
    ("what it cannot be", [*whole()[:-1], member("manifest.json", with_key(KEY, "rows/accounts.jsonl"))]),
    ("has form 2", [*whole()[:-1], member("manifest.json", manifest(format=2))]),
    ("lacks 'archives/0000000'", [whole()[0], whole()[2]]),
    ("does not list", [member("archives/0000009", b"x"), *whole()]),
    ("SHA-256 is another", [member("rows/accounts.jsonl", ROWS.replace(b"ada", b"eve")), *whole()[1:]]),
    ("SHA-256 is another", [whole()[0], member("archives/0000000", SAVE + b"!"), whole()[2]]),
    ("other tables", [*whole()[:-1], member("manifest.json", manifest(tables={}))]),
)


@pytest.mark.parametrize(("why", "members"), HOSTILE)
def test_an_archive_that_is_no_whole_backup_of_ours_is_refused(
    why: str, members: Members, read: Callable[[bytes], Unpacked], tmp_path: Path
) -> None:
    with pytest.raises(BackupRefused, match=why):
        read(packed(members))
    assert [path.name for path in tmp_path.iterdir()] == ["inside"], "nothing comes to lie anywhere else"


def test_a_backup_that_was_cut_off_is_refused_wherever_that_was(tmp_path: Path) -> None:
    archive = packed(whole())
    mark = len(archive.rstrip(b"\0"))
    for at, end in enumerate([*range(0, mark, 100), mark - 1]):
        (tmp_path / str(at)).mkdir()
        with pytest.raises(BackupRefused):
            unpack([archive[:end]], tmp_path / str(at))


def test_what_has_no_room_is_refused_before_it_is_written(
    read: Callable[[bytes], Unpacked], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def usage_of(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=64 * 1024**2 + len(ROWS) - 1)

    monkeypatch.setattr(shutil, "disk_usage", usage_of)
    with pytest.raises(BackupRefused, match="has no room"):
        read(packed(whole()))
    assert list((tmp_path / "inside").iterdir()) == []


def test_a_manifest_without_end_is_not_read(read: Callable[[bytes], Unpacked]) -> None:
    info, _ = member("manifest.json")
    info.size = MOST_MANIFEST_BYTES + 1
    with pytest.raises(BackupRefused, match="too long"):
        read(info.tobuf())
