"""Gzip (RFC 1952) as a stream of bounded pieces. Pure.

Several members in a row are one stream, as `gzip` itself reads them; zeros behind the last are padding. What is damaged
is told with the byte of the compressed file near which it is.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator

from orchestrator.archives.errors import ArchiveRefused

PIECE_BYTES = 256 * 1024
RATIO_FROM_BYTES = 64 * 1024**2
MOST_MEMBERS = 2**20  # what is packed in blocks of 64 KiB, as bgzip does it, has half as many for 32 GiB
_GZIP = 31  # zlib's number for a gzip header and trailer, whose checksum it checks


class Gunzip:
    """Iterate once over the unpacked pieces, none larger than `PIECE_BYTES`. Raises `ArchiveRefused` `not_gzip`,
    `broken_gzip`, `too_large` beyond `most_bytes`, and `bomb` of more than `MOST_MEMBERS`, and when more than
    `most_ratio` bytes come out of one, which is looked at from `RATIO_FROM_BYTES` on.

    `digest` is the SHA-256 in hex of what was read of the compressed file: of all of it after the last piece.
    """

    def __init__(self, compressed: Iterable[bytes], *, most_bytes: int, most_ratio: int) -> None:
        self._compressed = compressed
        self._most_bytes = most_bytes
        self._most_ratio = most_ratio
        self._sha256 = hashlib.sha256()
        self._member = zlib.decompressobj(_GZIP)
        self.read_bytes = 0
        self.unpacked_bytes = 0

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        is_inside, members = False, 0
        for piece in self._compressed:
            self._sha256.update(piece)
            self.read_bytes += len(piece)
            left = piece
            while left:
                if not is_inside:
                    left = left.lstrip(b"\0") if members else left
                    if not left:
                        break
                    if members == MOST_MEMBERS:
                        raise ArchiveRefused("bomb", f"The gzip data has more than {MOST_MEMBERS} members.")
                    self._member, is_inside = zlib.decompressobj(_GZIP), True
                unpacked = self._unpacked(left, members)
                left = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                if self._member.eof:
                    is_inside, members = False, members + 1
                if unpacked:
                    yield self._counted(unpacked)
        if is_inside:
            raise ArchiveRefused("broken_gzip", f"The gzip data ends in the middle, after byte {self.read_bytes}.")
        if not members:
            raise ArchiveRefused("not_gzip", "The archive is empty.")

    def _unpacked(self, left: bytes, members: int) -> bytes:
        at = self.read_bytes - len(left)
        try:
            return self._member.decompress(left, PIECE_BYTES)
        except zlib.error as error:
            if not self.unpacked_bytes and not members and "header" in str(error):
                raise ArchiveRefused("not_gzip", "The archive is not gzip: make it with `tar -czf`.") from error
            raise ArchiveRefused("broken_gzip", f"The gzip data is damaged near byte {at}: {error}.") from error

    def _counted(self, unpacked: bytes) -> bytes:
        self.unpacked_bytes += len(unpacked)
        if self.unpacked_bytes > self._most_bytes:
            most = self._most_bytes // 1024**2
            raise ArchiveRefused("too_large", f"The archive unpacks to more than {most} MB.")
        if self.unpacked_bytes > max(RATIO_FROM_BYTES, self._most_ratio * self.read_bytes):
            raise ArchiveRefused("bomb", f"The archive unpacks to more than {self._most_ratio} times its size.")
        return unpacked
