"""Whether an archive is a game that runs here, read once from beginning to end. Pure.

One folder at the top, in it the launcher: a script or a program that may be executed, for Linux on x86-64. What passes
is handed on entry by entry without that folder, as it goes by; whoever takes it throws it away when the end refuses.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.gunzip import Gunzip
from orchestrator.archives.paths import Bounds, Entry, checked
from orchestrator.archives.tar_stream import Kind, TarStream
from orchestrator.publishers.programs import HEAD_BYTES, Program, has_windows_line_end, program_of

MOST_ARCHIVE_BYTES = 16 * 1024**3
MOST_UNPACKED_BYTES = 32 * 1024**3
MOST_RATIO = 100
BOUNDS = Bounds(link_root=1)

_MOST_NAMED = 8
_NATIVE = {Program.LINUX, Program.OTHER_LINUX, Program.WINDOWS, Program.MACOS}

Take = Callable[[Entry, Iterable[bytes]], None]


@dataclass(frozen=True, slots=True)
class GameArchive:
    """An archive that passed. `digest` is the SHA-256 of the file in hex, `folder` the one at its top."""

    digest: str
    size_bytes: int
    unpacked_bytes: int
    entries: int
    folder: str


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What an archive says of itself. `startable` may be executed and lie in its one folder, in the archive's order."""

    folder: str
    startable: tuple[str, ...]
    is_renpy: bool


def look_into(compressed: Iterable[bytes]) -> Glimpse:
    """Read all of it for its names alone. `ArchiveRefused` as `read_game`, but for what is said of a launcher."""
    tar = TarStream(iter(Gunzip(compressed, most_bytes=MOST_UNPACKED_BYTES, most_ratio=MOST_RATIO)))
    found, startable, is_renpy = _Findings(""), list[str](), False
    for entry in checked(tar, BOUNDS):
        inner = found.within_folder(entry)
        if inner is None:
            continue
        is_renpy = is_renpy or inner.path.startswith("renpy/")
        if inner.kind is Kind.FILE and inner.is_executable and "/" not in inner.path:
            startable.append(inner.path)
    return Glimpse(found.folder, tuple(startable), is_renpy)


def read_game(compressed: Iterable[bytes], launcher: str, take: Take) -> GameArchive:
    """Read all of it and give each entry to `take` with its content, which `take` need not read. `ArchiveRefused`, also
    from the end on, with the codes of `orchestrator.archives` and `two_folders`, `no_folder`, `no_launcher`,
    `launcher_not_executable`, `launcher_format`, `wrong_platform`, `empty`.
    """
    gunzip = Gunzip(compressed, most_bytes=MOST_UNPACKED_BYTES, most_ratio=MOST_RATIO)
    pieces = iter(gunzip)
    tar = TarStream(pieces)
    found = _Findings(launcher)
    for entry in checked(tar, BOUNDS):
        inner = found.within_folder(entry)
        if inner is None:
            continue
        content = tar.content()
        if entry.kind is Kind.FILE:
            head, content = _with_head(content)
            found.note(inner, head)
        else:
            found.note(inner, None)
        take(inner, content)
    found.judge()
    return GameArchive(gunzip.digest, gunzip.read_bytes, gunzip.unpacked_bytes, found.entries, found.folder)


class _Findings:
    """What has gone by so far."""

    def __init__(self, launcher: str) -> None:
        self.folder = ""
        self.entries = 0
        self._launcher = launcher
        self._launcher_entry: Entry | None = None
        self._launcher_head = b""
        self._startable = list[str]()
        self._programs = set[Program]()

    def within_folder(self, entry: Entry) -> Entry | None:
        """The entry as seen from the one folder; None for that folder itself."""
        top, _, rest = entry.path.partition("/")
        if not rest and entry.kind is not Kind.FOLDER:
            raise ArchiveRefused("no_folder", f"{top!r} lies beside the game's folder: pack the folder alone.")
        self.folder = self.folder or top
        if top != self.folder:
            raise ArchiveRefused("two_folders", f"The archive has two folders at its top: {self.folder!r} and {top!r}.")
        if not rest:
            return None
        link = entry.link.partition("/")[2] if entry.kind is Kind.HARD_LINK else entry.link
        return Entry(rest, entry.kind, entry.size_bytes, entry.is_executable, entry.mtime, link)

    def note(self, entry: Entry, head: bytes | None) -> None:
        self.entries += 1
        if head is None:
            self._launcher_entry = entry if entry.path == self._launcher else self._launcher_entry
            return
        program = program_of(head)
        self._programs.add(program)
        if entry.path == self._launcher:
            self._launcher_entry, self._launcher_head = entry, head
        elif "/" not in entry.path and entry.is_executable and len(self._startable) < _MOST_NAMED:
            self._startable.append(entry.path)

    def judge(self) -> None:
        if not self.entries:
            raise ArchiveRefused("empty", "There is no game in the archive.")
        launcher = self._launcher_entry
        if launcher is None:
            others = ", ".join(repr(name) for name in sorted(self._startable))
            hint = f" These may be executed there: {others}." if others else ""
            raise ArchiveRefused("no_launcher", f"There is no {self._launcher!r} in {self.folder!r}.{hint}")
        if launcher.kind is not Kind.FILE:
            raise ArchiveRefused("no_launcher", f"The launcher {self._launcher!r} is no file but a {launcher.kind}.")
        if not launcher.is_executable:
            told = f"The launcher {self._launcher!r} may not be executed: `chmod +x` it before packing."
            raise ArchiveRefused("launcher_not_executable", told)
        self._judge_platform(program_of(self._launcher_head))

    def _judge_platform(self, launcher: Program) -> None:
        name, others = repr(self._launcher), self._programs & _NATIVE
        if launcher is Program.NONE:
            told = f"The launcher {name} is neither a script (`#!` in its first line) nor a Linux program."
            raise ArchiveRefused("launcher_format", told)
        if launcher is Program.SCRIPT and has_windows_line_end(self._launcher_head):
            told = f"The first line of {name} ends as lines do on Windows: give it Unix line ends."
            raise ArchiveRefused("launcher_format", told)
        if launcher not in {Program.SCRIPT, Program.LINUX}:
            raise ArchiveRefused("wrong_platform", f"The launcher {name} is no program for Linux on x86-64.")
        if launcher is Program.SCRIPT and others and Program.LINUX not in others:
            raise ArchiveRefused("wrong_platform", "The archive has programs, and none for Linux on x86-64.")


def _with_head(content: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """How a file begins, and all of it."""
    first = b""
    while len(first) < HEAD_BYTES and (piece := next(content, b"")):
        first += piece

    def whole() -> Iterator[bytes]:
        if first:
            yield first
        yield from content

    return first[:HEAD_BYTES], whole()
