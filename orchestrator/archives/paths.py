"""Which members an archive may have: where they lie, where links lead, how many and how deep. Pure.

What passes can be unpacked by anybody, in any order that the archive has, without leaving its folder: no path is
absolute or goes up, nothing lies below a file or a link, no path comes twice, and a symbolic link goes up only at its
beginning and never above the root, so that links that lead over links stay inside as well.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.tar_stream import Kind, Member

_SET_ID = 0o6000
_MOST_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that an archive may have. Symbolic links stay `link_root` folders below the root, or deeper."""

    entries: int = 100_000
    depth: int = 32
    path_bytes: int = 1024
    link_root: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A member that passed. `path` has no leading or trailing slash and no dots; so has the `link` of a hard link, from
    the root as well. A symbolic link's is as it was written.
    """

    path: str
    kind: Kind
    size_bytes: int
    is_executable: bool
    mtime: int
    link: str = ""


def checked(members: Iterable[Member], bounds: Bounds) -> Iterator[Entry]:
    """Every member as an entry, at once, so that its content can be read before the next. A root folder of its own
    (`./`) is left out. Raises `ArchiveRefused` `traversal`, `absolute_path`, `outside_link`, `setuid`,
    `duplicate_path`, `bad_path`, `too_many_entries`, `too_deep`.
    """
    seen = dict[str, Kind]()
    for count, member in enumerate(members, 1):
        if count > bounds.entries:
            raise ArchiveRefused("too_many_entries", f"The archive has more than {bounds.entries} entries.")
        path = "/".join(_parts(member.name, bounds))
        if not path:
            if member.kind is not Kind.FOLDER:
                raise ArchiveRefused("bad_path", f"{_shown(member.name)} names no file.")
            continue
        if member.mode & _SET_ID and member.kind is not Kind.FOLDER:
            raise ArchiveRefused("setuid", f"{_shown(path)} is set to run as another user or group.")
        _place(path, member.kind, seen, bounds)
        link = ""
        if member.kind is Kind.SYMLINK:
            link = _inside(path, member.link, bounds)
        elif member.kind is Kind.HARD_LINK:
            link = _earlier(path, member.link, seen, bounds)
        yield Entry(path, member.kind, member.size_bytes, bool(member.mode & 0o100), member.mtime, link)


def _place(path: str, kind: Kind, seen: dict[str, Kind], bounds: Bounds) -> None:
    """Note `path` and the folders that it lies in, each of which is one."""
    before = seen.get(path)
    if before is not None and not (before is Kind.FOLDER and kind is Kind.FOLDER):
        raise ArchiveRefused("duplicate_path", f"{_shown(path)} is there twice.")
    seen[path] = kind
    parent = path.rpartition("/")[0]
    while parent and seen.get(parent) is not Kind.FOLDER:
        if parent in seen:
            raise ArchiveRefused("bad_path", f"{_shown(path)} lies below {_shown(parent)}, which is no folder.")
        if len(seen) >= 2 * bounds.entries:
            raise ArchiveRefused("too_many_entries", f"The archive has more than {bounds.entries} folders.")
        seen[parent] = Kind.FOLDER
        parent = parent.rpartition("/")[0]


def _parts(name: str, bounds: Bounds) -> list[str]:
    if "\0" in name or len(name.encode("utf-8", "surrogateescape")) > bounds.path_bytes:
        raise ArchiveRefused("bad_path", f"{_shown(name)} is too long, or no path.")
    if name.startswith("/"):
        raise ArchiveRefused("absolute_path", f"{_shown(name)} is an absolute path.")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ArchiveRefused("traversal", f"{_shown(name)} leads out of its folder.")
    if len(parts) > bounds.depth:
        raise ArchiveRefused("too_deep", f"{_shown(name)} lies more than {bounds.depth} folders deep.")
    if any(len(part.encode("utf-8", "surrogateescape")) > _MOST_NAME_BYTES for part in parts):
        raise ArchiveRefused("bad_path", f"{_shown(name)} has a name of more than {_MOST_NAME_BYTES} bytes.")
    return parts


def _inside(path: str, target: str, bounds: Bounds) -> str:
    """A symbolic link's target. It is seen from the folder that the link lies in, which is no link itself."""
    parts = [part for part in target.split("/") if part not in {"", "."}]
    ups = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    is_safe = parts and not target.startswith("/") and ".." not in parts[ups:] and "\0" not in target
    if not is_safe or ups > path.count("/") - bounds.link_root:
        raise ArchiveRefused("outside_link", f"{_shown(path)} is a link out of its folder, to {_shown(target)}.")
    return target


def _earlier(path: str, target: str, seen: dict[str, Kind], bounds: Bounds) -> str:
    """A hard link's target: a file that came before."""
    try:
        link = "/".join(_parts(target, bounds))
    except ArchiveRefused:
        link = ""
    if seen.get(link) not in {Kind.FILE, Kind.HARD_LINK} or link == path:
        raise ArchiveRefused("outside_link", f"{_shown(path)} is a link to {_shown(target)}, no file before it.")
    return link


def _shown(name: str) -> str:
    return repr(name.encode("utf-8", "replace").decode()[:200])
