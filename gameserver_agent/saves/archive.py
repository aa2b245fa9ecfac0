"""Save archives: a folder becomes a tar+zstd file, and back.

The agent compresses, hashes and counts; a child process that runs as the seat's uid does all that touches the player's
files (`archive_child`). Both directions are bounded in entries, bytes and time, and can be cancelled: the child is then
killed and nothing runs on. Only a disk that hangs can hold the thread that waits for it; nobody waits for that thread,
and what it still writes has no name any more (`own_thread`).
"""

import contextlib
import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import zstandard

from gameserver_agent.errors import SaveError, SaveRefusedError
from gameserver_agent.own_thread import are_too_many_stuck, in_own_thread

MOST_ENTRIES = 20_000
_CHUNK_BYTES = 256 * 1024
_HANGING = "Reading or writing the save took too long: the disk does not answer."
_PROGRAM = (Path(__file__).parent / "archive_child.py").read_text(encoding="utf-8")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Owner:
    """Who the child is. `drop` is False when the agent is already that user."""

    uid: int
    gid: int
    drop: bool


@dataclass(frozen=True)
class SaveRules:
    """What of a home folder is the save."""

    paths: tuple[str, ...]
    excludes: tuple[str, ...]
    most_bytes: int


@dataclass(frozen=True)
class Archive:
    """A finished archive. `digest` is its SHA-256 in hex; `entries` counts files and folders in it."""

    file: Path
    digest: str
    size_bytes: int
    entries: int
    skipped: int


async def capture(
    home: Path, target: Path, rules: SaveRules, owner: Owner, interpreter: str, *, deadline_s: float = 20
) -> Archive:
    """Write the save below `home` to `target`. Equal saves give equal digests. Raises `SaveError`."""

    def work(child: "subprocess.Popen[bytes]") -> Archive:
        assert child.stdout is not None
        digest = hashlib.sha256()
        with target.open("wb") as handle:
            compressor = zstandard.ZstdCompressor(level=3).compressobj()
            while chunk := child.stdout.read(_CHUNK_BYTES):
                piece = compressor.compress(chunk)
                digest.update(piece)
                handle.write(piece)
            piece = compressor.flush()
            digest.update(piece)
            handle.write(piece)
            handle.flush()
            os.fsync(handle.fileno())
        entries, skipped = _answer(child)
        return Archive(target, digest.hexdigest(), target.stat().st_size, entries, skipped)

    try:
        return await _with_child(
            "capture", home, rules=rules, owner=owner, interpreter=interpreter, work=work, deadline_s=deadline_s
        )
    except BaseException:
        discard(target)
        raise


def discard(file: Path) -> None:
    """Delete an archive that nobody needs; one that is gone already is fine."""
    file.unlink(missing_ok=True)


async def restore(
    archive: Path, home: Path, rules: SaveRules, owner: Owner, interpreter: str, *, deadline_s: float = 50
) -> None:
    """Unpack a verified archive into `home`. Raises `SaveError`."""
    most_tar_bytes = rules.most_bytes + MOST_ENTRIES * 2048 + 1024**2

    def work(child: "subprocess.Popen[bytes]") -> None:
        assert child.stdin is not None
        given = 0
        try:
            with (
                archive.open("rb") as handle,
                zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(handle) as reader,
            ):
                while chunk := reader.read(_CHUNK_BYTES):
                    given += len(chunk)
                    if given > most_tar_bytes:
                        raise SaveError("The save archive is larger than this game's saves may be.")
                    child.stdin.write(chunk)
            child.stdin.close()
        except zstandard.ZstdError as error:
            raise SaveError("The save archive is damaged.") from error
        except BrokenPipeError:
            pass  # the child has given up, and says why
        _answer(child)

    await _with_child(
        "restore", home, rules=rules, owner=owner, interpreter=interpreter, work=work, deadline_s=deadline_s
    )


async def _with_child(
    do: str,
    home: Path,
    *,
    rules: SaveRules,
    owner: Owner,
    interpreter: str,
    work: "Callable[[subprocess.Popen[bytes]], Result]",
    deadline_s: float,
) -> Result:
    if are_too_many_stuck():
        raise SaveError(_HANGING)
    child = _start_child(do, home, rules, owner, interpreter)

    def work_and_bury() -> Result:
        try:
            return work(child)
        finally:
            child.kill()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            child.wait()

    try:
        return await in_own_thread(work_and_bury, deadline_s=deadline_s, end=child.kill)
    except TimeoutError as error:
        raise SaveError(_HANGING) from error


def _start_child(do: str, home: Path, rules: SaveRules, owner: Owner, interpreter: str) -> "subprocess.Popen[bytes]":
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SaveError(f"The save folder is gone: {error.strerror}.") from error
    order = {
        "do": do,
        "descriptor": descriptor,
        "paths": list(rules.paths),
        "excludes": list(rules.excludes),
        "entries": MOST_ENTRIES,
        "bytes": rules.most_bytes,
    }
    try:
        return subprocess.Popen(
            [interpreter, "-I", "-S", "-B", "-c", _PROGRAM, json.dumps(order)],
            stdin=subprocess.PIPE if do == "restore" else subprocess.DEVNULL,
            stdout=subprocess.PIPE if do == "capture" else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            pass_fds=(descriptor,),
            user=owner.uid if owner.drop else None,
            group=owner.gid if owner.drop else None,
            extra_groups=[] if owner.drop else None,
            umask=0o077 if do == "capture" else 0o022,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


def _answer(child: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """The child's last word: entries and skipped, or its refusal as a `SaveError`."""
    assert child.stderr is not None
    lines = child.stderr.read(64 * 1024).decode(errors="replace").strip().splitlines()
    if child.wait() < 0:
        raise SaveError("Reading or writing the save took too long.")
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise SaveError("The save could not be read or written.") from error
    if "error" in answer:
        raise (SaveRefusedError if answer.get("refused") else SaveError)(str(answer["error"]))
    return int(answer["entries"]), int(answer["skipped"])
