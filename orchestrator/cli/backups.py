"""`orchestrator backup` and `restore`: a whole installation as one archive, and the other way round."""

import errno
import os
import signal
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, NoReturn

import click

from orchestrator.backup.manifest import Manifest, Writable
from orchestrator.cli.calls import friendly
from orchestrator.settings import Settings

_STREAM = "-"
_PIECE_BYTES = 1024**2
_SHOWN = 5
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


@click.command()
@click.argument("file")
def backup(file: str) -> None:
    """Write one archive of everything that cannot be made anew to FILE, or to standard output as `-`, while players
    play. It holds keys: keep it where you alone can read it.
    """
    from orchestrator.backup.making import make  # noqa: PLC0415 - no other command needs it

    with friendly(), _ends_cleanly(), _opened(file) as out:
        made = make(Settings(), out)
    _tell_of(made)


@click.command()
@click.argument("file")
@click.option("--replace", is_flag=True, help="The database that is there gives way; archives that are there stay.")
def restore(file: str, *, replace: bool) -> None:
    """Make this installation what it was when FILE was made, or standard input as `-`. No replica may run."""
    from orchestrator.backup.restoring import restore as bring_back  # noqa: PLC0415 - as above

    with friendly(), _ends_cleanly():
        done = bring_back(Settings(), _pieces(file), may_replace=replace)
    told = done.manifest
    rows = sum(table.count for table in told.tables.values())
    click.echo(f"Restored what was there at {told.made_at:%Y-%m-%d %H:%M:%S} UTC: {rows} rows, {done.stored} archives.")
    if done.ended:
        click.echo(f"Sessions that were active then have ended: {done.ended}.")
    if done.found.taken_in:
        click.echo(f"Saves that the store had and the backup did not know, taken in: {done.found.taken_in}.")
    if done.replaced is not None:
        click.echo(f"The database that was here is kept as {done.replaced}; remove it when all is well.")
    if done.found.missing:
        click.echo(f"Warning: the store lacks {_some(done.found.missing)}.", err=True)
    click.echo("Everybody signs in again. What was revoked after the backup is valid again: see docs/backup.md.")


def _tell_of(made: Manifest) -> None:
    rows = sum(table.count for table in made.tables.values())
    archives = [member for member in made.members.values() if member.key is not None]
    size_bytes = sum(member.size_bytes for member in made.members.values())
    click.echo(f"Backed up {rows} rows and {len(archives)} archives and pictures, {size_bytes} bytes.", err=True)
    if not made.has_archives:
        click.echo("Saves lie in the bucket of ORCHESTRATOR_STORE_URL, which needs a backup of its own.", err=True)
    if made.missing:
        click.echo(f"Warning: the store lacks {_some(made.missing)}.", err=True)


def _some(keys: tuple[str, ...]) -> str:
    more = f", and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{len(keys)} that the database names: {', '.join(keys[:_SHOWN])}{more}"


class _Pipe:
    """Standard output without a buffer. Once the command is told to end nothing is written: whoever clears away would
    wait for a reader that may never read.
    """

    is_over: ClassVar[bool] = False

    def write(self, content: bytes, /) -> int:
        left = memoryview(content)
        while left and not self.is_over:
            left = left[os.write(sys.stdout.fileno(), left) :]
        return len(content)


@contextmanager
def _opened(file: str) -> Generator[Writable]:
    """Where to write; a file gets its name when it is whole and on the disk."""
    if file == _STREAM:
        if sys.stdout.isatty():
            raise click.UsageError("A backup is no text for a terminal: name a file, or send it on by |.")
        try:
            yield _Pipe()
        except BrokenPipeError as error:
            raise click.ClickException("Nobody reads the backup any more.") from error
        return
    path = Path(file)
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise click.ClickException(f"{path} is no file.")
    if path.exists():
        raise click.ClickException(f"{path} is there already.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        _name(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink()


def _name(partial: Path, path: Path) -> None:
    """Never over another. Many a stick and network drive has no hard links: there it is renamed."""
    try:
        os.link(partial, path)
    except FileExistsError as error:
        raise click.ClickException(f"{path} is there already.") from error
    except OSError as error:
        if error.errno not in _NO_LINKS or path.exists():
            raise
        partial.rename(path)


def _pieces(file: str) -> Iterator[bytes]:
    if file == _STREAM:
        yield from iter(lambda: sys.stdin.buffer.read(_PIECE_BYTES), b"")
        return
    with Path(file).open("rb") as archive:
        yield from iter(lambda: archive.read(_PIECE_BYTES), b"")


@contextmanager
def _ends_cleanly() -> Generator[None]:
    """SIGTERM ends it as Ctrl-C does: what was begun is cleared away."""

    def end(*_: object) -> NoReturn:
        _Pipe.is_over = True
        raise SystemExit(128 + signal.SIGTERM)

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
