"""Static files of the pages: which file an address names, its ETag, and how long a browser may keep it. No HTTP.

`/static/{release}/…` names the files of one release and never changes, so it may be kept for ever; modules import each
other by relative paths and so stay within one release. `/static/…` without one is asked for again each time, by ETag.
"""

import mimetypes
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True)
class StaticFile:
    content: bytes
    media_type: str
    etag: str
    is_immutable: bool

    @property
    def cache_control(self) -> str:
        return "public, max-age=31536000, immutable" if self.is_immutable else "no-cache"


class StaticFiles:
    """The files of one folder, as they are on the disk when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @cached_property
    def release(self) -> str:
        """Twelve digits that change when any file of the folder does (as it is at the first use)."""
        digest = sha256()
        for path in sorted(self._folder.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(self._folder).as_posix().encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:12]

    def address_of(self, name: str) -> str:
        """The address of a file such as `css/base.css`, good for as long as this release runs."""
        return f"/static/{self.release}/{name}"

    def find(self, address: str) -> StaticFile | None:
        """The file that `/static/` + `address` names; None for what is not there, hidden, or outside the folder."""
        first, _, rest = address.lstrip("/").partition("/")
        is_immutable = first == self.release
        name = rest if is_immutable else address.lstrip("/")
        if "\0" in name or any(part.startswith(".") for part in Path(name).parts):
            return None
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder) or not path.is_file():
                return None
        except OSError:  # a name that no file can have
            return None
        content = path.read_bytes()
        etag = sha256(content).hexdigest()[:32]
        return StaticFile(content, _media_type(path), f'"{etag}"', is_immutable)


def _media_type(path: Path) -> str:
    if path.suffix == ".js":
        return "text/javascript"  # whatever this machine's table of types says
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether a browser's `If-None-Match` names this file (RFC 9110, weak comparison)."""
    if if_none_match is None:
        return False
    candidates = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return "*" in candidates or etag in candidates
