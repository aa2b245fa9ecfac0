"""`orchestrator backup` and `restore` as an operator types them, and what they say when it does not go."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result

from orchestrator import cli
from orchestrator.backup import restoring
from orchestrator.backup.building import build
from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.reading import unpack
from orchestrator.backup.workplace import UNFINISHED
from orchestrator.replica import sole_replica
from orchestrator.settings import Settings
from tests.conftest import only_on

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    """With a person in the house."""

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli.main, arguments, input=stdin)

    assert run("users", "create", "ada@example.org", "--password-stdin", stdin="correct horse\n").exit_code == 0
    return run


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Callable[[], Path]:
    """From its call on, commands are about a folder that is not there yet."""

    def go() -> Path:
        monkeypatch.setenv("ORCHESTRATOR_DATA", str(tmp_path / "elsewhere"))
        monkeypatch.delenv("ORCHESTRATOR_DATABASE_URL", raising=False)
        return tmp_path / "elsewhere"

    return go


def test_a_backup_is_one_file_for_its_owner_alone_and_is_made_once(
    run: Run, elsewhere: Callable[[], Path], tmp_path: Path
) -> None:
    file = tmp_path / "night.tar"
    made = run("backup", str(file))
    assert made.exit_code == 0, made.output
    assert made.output.startswith("Backed up ")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    again = run("backup", str(file))
    assert (again.exit_code, again.output) == (1, f"Error: {file} is there already.\n")
    elsewhere()
    back = run("restore", str(file))
    assert back.exit_code == 0, back.output
    assert back.output.startswith("Restored what was there at ")
    assert "ada@example.org" in run("users", "list").output


@only_on("sqlite")
def test_a_drive_without_hard_links_takes_a_backup_as_well(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "night.tar"
    made = run("backup", str(file))
    assert made.exit_code == 0, made.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    assert run("backup", str(file)).output == f"Error: {file} is there already.\n"


@only_on("sqlite")
def test_a_stream_goes_through_a_pipe(run: Run, elsewhere: Callable[[], Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orchestrator", "backup", "-"]
    made = subprocess.run(command, check=True, capture_output=True)
    assert made.stderr.startswith(b"Backed up ")
    elsewhere()
    assert run("restore", "-", stdin=made.stdout).exit_code == 0
    assert "ada@example.org" in run("users", "list").output


@only_on("sqlite")
def test_what_is_there_gives_way_only_when_it_is_told_and_is_kept(run: Run, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "night.tar"
    assert run("backup", str(file)).exit_code == 0
    assert run("users", "create", "eve@example.org", "--password-stdin", stdin="correct horse\n").exit_code == 0
    refused = run("restore", str(file))
    assert refused.exit_code == 1
    assert refused.output.count("\n") == 1
    assert "--replace" in refused.output
    with sole_replica(settings):
        busy = run("restore", "--replace", str(file))
    assert "A replica already runs" in busy.output
    assert "eve@example.org" in run("users", "list").output

    done = run("restore", "--replace", str(file))
    assert done.exit_code == 0, done.output
    assert "orchestrator.sqlite3.replaced-1" in done.output
    assert "eve@example.org" not in run("users", "list").output
    (settings.data / "orchestrator.sqlite3.replaced-1").replace(settings.data / "orchestrator.sqlite3")
    assert "eve@example.org" in run("users", "list").output


@only_on("sqlite")
def test_a_restore_that_failed_in_the_middle_is_tried_again_as_it_was(
    run: Run, elsewhere: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "night.tar"
    assert run("backup", str(file)).exit_code == 0
    data = elsewhere()

    def fail(*_: object, **__: object) -> NoReturn:
        (data / "saves").mkdir(exist_ok=True)
        (data / "saves" / "an archive").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(restoring, "_put_in_place", fail)
        assert run("restore", str(file)).output == "Error: The disk is full.\n"
    again = run("restore", str(file))
    assert again.exit_code == 0, again.output
    assert "ada@example.org" in run("users", "list").output
    assert not (data / UNFINISHED).exists()
    assert "--replace" in run("restore", str(file)).output, "now there is something"


@only_on("sqlite")
def test_a_folder_that_is_begun_anew_after_a_restore_that_failed_is_not_empty(
    run: Run, elsewhere: Callable[[], Path], tmp_path: Path
) -> None:
    file = tmp_path / "night.tar"
    assert run("backup", str(file)).exit_code == 0
    data = elsewhere()
    data.mkdir()
    (data / UNFINISHED).touch()
    assert run("migrate").exit_code == 0
    assert run("users", "list").exit_code == 0
    (data / "saves").mkdir(exist_ok=True)
    (data / "orchestrator.sqlite3").unlink()
    assert "is not empty (" in run("restore", str(file)).output


@only_on("sqlite")
@pytest.mark.parametrize("has_links", [True, False])
def test_at_every_moment_of_a_replacement_a_database_is_there(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    file, database = tmp_path / "night.tar", settings.data / "orchestrator.sqlite3"
    assert run("backup", str(file)).exit_code == 0
    assert run("users", "create", "eve@example.org", "--password-stdin", stdin="correct horse\n").exit_code == 0
    (settings.data / "orchestrator.sqlite3-wal").touch()
    last_step = Path.replace

    def stopped(path: Path, target: Path) -> Path:
        if target == database:
            raise OSError(errno.EIO, "Input/output error")
        return last_step(path, target)

    def refused(_: Path, __: Path) -> NoReturn:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Path, "replace", stopped)
        if not has_links:
            interrupted.setattr(Path, "hardlink_to", refused)
        assert run("restore", "--replace", str(file)).exit_code == 1
    if has_links:
        assert "eve@example.org" in run("users", "list").output
    assert [path.name for path in settings.data.glob("*.sqlite3-wal")] in ([], [f"{database.name}-wal"])
    done = run("restore", str(file), *(["--replace"] if has_links else []))
    assert done.exit_code == 0, done.output
    assert "eve@example.org" not in run("users", "list").output


@only_on("sqlite")
@pytest.mark.parametrize("damage", ["cut", "changed", "newer", "none", "no tar"])
def test_a_backup_that_is_damaged_leaves_nothing(
    run: Run, elsewhere: Callable[[], Path], tmp_path: Path, damage: str
) -> None:
    file = tmp_path / "night.tar"
    assert run("backup", str(file)).exit_code == 0
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "changed":
            file.write_bytes(content.replace(b"ada@example.org", b"eve@example.org"))
        case "newer":
            file.write_bytes(content.replace(b'"revision":"0', b'"revision":"9'))
        case "none":
            file.unlink()
        case _:
            file.write_bytes(b"nothing of the kind" * 1000)
    data = elsewhere()
    refused = run("restore", str(file))
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1), refused.output
    assert refused.output.startswith("Error: ")
    assert [path.name for path in data.glob("*")] in ([], ["replica.lock"])
    assert list(data.glob(".*")) == []


@only_on("sqlite")
def test_a_row_that_no_database_holds_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "night.tar"
    assert run("backup", str(file)).exit_code == 0
    (tmp_path / "unpacked").mkdir()
    unpacked = unpack([file.read_bytes()], tmp_path / "unpacked")
    rows = unpacked.file("rows/accounts.jsonl")
    rows.write_bytes(rows.read_bytes().replace(b"ada@example.org", b"\\ud800"))
    with pytest.raises(BackupRefused, match="do not fit"):
        build(unpacked, tmp_path / "made.sqlite3")


@only_on("sqlite")
def test_what_no_one_would_want_is_said_in_a_line(run: Run, settings: Settings, tmp_path: Path) -> None:
    for words, told in (
        (("backup", str(tmp_path)), "is no file"),
        (("backup", str(tmp_path / "no" / "where.tar")), "No such file"),
        (("restore", "--replace", str(tmp_path)), "Is a directory"),
    ):
        answer = run(*words)
        assert answer.exit_code == 1
        assert told in answer.output
        assert answer.output.count("\n") == 1


@only_on("sqlite")
def test_a_folder_without_a_database_is_named(run: Run, elsewhere: Callable[[], Path], tmp_path: Path) -> None:
    data = elsewhere()
    answer = run("backup", str(tmp_path / "night.tar"))
    assert (answer.exit_code, answer.output.count("\n")) == (1, 1)
    assert f"There is no database in {data}" in answer.output
    assert not data.exists()
    assert not (tmp_path / "night.tar").exists()


@only_on("sqlite")
def test_a_backup_that_is_told_to_end_leaves_nothing_half(run: Run, settings: Settings, tmp_path: Path) -> None:
    """It writes into a pipe that nobody reads any further, and so it waits."""
    big = settings.data / "demo-account.json"
    big.write_bytes(b"x" * 1024**2)
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "orchestrator", "backup", "-"]
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.read(reading, 512)
        assert list(settings.data.glob(".backup-*"))
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(60) == 128 + signal.SIGTERM
        finally:
            process.kill()
    os.close(reading)
    assert list(settings.data.glob(".backup-*")) == []
