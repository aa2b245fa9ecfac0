"""Makes the image of the tiny counter, for tests and measurements, and gives it to the engine of DOCKER_HOST.

    build.py [IMAGE]

It holds this machine's own Python, the few modules that the game imports and the libraries that these name: no network,
no root and no compiler is needed, and it takes a second. On standard output: one JSON object {"image", "image_id"}.
Standard library only: it runs under any Python from 3.11.
"""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

GAME = Path(__file__).parent / "counter.py"
IMAGE = "playhouse/tiny-counter:1"
FOLDERS = ("home/player", "session", "tmp", "run", "proc", "sys", "dev", "etc")
_MODULES = """
import runpy, sys
runpy.run_path(sys.argv[1], run_name="listed")
for module in list(sys.modules.values()):
    for name in ("__file__", "__cached__"):
        print(getattr(module, name, None) or "")
"""


def interpreter() -> Path:
    """The system's Python where there is one: it needs the fewest files."""
    system = Path("/usr/bin/python3")
    return (system if system.exists() else Path(getattr(sys, "_base_executable", sys.executable))).resolve()


def modules(python: Path) -> set[Path]:
    """Every file that the game imports, with its compiled form."""
    listed = subprocess.run(
        [python, "-I", "-S", "-c", _MODULES, str(GAME)], capture_output=True, text=True, check=True
    ).stdout
    files = {Path(line) for line in listed.splitlines() if line.startswith("/")}
    return {file for file in files if file.exists()} - {GAME}


def libraries(binary: Path) -> Iterator[Path]:
    """The shared libraries of a program or an extension module, the loader among them."""
    listed = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
    for path in re.findall(r"(/\S+) \(0x", listed):
        yield Path(path)


def root_filesystem() -> bytes:
    """The image's files as a tar."""
    python = interpreter()
    files = {python, *modules(python)}
    files |= {library for file in (*files,) if file == python or ".so" in file.suffixes for library in libraries(file)}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for folder in FOLDERS:
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for file in sorted(files):
            _add(archive, file.resolve(), str(file).lstrip("/"))
        _add(archive, GAME, "game/counter.py")
    return raw.getvalue()


def _add(archive: tarfile.TarFile, source: Path, name: str) -> None:
    member = archive.gettarinfo(source, name)
    member.uid, member.gid, member.uname, member.gname = 0, 0, "", ""
    member.mode = 0o755 if os.access(source, os.X_OK) else 0o644
    with source.open("rb") as content:
        archive.addfile(member, content)


def main() -> None:
    image = sys.argv[1] if len(sys.argv) > 1 else IMAGE
    changes = [f"CMD {json.dumps([str(interpreter()), '-I', '-S', '/game/counter.py'])}", "USER 65534:65534"]
    command = ["docker", "import", *[part for change in changes for part in ("--change", change)], "-", image]
    imported = subprocess.run(command, input=root_filesystem(), capture_output=True, check=False)
    if imported.returncode != 0:
        sys.exit(f"docker import failed: {imported.stderr.decode(errors='replace').strip()}")
    print(json.dumps({"image": image, "image_id": imported.stdout.decode().strip()}))


if __name__ == "__main__":
    main()
