"""Whether a file that a person hands in is a save as hosts make them, and nothing else.

Whatever a host would restore from it later is judged here first, by the same bounds: files and folders of the build's
save paths, so many of them, so deep, so large. Nothing is unpacked. Memory is bounded whatever the file says of itself.
"""

import fnmatch
import tarfile
from dataclasses import dataclass
from typing import IO, Protocol

import zstandard

MOST_ENTRIES = 20_000
MOST_LEVELS = 32
_MOST_NAME_BYTES = 16 * 1024
_LARGEST_WINDOW = 2**27
_PIECE = 256 * 1024
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)


class NotASave(Exception):
    """The message says to people what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class SaveShape:
    """What of a home folder is a save of this game, as its build says."""

    paths: tuple[str, ...]
    excludes: tuple[str, ...]
    most_bytes: int


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check(file: IO[bytes], shape: SaveShape) -> int:
    """How many files the save in `file` has. Raises `NotASave`."""
    most_tar_bytes = shape.most_bytes + MOST_ENTRIES * 2048 + 1024**2
    with zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).stream_reader(file, closefd=False) as unpacked:
        try:
            files = _Tar(_Bounded(unpacked, most_tar_bytes), shape).read()
        except (zstandard.ZstdError, MemoryError) as error:
            raise NotASave("This is not a save that was downloaded here, or it is damaged.") from error
    if files == 0:
        raise NotASave("There is no file in this save.")
    return files


class _Bounded:
    """Gives as much as was asked for unless it ends, and no more in all than a save may have."""

    def __init__(self, source: _Source, most_bytes: int) -> None:
        self._source = source
        self._left = most_bytes

    def read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and (piece := self._source.read(size - len(found))):
            found += piece
        self._left -= len(found)
        if self._left < 0:
            raise NotASave("This save is larger than a save of this game may be.")
        return bytes(found)


class _Tar:
    """Reads the headers of a tar in the form that hosts write (GNU: plain files, folders, long names)."""

    def __init__(self, source: _Bounded, shape: SaveShape) -> None:
        self._source = source
        self._shape = shape
        self._is_folder: dict[tuple[str, ...], bool] = {}
        self._entries = 0
        self._bytes = 0
        self._files = 0

    def read(self) -> int:
        long_name: str | None = None
        while (header := self._header()) is not None:
            if header.type == tarfile.GNUTYPE_LONGNAME and long_name is None:
                long_name = self._long_name(header.size)
                continue
            self._take(header, header.name if long_name is None else long_name)
            long_name = None
        if long_name is not None:
            raise _damaged()
        return self._files

    def _header(self) -> tarfile.TarInfo | None:
        """None at the end, after which there is nothing but zeros."""
        block = self._source.read(tarfile.BLOCKSIZE)
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if len(block) < tarfile.BLOCKSIZE or any(block):
                raise _damaged() from error
            while rest := self._source.read(_PIECE):
                if any(rest):
                    raise _damaged() from error
            return None
        if header.size < 0:
            raise _damaged()
        return header

    def _long_name(self, size: int) -> str:
        if size > _MOST_NAME_BYTES:
            raise _damaged()
        content = self._source.read(size + -size % tarfile.BLOCKSIZE)
        if len(content) < size or any(content[size:]):  # whoever unpacks it reads the name on, to a zero
            raise _damaged()
        return content[:size].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")

    def _take(self, header: tarfile.TarInfo, name: str) -> None:
        parts = _parts_of(name)
        if name.startswith("/") or ".." in parts or "\0" in name or not parts:
            raise NotASave("This save names a file outside its folder.")
        if len(parts) > MOST_LEVELS or any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
            raise NotASave(f"This save has folders more than {MOST_LEVELS} levels deep, or names that are too long.")
        is_folder = header.type == tarfile.DIRTYPE
        if not is_folder and header.type not in _FILES:
            raise NotASave("This save holds something other than files and folders.")
        self._count(0 if is_folder else header.size)
        self._place(parts, is_folder=is_folder)
        if is_folder:
            if header.size:
                raise _damaged()
            return
        self._files += 1
        self._skip(header.size)

    def _count(self, size: int) -> None:
        self._entries += 1
        self._bytes += size
        if self._entries > MOST_ENTRIES:
            raise NotASave(f"This save has more than {MOST_ENTRIES} files.")
        if self._bytes > self._shape.most_bytes:
            raise NotASave("This save is larger than a save of this game may be.")

    def _place(self, parts: tuple[str, ...], *, is_folder: bool) -> None:
        """Each name once, nothing below a file, and nothing that is no part of this game's save."""
        if not _is_inside(parts, self._shape.paths) or _is_excluded(parts, self._shape.excludes):
            raise NotASave("This save holds files that are no part of a save of this game.")
        for level in range(1, len(parts)):
            if not self._is_folder.setdefault(parts[:level], True):
                raise _damaged()
        if parts in self._is_folder and not (is_folder and self._is_folder[parts]):
            raise _damaged()
        self._is_folder[parts] = is_folder

    def _skip(self, size: int) -> None:
        left = size + -size % tarfile.BLOCKSIZE
        while left:
            piece = self._source.read(min(left, _PIECE))
            if not piece:
                raise _damaged()
            left -= len(piece)


def _is_inside(parts: tuple[str, ...], save_paths: tuple[str, ...]) -> bool:
    outer = [_parts_of(path) for path in save_paths]
    return not outer or any(parts[: len(each)] == each for each in outer)


def _parts_of(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in {"", "."})


def _is_excluded(parts: tuple[str, ...], excludes: tuple[str, ...]) -> bool:
    """Hosts pass by what is excluded with all that is in it."""
    paths = ["/".join(parts[:level]) for level in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(path, pattern) for path in paths for pattern in excludes)


def _damaged() -> NotASave:
    return NotASave("This is not a save that was downloaded here, or it is damaged.")
