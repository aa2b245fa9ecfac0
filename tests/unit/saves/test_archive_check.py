"""A file that a person hands in is a save as hosts make them, or it is refused in words."""

import contextlib
import io
import tarfile
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.saves.archive_check import MOST_ENTRIES, NotASave, SaveShape, check
from tests.unit.saves.packing import a_save, compressed, packed

ALL = SaveShape((), (".cache", ".cache/*"), 1024**2)
SAVES = SaveShape(("saves", "deep/er/"), (), 1024**2)
LONG = "saves/" + "n" * 200 + "/" + "m" * 200


def checked(archive: bytes, shape: SaveShape = ALL) -> int:
    return check(io.BytesIO(archive), shape)


def test_what_a_host_makes_is_a_save() -> None:
    assert checked(a_save()) == 1
    assert checked(a_save(), SAVES) == 1
    assert checked(packed(("deep/er", None), ("deep/er/x", b""), (LONG, b"1" * 5000)), SAVES) == 2


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x03\x04 a zip", id="another format"),
        pytest.param(compressed(b""), id="an empty tar"),
        pytest.param(compressed(b"no tar" * 500), id="no tar"),
        pytest.param(packed(), id="no file"),
        pytest.param(packed(("saves", None)), id="folders alone"),
        pytest.param(packed(("/etc/passwd", b"x")), id="absolute"),
        pytest.param(packed(("saves/../../x", b"x")), id="traversal"),
        pytest.param(packed(("./", b"x")), id="no name"),
        pytest.param(packed(("x", b""), kind=tarfile.SYMTYPE), id="symbolic link"),
        pytest.param(packed(("x", b""), kind=tarfile.LNKTYPE), id="hard link"),
        pytest.param(packed(("x", b""), kind=tarfile.CHRTYPE), id="device"),
        pytest.param(packed(("x", b""), kind=tarfile.FIFOTYPE), id="pipe"),
        pytest.param(packed(("x", b""), kind=tarfile.GNUTYPE_SPARSE), id="sparse file"),
        pytest.param(packed(("x", b"30 mtime=1\n"), kind=tarfile.XHDTYPE), id="extended header"),
        pytest.param(packed(("x", b"1"), ("x", b"2")), id="a name twice"),
        pytest.param(packed(("x", b"1"), ("x/y", b"2")), id="below a file"),
        pytest.param(packed(("x/y", b"1"), ("x", b"2")), id="a file in place of a folder"),
        pytest.param(packed(("/".join("d" * 33), b"1")), id="too deep"),
        pytest.param(packed(("n" * 256, b"1")), id="too long a name"),
        pytest.param(packed(("n/" * 9000, b"1")), id="far too long a name"),
        pytest.param(packed((".cache/shader", b"1")), id="what is no part of a save"),
    ],
)
def test_what_no_host_makes_is_refused(archive: bytes) -> None:
    with pytest.raises(NotASave):
        checked(archive)


def test_what_lies_outside_the_save_paths_is_refused() -> None:
    for name in ("elsewhere", "savesome/x", "deep/x", "deep"):
        with pytest.raises(NotASave, match="no part of a save"):
            checked(packed((name, b"1")), SAVES)


def test_an_archive_that_was_cut_is_refused_wherever_it_was() -> None:
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(packed(("saves/a", b"1" * 700), (LONG, b"2")))
    end = raw.rstrip(b"\0")
    for cut in range(0, len(end) - 1, 97):
        with pytest.raises(NotASave):
            checked(compressed(raw[:cut]))
    whole = a_save(bytes(range(256)) * 100)
    with pytest.raises(NotASave):
        checked(whole[: len(whole) // 2])


def test_what_comes_after_the_end_is_refused() -> None:
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(a_save())
    assert checked(compressed(raw + bytes(1024))) == 1
    with pytest.raises(NotASave):
        checked(compressed(raw + b"and more"))


def test_sizes_are_bounded_by_what_the_build_allows() -> None:
    assert checked(a_save(bytes(ALL.most_bytes))) == 1
    with pytest.raises(NotASave, match="larger"):
        checked(a_save(bytes(ALL.most_bytes + 1)))
    with pytest.raises(NotASave, match="larger"):
        checked(packed(("a", bytes(ALL.most_bytes // 2)), ("b", bytes(ALL.most_bytes // 2)), ("c", b"1")))
    with pytest.raises(NotASave, match="files"):
        checked(packed(*((f"{number}", b"") for number in range(MOST_ENTRIES + 1))))


def test_a_header_that_lies_of_its_size_is_refused() -> None:
    header = tarfile.TarInfo("saves/x")
    for size in (-1, 2**60, 10):
        header.size = size
        with pytest.raises(NotASave):
            checked(compressed(header.tobuf(tarfile.GNU_FORMAT)))


def test_a_name_that_a_host_would_read_on_is_refused() -> None:
    """Python's tar reader takes a long name to its first zero, however long its header says that it is."""
    lies = tar_of(
        "././@LongLink", len("saves/x"), b"saves/x/../../elsewhere".ljust(512, b"\0"), tarfile.GNUTYPE_LONGNAME
    )
    archive = lies + tar_of("saves/x", 0, b"") + bytes(1024)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == ["saves/x/../../elsewhere"]
    with pytest.raises(NotASave):
        checked(compressed(archive), SAVES)


def test_a_bomb_takes_no_memory() -> None:
    """Ten thousand to one, as a file's content and as a name."""
    bomb = compressed(tar_of("saves/x", 400 * 1024**2, bytes(64 * 1024**2)))
    name = compressed(tar_of("././@LongLink", 400 * 1024**2, bytes(64 * 1024**2), tarfile.GNUTYPE_LONGNAME))
    tracemalloc.start()
    for archive in (bomb, name):
        assert len(archive) < 64 * 1024
        with pytest.raises(NotASave):
            checked(archive, SaveShape((), (), 2**40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024**2


def tar_of(name: str, size: int, content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.type = size, kind
    return header.tobuf(tarfile.GNU_FORMAT) + content


@given(st.binary(max_size=3000), st.booleans())
def test_any_bytes_are_refused_or_a_save(content: bytes, is_compressed: bool) -> None:
    with pytest.raises(NotASave):
        checked(compressed(content) if is_compressed else content)


@given(st.data())
def test_a_save_with_a_flipped_byte_is_refused_or_still_a_save(data: st.DataObject) -> None:
    raw = bytearray(zstandard.ZstdDecompressor().decompressobj().decompress(a_save()))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(NotASave):
        assert checked(compressed(bytes(raw))) >= 1
