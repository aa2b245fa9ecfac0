"""Tar (POSIX ustar and pax, GNU) as a stream of members. Pure; what the standard library's reader would let pass is
refused: a damaged header ends nothing silently, no header makes us read more than a few kilobytes at once, and all of
them together cost neither memory nor much time.

Sparse files, devices, pipes and anything else beside files, folders and links are refused by name.
"""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.archives.errors import ArchiveRefused

BLOCK_BYTES = 512
_MOST_HEADER_BYTES = 64 * 1024
_MOST_EXTENDED_BYTES = 256 * 1024**2  # headers beside those of members: what a hundred thousand files may say, and more
_MOST_LENGTH_DIGITS = 6
_END_OF_SIZES = 2**63  # no file system has a file as large
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_MEANT = {"path", "linkpath", "size", "mtime"}
_SPARSE = "GNU.sparse."


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    HARD_LINK = "hard_link"


_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
}
_REFUSED = {
    tarfile.CHRTYPE: ("device", "is a device"),
    tarfile.BLKTYPE: ("device", "is a device"),
    tarfile.FIFOTYPE: ("device", "is a pipe"),
    tarfile.GNUTYPE_SPARSE: ("sparse", "is a sparse file; pack it without --sparse"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """As the archive says it, unchecked. `mtime` is whole seconds of POSIX time, `link` the target of a link."""

    name: str
    kind: Kind
    size_bytes: int
    mode: int
    mtime: int
    link: str = ""


class TarStream:
    """Iterate once over the members; between two of them `content` gives the file's bytes, which may be left unread.

    Raises `ArchiveRefused` `broken_tar`, `bomb`, `device`, `sparse`.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self._from = 0
        self._at = 0
        self._left_bytes = 0
        self._padding_bytes = 0

    def __iter__(self) -> Iterator[Member]:
        name = link = ""
        pax = dict[str, str]()
        extended_bytes = 0
        while (header := self._header()) is not None:
            kind = header.type
            if kind in {_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, tarfile.SOLARIS_XHDTYPE}:
                body = self._small(header.size)
                extended_bytes += BLOCK_BYTES + len(body)
                if extended_bytes > _MOST_EXTENDED_BYTES:
                    raise ArchiveRefused("bomb", "The tar has more headers than files could need.")
                if kind == _LONG_NAME:
                    name = _text(body)
                elif kind == _LONG_LINK:
                    link = _text(body)
                else:
                    records = _records(body)
                    if kind == _PAX_GLOBAL:  # such as git's commit; one that speaks of every file is none of ours
                        records = {}
                    pax |= records
                continue
            member = self._member(header, name, link, pax)
            name, link, pax = "", "", {}
            self._left_bytes = member.size_bytes
            self._padding_bytes = -member.size_bytes % BLOCK_BYTES
            yield member
            for _ in self.content():
                pass
            self._skip(self._padding_bytes)
        for _ in self._pieces:  # to the end of the file, so that all of it is checked
            pass

    def content(self) -> Iterator[bytes]:
        """What is left of the current file, in pieces."""
        while self._left_bytes:
            piece = self._some(self._left_bytes)
            self._left_bytes -= len(piece)
            yield piece

    def _header(self) -> tarfile.TarInfo | None:
        """The next header; None at the end: two blocks of zeros, as tar writes it, or one, as some do."""
        block = self._small(BLOCK_BYTES, pads=False, may_end=True)
        if not block:
            raise ArchiveRefused("broken_tar", f"The tar ends without an end mark, after byte {self._at}.")
        if block == bytes(BLOCK_BYTES):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            at = self._at - BLOCK_BYTES
            raise ArchiveRefused("broken_tar", f"The tar is damaged at byte {at}: {error}.") from error

    def _member(self, header: tarfile.TarInfo, name: str, link: str, pax: dict[str, str]) -> Member:
        name = pax.get("path") or name or header.name
        if _SPARSE in pax:
            raise _refused(tarfile.GNUTYPE_SPARSE, name)
        kind = _KINDS.get(header.type)
        if kind is None:
            raise _refused(header.type, name)
        try:
            size = int(pax["size"]) if "size" in pax else header.size
            mtime = int(float(pax.get("mtime", header.mtime)))
        except (ValueError, OverflowError) as error:
            raise ArchiveRefused("broken_tar", f"{_shown(name)} has a header that cannot be read.") from error
        if not 0 <= size < _END_OF_SIZES:
            raise ArchiveRefused("broken_tar", f"{_shown(name)} has a size that no file has.")
        return Member(
            name=name,
            kind=kind,
            size_bytes=size if kind is Kind.FILE else 0,
            mode=header.mode,
            mtime=mtime,
            link=(pax.get("linkpath") or link or header.linkname) if kind in {Kind.SYMLINK, Kind.HARD_LINK} else "",
        )

    def _small(self, size: int, *, pads: bool = True, may_end: bool = False) -> bytes:
        """Exactly `size` bytes, and what pads them to whole blocks."""
        if not 0 <= size <= _MOST_HEADER_BYTES:
            raise ArchiveRefused("broken_tar", f"A header of {size} bytes at byte {self._at} is too long.")
        body = b""
        while len(body) < size:
            piece = self._some(size - len(body), may_end=may_end and not body)
            if not piece:
                return b""
            body += piece
        if pads:
            self._skip(-size % BLOCK_BYTES)
        return body

    def _skip(self, size: int) -> None:
        while size:
            size -= len(self._some(size))

    def _some(self, most: int, *, may_end: bool = False) -> bytes:
        """At least one byte and at most `most`; none at the end, where it may be."""
        while self._from >= len(self._held):
            piece = next(self._pieces, None)
            if piece is None:
                if may_end:
                    return b""
                raise ArchiveRefused("broken_tar", f"The tar ends in the middle, after byte {self._at}.")
            self._held, self._from = piece, 0
        taken = self._held[self._from : self._from + most]
        self._from += len(taken)
        self._at += len(taken)
        return taken


def _records(body: bytes) -> dict[str, str]:
    r"""`LENGTH KEY=VALUE\n`, again and again (POSIX.1-2001, pax extended headers): those that mean something here, and
    for any that says holes `_SPARSE`.
    """
    found = dict[str, str]()
    at, end = 0, len(body.rstrip(b"\0"))
    while at < end:
        space = body.find(b" ", at, at + _MOST_LENGTH_DIGITS + 1)
        length = body[at:space]
        if space < 0 or not length.isdigit():
            raise ArchiveRefused("broken_tar", "A pax header cannot be read.")
        after = at + int(length)
        key, equals, value = body[space + 1 : after].partition(b"=")
        if not equals or not value.endswith(b"\n") or after > end:
            raise ArchiveRefused("broken_tar", "A pax header cannot be read.")
        name = _text(key)
        if name in _MEANT:
            found[name] = _text(value[:-1])
        elif name.startswith(_SPARSE):
            found[_SPARSE] = ""
        at = after
    return found


def _refused(kind: bytes, name: str) -> ArchiveRefused:
    code, what = _REFUSED.get(kind, ("device", "is neither a file, a folder nor a link"))
    return ArchiveRefused(code, f"{_shown(name)} {what}.")


def _text(body: bytes) -> str:
    return body.rstrip(b"\0").decode("utf-8", "surrogateescape")


def _shown(name: str) -> str:
    return repr(name.encode("utf-8", "replace").decode()[:200])
