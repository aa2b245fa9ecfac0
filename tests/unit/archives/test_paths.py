"""Which members an archive may have."""

import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.paths import Bounds, Entry, checked
from orchestrator.archives.tar_stream import Kind, TarStream
from tests.packing import Packed, folder, hard_link, symlink, tar

BOUNDS = Bounds()


def entries(*members: Packed, bounds: Bounds = BOUNDS) -> list[Entry]:
    return list(checked(TarStream([tar(members)]), bounds))


def refusal(*members: Packed, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(ArchiveRefused) as refused:
        entries(*members, bounds=bounds)
    assert refused.value.message
    return refused.value.code


def test_paths_come_clean_and_only_the_right_to_run_is_kept() -> None:
    found = entries(folder("./"), folder("./g/"), Packed("./g//a.txt", b"x", mode=0o4), Packed("g/./b", mode=0o711))
    assert [(entry.path, entry.kind, entry.is_executable) for entry in found] == [
        ("g", Kind.FOLDER, True),
        ("g/a.txt", Kind.FILE, False),
        ("g/b", Kind.FILE, True),
    ]


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (Packed("../evil", b"x"), "traversal"),
        (Packed("g/../../evil", b"x"), "traversal"),
        (Packed("g/a/..", b"x"), "traversal"),
        (Packed("/etc/passwd", b"x"), "absolute_path"),
        (folder("/etc"), "absolute_path"),
        (symlink("g/l", "/etc/passwd"), "outside_link"),
        (symlink("g/l", "../../etc"), "outside_link"),
        (symlink("g/l", "a/../../../etc"), "outside_link"),
        (symlink("g/l", "a/../b"), "outside_link"),
        (symlink("g/l", ""), "outside_link"),
        (symlink("l", ".."), "outside_link"),
        (hard_link("g/h", "/etc/passwd"), "outside_link"),
        (hard_link("g/h", "../etc/passwd"), "outside_link"),
        (hard_link("g/h", "g/later"), "outside_link"),
        (hard_link("g/h", "g/h"), "outside_link"),
        (hard_link("g/h", "g"), "outside_link"),
        (Packed("g/su", b"x", mode=0o4755), "setuid"),
        (Packed("g/sg", b"x", mode=0o2755), "setuid"),
        (Packed("g/" + "d/" * 40 + "f"), "too_deep"),
        (Packed("g/" + "n" * 256), "bad_path"),
        (
            Packed(
                "g/" + "n/" * 20 + "a" * 200 + "/" + "b" * 250 + "/" + "c" * 250 + "/" + "d" * 250 + "/" + "e" * 250
            ),
            "bad_path",
        ),
        (Packed(".", b""), "bad_path"),
    ],
)
def test_what_leads_out_is_refused(member: Packed, code: str) -> None:
    assert refusal(folder("g"), member) == code


def test_nothing_lies_below_a_link_or_a_file_and_nothing_comes_twice() -> None:
    assert refusal(symlink("g/l", "a"), Packed("g/l/x", b"")) == "bad_path"
    assert refusal(Packed("g/f", b""), Packed("g/f/x", b"")) == "bad_path"
    assert refusal(Packed("g/f", b"1"), Packed("./g/f", b"2")) == "duplicate_path"
    assert refusal(Packed("g/f", b"1"), symlink("g/f", "a")) == "duplicate_path"
    assert refusal(Packed("g/d/x", b""), Packed("g/d", b"")) == "duplicate_path"
    assert refusal(Packed("g/f", b""), folder("g/f")) == "duplicate_path"
    assert len(entries(folder("g"), folder("g/"), Packed("g/d/x"), folder("g/d"))) == 4


def test_links_inside_are_fine() -> None:
    found = entries(
        Packed("g/lib/a.so.1", b"x"),
        symlink("g/lib/a.so", "a.so.1"),
        symlink("g/b/c", "../lib/a.so"),
        hard_link("g/h", "./g/lib/a.so.1"),
    )
    assert [entry.link for entry in found] == ["", "a.so.1", "../lib/a.so", "g/lib/a.so.1"]
    assert refusal(symlink("g/up", "../x"), bounds=Bounds(link_root=1)) == "outside_link"
    assert entries(symlink("g/up", "../x"))


def test_a_billion_tiny_files_are_stopped_by_their_number() -> None:
    read = 0

    def named() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield tar([Packed(f"g/{read}", b"")], ends=False)

    with pytest.raises(ArchiveRefused) as refused:
        list(checked(TarStream(named()), Bounds(entries=500)))
    assert (refused.value.code, read) == ("too_many_entries", 501)
    deep = (Packed(f"{number}/" + "/".join("abcdefgh"), b"") for number in range(300))
    with pytest.raises(ArchiveRefused) as refused:
        list(checked(TarStream([tar(deep)]), Bounds(entries=500)))
    assert refused.value.code == "too_many_entries"


PART = st.sampled_from(["a", "b", "..", ".", "", "l"])
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)


@given(
    st.lists(st.tuples(st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]), PATH, PATH), max_size=6)
)
def test_whatever_passes_stays_inside(members: list[tuple[bytes, str, str]]) -> None:
    packed = [Packed(name, kind=kind, link=link if kind == tarfile.SYMTYPE else "") for kind, name, link in members]
    try:
        found = entries(*packed)
    except ArchiveRefused:
        return
    links = {entry.path: entry.link for entry in found if entry.kind is Kind.SYMLINK}
    for entry in found:
        assert resolved(entry.path, links) is not None


def resolved(path: str, links: dict[str, str], depth: int = 0) -> str | None:
    """Where a path leads when every link on it is followed, as a kernel does; None for outside."""
    at = list[str]()
    rest = [part for part in path.split("/") if part]
    while rest:
        part = rest.pop(0)
        if part == "..":
            if not at:
                return None
            at.pop()
            continue
        here = "/".join((*at, part))
        if here in links and depth < 40:
            depth += 1
            rest = [*(each for each in PurePosixPath(links[here]).parts if each != "."), *rest]
            continue
        at.append(part)
    return "/".join(at)
