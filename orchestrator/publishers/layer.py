"""A game's files as one layer of an image: `/game` with everything in it, owned by root, in a gzipped tar.

The same archive gives the same layer. Nothing is unpacked: what is read is written on as it goes by.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.archives.paths import Entry
from orchestrator.archives.tar_stream import BLOCK_BYTES, Kind

GAME_FOLDER = "game"

_LEVEL = 3  # most of a game is packed already: more effort finds next to nothing
_GZIP = 31
_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.FOLDER: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
    Kind.HARD_LINK: tarfile.LNKTYPE,
}
_LAST_MTIME = 2**33 - 1  # what a header holds in octal


@dataclass(frozen=True, slots=True)
class Layer:
    """Digests with their algorithm: of the packed file, by which registries know it, and of its tar (`diff_id`)."""

    digest: str
    diff_id: str
    size_bytes: int
    unpacked_bytes: int


class LayerWriter:
    """Takes entries (`game_archive.Take`) and writes the layer to `file`; `finish` says what it has become."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._packed, self._unpacked = hashlib.sha256(), hashlib.sha256()
        self._packed_bytes = self._unpacked_bytes = 0
        self._folders = set[str]()
        self._folder("")

    def take(self, entry: Entry, content: Iterable[bytes]) -> None:
        self._folder(entry.path.rpartition("/")[0])
        if entry.kind is Kind.FOLDER:
            self._folder(entry.path)
            return
        header = tarfile.TarInfo(f"{GAME_FOLDER}/{entry.path}")
        header.type, header.mode = _TYPES[entry.kind], 0o755 if entry.is_executable else 0o644
        header.mtime = min(max(0, entry.mtime), _LAST_MTIME)
        header.size = entry.size_bytes if entry.kind is Kind.FILE else 0
        header.linkname = f"{GAME_FOLDER}/{entry.link}" if entry.kind is Kind.HARD_LINK else entry.link
        self._write_header(header)
        if entry.kind is Kind.FILE:
            for piece in content:
                self._write(piece)
            self._write(bytes(-entry.size_bytes % BLOCK_BYTES))

    def finish(self) -> Layer:
        self._write(bytes(2 * BLOCK_BYTES))
        self._keep(self._packer.flush())
        self._file.flush()
        return Layer(
            digest=f"sha256:{self._packed.hexdigest()}",
            diff_id=f"sha256:{self._unpacked.hexdigest()}",
            size_bytes=self._packed_bytes,
            unpacked_bytes=self._unpacked_bytes,
        )

    def _folder(self, path: str) -> None:
        """Written before anything in it, once, whether or not the archive says it."""
        if path in self._folders:
            return
        self._folders.add(path)
        if path:
            self._folder(path.rpartition("/")[0])
        header = tarfile.TarInfo(f"{GAME_FOLDER}/{path}".rstrip("/") + "/")
        header.type, header.mode = tarfile.DIRTYPE, 0o755
        self._write_header(header)

    def _write_header(self, header: tarfile.TarInfo) -> None:
        self._write(header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))

    def _write(self, piece: bytes) -> None:
        self._unpacked.update(piece)
        self._unpacked_bytes += len(piece)
        self._keep(self._packer.compress(piece))

    def _keep(self, packed: bytes) -> None:
        if packed:
            self._packed.update(packed)
            self._packed_bytes += len(packed)
            self._file.write(packed)
