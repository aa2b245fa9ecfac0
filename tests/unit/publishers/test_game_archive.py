"""Which archives are games that run here, and the layer that is made of one."""

import gzip
import hashlib
import io
import random
import tarfile

import pytest

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.publishers.game_archive import GameArchive, Glimpse, look_into, read_game
from orchestrator.publishers.layer import Layer, LayerWriter
from tests.packing import (
    ELF_ARM_64,
    ELF_X86_64,
    LAUNCHER,
    SCRIPT,
    Packed,
    folder,
    good_archive,
    hard_link,
    launcher,
    renpy_distribution,
    symlink,
    tar_gz,
)


def content_of(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None, f"{name} is no file"
    return file.read()


def made(packed: bytes, size: int = 10_000, name: str = LAUNCHER) -> tuple[GameArchive, Layer, bytes]:
    file = io.BytesIO()
    writer = LayerWriter(file)
    archive = read_game([packed[at : at + size] for at in range(0, len(packed), size)], name, writer.take)
    return archive, writer.finish(), file.getvalue()


def refusal(*members: Packed, name: str = LAUNCHER) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as refused:
        made(tar_gz(members), name=name)
    return refused.value


def test_a_renpy_distribution_becomes_a_layer_below_game() -> None:
    packed = good_archive()
    archive, layer, content = made(packed)
    assert (archive.digest, archive.size_bytes, archive.folder) == (
        hashlib.sha256(packed).hexdigest(),
        len(packed),
        "garden",
    )
    assert layer.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert layer.diff_id == f"sha256:{hashlib.sha256(gzip.decompress(content)).hexdigest()}"
    assert (layer.size_bytes, layer.unpacked_bytes) == (len(content), len(gzip.decompress(content)))
    with tarfile.open(fileobj=io.BytesIO(content)) as written:
        members = {member.name: member for member in written.getmembers()}
        assert content_of(written, f"game/{LAUNCHER}") == SCRIPT
    assert next(iter(members)) == "game"
    assert members[f"game/{LAUNCHER}"].mode == 0o755
    assert members["game/game/script.rpyc"].mode == 0o644
    assert "game/renpy/common" in members  # which the archive only implies
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
    assert len(members) == len({*members})


@pytest.mark.parametrize("size", [1, 512, 10**6])
def test_the_same_archive_gives_the_same_layer_however_it_is_cut_or_called(size: int) -> None:
    assert made(good_archive(), size)[1] == made(tar_gz(renpy_distribution("another-name")))[1]


def test_links_and_long_names_stay_what_they_are() -> None:
    long = "n" * 180
    _, _, content = made(
        tar_gz(
            [
                launcher(),
                Packed(f"garden/{long}", b"long"),
                symlink("garden/l", long),
                hard_link("garden/h", f"garden/{long}"),
            ]
        )
    )
    with tarfile.open(fileobj=io.BytesIO(content)) as written:
        assert content_of(written, "game/h") == b"long"
        assert written.getmember("game/l").linkname == long


def test_a_program_may_be_the_launcher() -> None:
    assert made(tar_gz([launcher("tux/tux", ELF_X86_64)]), name="tux")[0].entries == 1


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ("no_launcher", (Packed("garden/other.sh", SCRIPT, mode=0o755),)),
        ("no_launcher", (launcher(f"garden/bin/{LAUNCHER}"),)),
        ("no_launcher", (folder(f"garden/{LAUNCHER}"),)),
        ("no_launcher", (Packed("garden/real.sh", SCRIPT, mode=0o755), symlink(f"garden/{LAUNCHER}", "real.sh"))),
        ("launcher_not_executable", (launcher(mode=0o644),)),
        ("launcher_format", (launcher(content=b""),)),
        ("launcher_format", (launcher(content=b"exec sleep 600\n"),)),
        ("launcher_format", (launcher(content=b"#!/bin/sh\r\nexec sleep 600\r\n"),)),
        ("wrong_platform", (launcher(content=b"MZ" + bytes(100)),)),
        ("wrong_platform", (launcher(content=b"\xcf\xfa\xed\xfe" + bytes(100)),)),
        ("wrong_platform", (launcher(content=ELF_ARM_64),)),
        ("wrong_platform", (launcher(), Packed("garden/game.exe", b"MZ" + bytes(100)))),
        ("wrong_platform", (launcher(), Packed("garden/lib/py3-mac/x", b"\xca\xfe\xba\xbe" + bytes(100)))),
        ("wrong_platform", (launcher(), Packed("garden/lib/linux-armv7l/x", ELF_ARM_64))),
        ("two_folders", (launcher(), Packed("other/a", b"x"))),
        ("no_folder", (launcher(), Packed("readme.txt", b"x"))),
        ("no_folder", (Packed(LAUNCHER, SCRIPT, mode=0o755),)),
        ("empty", ()),
        ("empty", (folder("garden"),)),
        ("traversal", (launcher(), Packed("garden/../../evil", b"x"))),
        ("absolute_path", (launcher(), Packed("/etc/passwd", b"x"))),
        ("outside_link", (launcher(), symlink("garden/l", "/etc/passwd"))),
        ("outside_link", (launcher(), symlink("garden/l", "../etc"))),
        ("outside_link", (launcher(), hard_link("garden/h", "etc/passwd"))),
        ("device", (launcher(), Packed("garden/null", kind=tarfile.CHRTYPE))),
        ("device", (launcher(), Packed("garden/pipe", kind=tarfile.FIFOTYPE))),
        ("sparse", (launcher(), Packed("garden/holes", bytes(512), kind=tarfile.GNUTYPE_SPARSE))),
        ("setuid", (launcher(), Packed("garden/su", ELF_X86_64, mode=0o4755))),
        ("duplicate_path", (launcher(), launcher(content=b"MZ"))),
        ("broken_tar", (Packed("pax", b"37 size=%d\n" % 10**27, kind=b"x"), launcher())),
    ],
)
def test_what_is_no_game_is_refused_with_its_reason(code: str, members: tuple[Packed, ...]) -> None:
    refused = refusal(*members)
    assert refused.code == code
    assert refused.message.endswith(".")


