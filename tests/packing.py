"""Archives as publishers make them, and as nobody should: written member by member."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

ELF_X86_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(44)
ELF_ARM_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(44)
ELF_I386 = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00" + bytes(44)
SCRIPT = b"#!/bin/sh\nexec sleep 600\n"
LAUNCHER = "garden-of-forking-paths.sh"


@dataclass(frozen=True)
class Packed:
    """One member. `claims` is the size that its header says, where that is not the content's."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    link: str = ""
    claims: int | None = None


def folder(name: str) -> Packed:
    return Packed(name, kind=tarfile.DIRTYPE, mode=0o755)


def symlink(name: str, target: str) -> Packed:
    return Packed(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def hard_link(name: str, target: str) -> Packed:
    return Packed(name, kind=tarfile.LNKTYPE, link=target)


def launcher(name: str = f"garden/{LAUNCHER}", content: bytes = SCRIPT, mode: int = 0o755) -> Packed:
    return Packed(name, content, mode=mode)


def renpy_distribution(top: str = "garden") -> tuple[Packed, ...]:
    """What Ren'Py's launcher builds for Linux, in small."""
    return (
        folder(f"{top}/"),
        launcher(f"{top}/{LAUNCHER}"),
        folder(f"{top}/game"),
        Packed(f"{top}/game/script.rpyc", b"label start:\n" * 50),
        folder(f"{top}/lib"),
        Packed(f"{top}/lib/py3-linux-x86_64/garden", ELF_X86_64, mode=0o755),
        Packed(f"{top}/lib/py3-linux-i686/garden", ELF_I386, mode=0o755),
        Packed(f"{top}/renpy/common/00start.rpy", b"init python:\n"),
    )


def tar(members: Iterable[Packed], *, is_pax: bool = False, ends: bool = True) -> bytes:
    raw = io.BytesIO()
    for member in members:
        header = tarfile.TarInfo(member.name)
        header.type, header.mode, header.linkname = member.kind, member.mode, member.link
        header.size = len(member.content) if member.claims is None else member.claims
        header.mtime = 1_700_000_000
        raw.write(header.tobuf(tarfile.PAX_FORMAT if is_pax else tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        raw.write(member.content + bytes(-len(member.content) % 512))
    if ends:
        raw.write(bytes(1024))
    return raw.getvalue()


def tar_gz(members: Iterable[Packed], *, is_pax: bool = False) -> bytes:
    return gzip.compress(tar(members, is_pax=is_pax), mtime=0)


def good_archive() -> bytes:
    return tar_gz(renpy_distribution())
