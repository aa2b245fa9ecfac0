"""The part of capture and restore that touches a player's files. It runs as the seat's uid, in a process of its own.

This file imports the standard library alone: the agent passes its text to a bare interpreter (`python -I -S -c`), which
can read neither the checkout nor the agent's folder. The save folder comes as an open descriptor. No link is followed,
no device, FIFO or socket is opened, and every walk is bounded.

    capture  writes a tar to standard output: sorted, owner 0, whole-second times, so equal folders give equal bytes
    restore  reads a tar from standard input into the folder

Names are bytes, whatever they say: one that is no UTF-8 comes back as it was. Links, devices, FIFOs and sockets are no
part of a save and are passed by; a save that is too large, too deep or too many files is refused as a whole, so that
nothing of it is missing unsaid.

The last line on standard error is JSON: `{"entries", "bytes", "skipped"}` or `{"error": text for people, "refused":
whether another try of the same save is in vain}`.
"""

import contextlib
import fnmatch
import io
import json
import os
import stat
import sys
import tarfile

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DEPTH = 32


class Refused(Exception):
    """The folder or archive is outside what we take."""


class Bounds:
    """Counts what has been taken and refuses more than allowed."""

    def __init__(self, entries: int, size: int) -> None:
        self.most_entries = entries
        self.most_bytes = size
        self.entries = 0
        self.bytes = 0
        self.skipped = 0

    def take(self, size: int = 0) -> None:
        self.entries += 1
        self.bytes += size
        if self.entries > self.most_entries:
            raise Refused(f"The save has more than {self.most_entries} files.")
        if self.bytes > self.most_bytes:
            raise Refused(f"The save is larger than {as_size(self.most_bytes)}.")


class Capture:
    """Writes one folder as a tar."""

    def __init__(self, archive: tarfile.TarFile, bounds: Bounds, excludes: "list[str]") -> None:
        self.archive = archive
        self.bounds = bounds
        self.excludes = excludes

    def path(self, root: int, path: str) -> None:
        """One of the build's save paths; one that is missing or leads over a link is passed by."""
        parts = checked_parts(path)
        if not parts:
            self.folder(root, "", 0)
            return
        folder = os.dup(root)
        try:
            for part in parts[:-1]:
                try:
                    inner = os.open(part, _FOLDER, dir_fd=folder)
                except OSError:
                    return
                os.close(folder)
                folder = inner
            self.entry(folder, parts[-1], "/".join(parts), len(parts))
        finally:
            os.close(folder)

    def folder(self, folder: int, prefix: str, depth: int) -> None:
        names: list[str] = []
        with os.scandir(folder) as found:
            for entry in found:
                names.append(entry.name)
                if len(names) > self.bounds.most_entries:
                    raise Refused(f"The save has more than {self.bounds.most_entries} files.")
        for name in sorted(names):
            self.entry(folder, name, prefix + name, depth + 1)

    def entry(self, folder: int, name: str, path: str, depth: int) -> None:
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.excludes):
            return
        try:
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                self.bounds.skipped += 1
                return
            if depth > _DEPTH:
                raise Refused(f"The save has folders more than {_DEPTH} levels deep.")
            descriptor = os.open(name, _FOLDER if stat.S_ISDIR(kind) else _FILE, dir_fd=folder)
        except OSError:
            self.bounds.skipped += 1
            return
        try:
            self.opened(descriptor, path, depth)
        finally:
            os.close(descriptor)

    def opened(self, descriptor: int, path: str, depth: int) -> None:
        about = os.fstat(descriptor)
        member = tarfile.TarInfo(path)
        if stat.S_ISDIR(about.st_mode):
            self.bounds.take()
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            self.archive.addfile(member)
            self.folder(descriptor, path + "/", depth)
        elif stat.S_ISREG(about.st_mode):
            self.bounds.take(about.st_size)
            member.size, member.mtime = about.st_size, int(about.st_mtime)
            member.mode = 0o755 if about.st_mode & 0o100 else 0o644
            self.archive.addfile(member, Exactly(descriptor, about.st_size))
        else:
            self.bounds.skipped += 1


class Exactly(io.RawIOBase):
    """A file that gives as many bytes as its header promised, whatever a game does to it meanwhile."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        found = b""
        while len(found) < wanted:
            more = os.read(self.descriptor, wanted - len(found))
            if not more:
                found += bytes(wanted - len(found))
                break
            found += more
        self.left -= wanted
        return found


def restore(root: int, archive: tarfile.TarFile, bounds: Bounds) -> None:
    for member in archive:
        parts = checked_parts(member.name)
        if member.isdir():
            bounds.take()
            os.close(made_folder(root, parts))
        elif member.isreg():
            bounds.take(member.size)
            content = archive.extractfile(member)
            if not parts or content is None:
                raise Refused("The save archive names a file without a name.")
            folder = made_folder(root, parts[:-1])
            try:
                write_file(folder, parts[-1], member, content)
            finally:
                os.close(folder)
        else:
            raise Refused("The save archive holds something other than files and folders.")


def made_folder(root: int, parts: "list[str]") -> int:
    """Open a folder below `root`, made where missing."""
    folder = os.dup(root)
    for part in parts:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=folder)
        try:
            inner = os.open(part, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def write_file(folder: int, name: str, member: tarfile.TarInfo, content: "object") -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o755 if member.mode & 0o100 else 0o644, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as handle:
        while chunk := content.read(1 << 20):  # type: ignore[attr-defined] - a binary reader; typing.IO costs start-up
            handle.write(chunk)
        handle.flush()
        os.utime(handle.fileno(), (member.mtime, member.mtime))


def checked_parts(path: str) -> "list[str]":
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path or len(parts) > _DEPTH:
        raise Refused("The save names a path outside its folder.")
    return parts


def outermost(paths: "list[str]") -> "list[str]":
    """Sorted, without those that lie in another."""
    chosen: list[list[str]] = []
    for parts in sorted(checked_parts(path) for path in paths):
        if not any(parts[: len(outer)] == outer for outer in chosen):
            chosen.append(parts)
    return ["/".join(parts) for parts in chosen]


def as_size(size: int) -> str:
    return f"{size // 1024**2} MB" if size >= 1024**2 else f"{size} bytes"


def main(order: "dict[str, object]") -> "dict[str, object]":
    bounds = Bounds(int(str(order["entries"])), int(str(order["bytes"])))
    root = int(str(order["descriptor"]))
    paths, excludes = order["paths"], order["excludes"]
    assert isinstance(paths, list)
    assert isinstance(excludes, list)
    if order["do"] == "capture":
        with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            capture = Capture(archive, bounds, excludes)
            for path in outermost(paths or [""]):
                capture.path(root, path)
        sys.stdout.flush()
    else:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            restore(root, archive, bounds)
        while sys.stdin.buffer.read(1 << 16):
            pass
    return {"entries": bounds.entries, "bytes": bounds.bytes, "skipped": bounds.skipped}


if __name__ == "__main__":
    try:
        answer = main(json.loads(sys.argv[1]))
    except Refused as refusal:
        answer = {"error": str(refusal), "refused": True}
    except tarfile.TarError:
        answer = {"error": "The save archive is damaged."}
    except OSError as error:
        answer = {"error": f"The save folder could not be read or written: {error.strerror}."}
    sys.stderr.write("\n" + json.dumps(answer) + "\n")
