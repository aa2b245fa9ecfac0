"""Saves as hosts make them, and files that only look like one."""

import io
import tarfile

import zstandard


def packed(*members: tuple[str, bytes | None], kind: bytes | None = None) -> bytes:
    """An archive of `(name, content)`; a folder where the content is None. `kind` is the type of every member."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind or (tarfile.REGTYPE if content is not None else tarfile.DIRTYPE)
            member.linkname = "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
            member.size = len(content or b"")
            tar.addfile(member, io.BytesIO(content or b""))
    return compressed(raw.getvalue())


def compressed(tar: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(tar)


def a_save(content: bytes = b"chapter one") -> bytes:
    return packed(("saves", None), ("saves/1-1-LT1.save", content))
