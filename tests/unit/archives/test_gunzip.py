"""Gzip as a stream: what is whole comes through whatever the pieces, what is damaged is told with where."""

import gzip
import hashlib
import random
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.gunzip import PIECE_BYTES, RATIO_FROM_BYTES, Gunzip

CONTENT = random.Random(7).randbytes(5000) + bytes(5000)


def unpacked(pieces: list[bytes], most_bytes: int = 2**40, most_ratio: int = 2000) -> bytes:
    return b"".join(Gunzip(pieces, most_bytes=most_bytes, most_ratio=most_ratio))


def refusal(pieces: list[bytes], **bounds: int) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as refused:
        unpacked(pieces, **bounds)
    return refused.value


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50), st.integers(0, 20))
@example([b"one", b"other"], 50, 7)
def test_whatever_the_pieces_and_members_it_comes_through(contents: list[bytes], size: int, padding: int) -> None:
    packed = b"".join(gzip.compress(content) for content in contents) + bytes(padding)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    gunzip = Gunzip(pieces, most_bytes=2**30, most_ratio=2000)
    assert b"".join(gunzip) == b"".join(contents)
    assert (gunzip.digest, gunzip.read_bytes) == (hashlib.sha256(packed).hexdigest(), len(packed))


def test_what_unpacks_to_much_comes_through_wherever_its_pieces_end() -> None:
    packed = zeros(2 * PIECE_BYTES)
    for cut in range(1, len(packed)):
        assert unpacked([packed[:cut], packed[cut:]]) == bytes(2 * PIECE_BYTES)


def test_cut_at_any_byte_it_says_that_it_ends_in_the_middle() -> None:
    packed = gzip.compress(CONTENT)
    for cut in range(1, len(packed)):
        refused = refusal([packed[:cut]])
        assert refused.code == "broken_gzip"
        assert f"after byte {cut}" in refused.message


def test_a_byte_that_is_another_one_is_found_and_said_where() -> None:
    packed = gzip.compress(CONTENT)
    for at in range(10, len(packed), 97):
        damaged = packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
        assert refusal([damaged]).code == "broken_gzip", at
    halves = [packed[:4000], b"\xff" * 100, packed[4100:]]
    assert "near byte" in refusal(halves).message


@pytest.mark.parametrize(
    "other", [b"", b"PK\x03\x04" + bytes(100), b"\x00" * 600, b"7z\xbc\xaf\x27\x1c", zlib.compress(b"x")]
)
def test_what_is_no_gzip_is_called_so(other: bytes) -> None:
    assert refusal([other]).code == "not_gzip"


def test_rubbish_behind_the_end_is_not_taken() -> None:
    assert refusal([gzip.compress(b"x") + b"rubbish"]).code == "broken_gzip"


def test_a_bomb_is_stopped_soon_and_never_held_in_memory() -> None:
    packed = zeros(RATIO_FROM_BYTES * 4)
    gunzip = Gunzip([packed], most_bytes=2**40, most_ratio=100)
    sizes: list[int] = []
    with pytest.raises(ArchiveRefused) as refused:
        sizes.extend(len(piece) for piece in gunzip)
    assert refused.value.code == "bomb"
    assert max(sizes) <= PIECE_BYTES
    assert sum(sizes) <= RATIO_FROM_BYTES + PIECE_BYTES


def test_members_without_end_are_refused_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.archives.gunzip.MOST_MEMBERS", 100)
    member = gzip.compress(b"x", mtime=0)
    assert unpacked([member * 100]) == b"x" * 100
    assert refusal([member * 101]).code == "bomb"


def test_more_than_may_come_out_is_refused() -> None:
    assert refusal([zeros(2**21)], most_bytes=2**20).code == "too_large"
    assert len(unpacked([zeros(2**20)], most_bytes=2**20)) == 2**20


def zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(2**19)
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()
