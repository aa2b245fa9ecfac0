"""Tar as a stream: what other programs write is read alike, and nothing damaged passes silently."""

import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.tar_stream import Kind, TarStream
from tests.packing import Packed, folder, hard_link, symlink, tar

MEMBERS = (
    folder("g/"),
    Packed("g/a.txt", b"hello" * 300, mode=0o755),
    symlink("g/l", "a.txt"),
    hard_link("g/h", "g/a.txt"),
    Packed("g/" + "long/" * 40 + "n" * 120, b"x" * 512),
    symlink("g/far", "t" * 150),
    Packed("g/\u05d0\U0001f3ae", b""),
)


def contents(raw: bytes, size: int = 1000) -> dict[str, bytes]:
    stream = TarStream([raw[at : at + size] for at in range(0, len(raw), size)])
    return {member.name: b"".join(stream.content()) for member in stream}


def refusal(raw: bytes, size: int = 1000) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as refused:
        contents(raw, size)
    return refused.value


@pytest.mark.parametrize("is_pax", [False, True])
@pytest.mark.parametrize("size", [1, 100, 512, 10**6])
def test_members_come_as_they_were_packed(is_pax: bool, size: int) -> None:
    raw = tar(MEMBERS, is_pax=is_pax)
    stream = TarStream([raw[at : at + size] for at in range(0, len(raw), size)])
    found = [(member, b"".join(stream.content())) for member in stream]
    assert [member.name.rstrip("/") for member, _ in found] == [member.name.rstrip("/") for member in MEMBERS]
    assert [content for _, content in found] == [member.content for member in MEMBERS]
    assert [member.link for member, _ in found] == [member.link for member in MEMBERS]
    kinds = [Kind.FOLDER, Kind.FILE, Kind.SYMLINK, Kind.HARD_LINK, Kind.FILE, Kind.SYMLINK, Kind.FILE]
    assert [member.kind for member, _ in found] == kinds
    assert (found[1][0].mode & 0o777, found[1][0].mtime) == (0o755, 1_700_000_000)


def test_content_that_nobody_reads_is_passed_by() -> None:
    raw = tar(MEMBERS)
    assert [member.name for member in TarStream([raw])] == list(contents(raw))


def test_what_the_standard_library_writes_with_long_times_and_comments_is_read() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "a commit"}) as archive:
        member = tarfile.TarInfo("g/\u05d0.txt")
        member.mtime, member.size, member.uname = 1_700_000_000.75, 3, "\u05d0"
        archive.addfile(member, io.BytesIO(b"abc"))
    assert contents(raw.getvalue()) == {"g/\u05d0.txt": b"abc"}


@given(st.binary(min_size=1, max_size=2000), st.integers(1, 700))
def test_whatever_comes_it_is_read_or_refused(raw: bytes, size: int) -> None:
    with suppress(ArchiveRefused):
        contents(raw, size)


@given(st.integers(0, 20 * 512), st.integers(1, 255))
def test_a_damaged_header_never_ends_the_archive_silently(at: int, flip: int) -> None:
    raw = bytearray(tar(MEMBERS[:3]))
    at %= len(raw)
    raw[at] ^= flip
    try:
        found = contents(bytes(raw))
    except ArchiveRefused:
        return
    assert len(found) >= 2  # in the content, or in the padding


def test_cut_anywhere_it_is_refused() -> None:
    raw = tar(MEMBERS[:3], ends=False)
    for cut in range(len(raw)):
        assert refusal(raw[:cut]).code == "broken_tar", cut
    assert refusal(raw).code == "broken_tar"  # without an end mark
    assert contents(raw + bytes(512))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Q"])
def test_devices_and_pipes_are_refused_by_name(kind: bytes) -> None:
    refused = refusal(tar([Packed("g/null", kind=kind)]))
    assert (refused.code, "g/null" in refused.message) == ("device", True)


def test_a_file_that_is_mostly_holes_is_refused() -> None:
    assert refusal(tar([Packed("g/holes", bytes(512), kind=tarfile.GNUTYPE_SPARSE)])).code == "sparse"
    record = b"22 GNU.sparse.major=1\n"
    sparse = [Packed("pax", record, kind=b"x"), Packed("g/holes", bytes(512))]
    assert refusal(tar(sparse)).code == "sparse"


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_no_header_makes_us_read_much(kind: bytes) -> None:
    assert refusal(tar([Packed("name", b"x" * 70_000, kind=kind)])).code == "broken_tar"
    assert refusal(tar([Packed("name", kind=kind, claims=2**33)])).code == "broken_tar"


@pytest.mark.parametrize(
    "records",
    [
        b"rubbish\n",
        b"99 path=a\n",
        b"8 path=a\n",
        b"10 path a\n",
        b"9999999 path=a\n",
        b"12 size=-5x\n",
        b"11 size=-5\n",
    ],
)
def test_a_pax_header_that_says_nonsense_is_refused(records: bytes) -> None:
    assert refusal(tar([Packed("pax", records, kind=b"x"), Packed("g/a", b"abc")])).code == "broken_tar"


def test_headers_without_a_file_cost_no_memory_and_come_to_an_end() -> None:
    def headers() -> Iterator[bytes]:
        for number in range(6000):
            record = f"60000 k{number}=".encode()
            yield tar([Packed("pax", record + b"x" * (59_999 - len(record)) + b"\n", kind=b"x")], ends=False)

    tracemalloc.start()
    try:
        with pytest.raises(ArchiveRefused) as refused:
            list(TarStream(headers()))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code == "bomb"
    assert peak_bytes < 2_000_000


def test_of_a_pax_header_with_many_records_those_that_mean_something_are_taken() -> None:
    records = b"".join(b"12 k%03d=abc\n" % number for number in range(1000))
    packed = [Packed("pax", b"15 path=g/long\n" + records + b"10 size=2\n", kind=b"x"), Packed("g/a", b"ab", claims=0)]
    assert contents(tar(packed)) == {"g/long": b"ab"}


def test_a_size_beyond_what_is_there_is_refused() -> None:
    assert refusal(tar([Packed("g/a", b"abc", claims=2**40)])).code == "broken_tar"
    huge = [Packed("pax", b"22 size=1099511627776\n", kind=b"x"), Packed("g/a", b"abc")]
    assert refusal(tar(huge)).code == "broken_tar"