def test_a_missing_launcher_is_told_with_what_could_be_meant() -> None:
    told = refusal(Packed("garden/other.sh", SCRIPT, mode=0o755), Packed("garden/readme", b"x")).message
    assert "'other.sh'" in told
    assert "readme" not in told


def test_a_zip_or_a_broken_file_is_refused() -> None:
    packed = good_archive()
    for content, code in ((b"PK\x03\x04" + bytes(99), "not_gzip"), (gzip.compress(b"no tar" * 200), "broken_tar")):
        with pytest.raises(ArchiveRefused) as refused:
            made(content)
        assert refused.value.code == code
    for cut in range(0, len(packed), 7):
        with pytest.raises(ArchiveRefused) as refused:
            made(packed[:cut])
        assert refused.value.code in {"broken_gzip", "not_gzip"}


def test_a_bomb_of_zeros_is_refused() -> None:
    with pytest.raises(ArchiveRefused) as refused:
        made(tar_gz([launcher(), Packed("garden/zeros", bytes(80 * 1024**2))]))
    assert refused.value.code == "bomb"


def test_much_that_cannot_be_packed_is_none() -> None:
    noise = random.Random(5).randbytes(1024**2)
    assert made(tar_gz([launcher(), Packed("garden/noise", noise)]))[0].unpacked_bytes > len(noise)


def test_a_glimpse_names_what_can_be_started() -> None:
    packed = tar_gz([*renpy_distribution("garden-1.0-linux"), launcher("garden-1.0-linux/bin/tool")])
    assert look_into([packed]) == Glimpse("garden-1.0-linux", (LAUNCHER,), is_renpy=True)
    other = tar_gz([folder("maze/"), launcher("maze/maze"), Packed("maze/readme.txt", b"x"), symlink("maze/a", "maze")])
    assert look_into([other]) == Glimpse("maze", ("maze",), is_renpy=False)


def test_a_glimpse_refuses_what_reading_refuses() -> None:
    with pytest.raises(ArchiveRefused) as refused:
        look_into([tar_gz([folder("a/"), folder("b/")])])
    assert refused.value.code == "two_folders"
