"""Makes `dist/playhouse_VERSION_all.deb`: the release as `deploy/ssh` sends it, and `playhouse-deploy`, which lets this
machine be its own host. Installing it starts nothing and asks no network; `playhouse-deploy` does, as over ssh.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from deploy.ssh.deploy import PROJECT, SENT, SENT_AT, Release, release_of

CONTROL = """\
Package: playhouse
Version: {version}
Architecture: all
Maintainer: Playhouse maintainers <maintainers@playhouse.example>
Installed-Size: {size_kib}
Depends: ca-certificates, passwd, python3 (>= 3.11), python3-venv
Suggests: caddy, docker.io, postgresql
Section: games
Priority: optional
Description: games in the browser, from your own machines
 A cloud game-streaming orchestrator: replicas that people meet, and agents on
 the hosts that run games. This package brings both programs. What a machine
 is to be is said with playhouse-deploy, which makes it a service of systemd
 with the Python packages that it was tested with.
"""
COMMAND = """\
#!/bin/sh
# playhouse-deploy orchestrator|agent [--settings FILE] [--check]: this machine runs it from now on.
role=$1
shift
exec python3 -B /usr/lib/playhouse/deploy/ssh/deploy.py "$role" here "$@"
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: playhouse

Files: *
Copyright: Playhouse contributors
License: Apache-2.0
 On Debian systems, the whole license is in /usr/share/common-licenses/Apache-2.0.
"""


def build(target: Path) -> Path:
    """The package, in the folder `target`. The same content makes the same package. Needs `dpkg-deb`."""
    release = release_of(PROJECT)
    version = version_of(PROJECT, release)
    target.mkdir(parents=True, exist_ok=True)
    package = target / f"playhouse_{version}_all.deb"
    root = Path(tempfile.mkdtemp(prefix="playhouse-deb-"))
    try:
        root.chmod(0o755)
        for name, (content, is_executable) in release.files.items():
            _write(root / "usr" / "lib" / "playhouse" / name, content, 0o755 if is_executable else 0o644)
        _write(root / "usr" / "sbin" / "playhouse-deploy", COMMAND.encode(), 0o755)
        about = root / "usr" / "share" / "doc" / "playhouse"
        _write(about / "copyright", COPYRIGHT.encode(), 0o644)
        news = (PROJECT / "CHANGELOG.md").read_bytes()
        _write(about / "changelog.gz", gzip.compress(news, compresslevel=9, mtime=0), 0o644)
        size_kib = sum(-(-path.stat().st_size // 1024) for path in root.rglob("*") if path.is_file())
        _write(root / "DEBIAN" / "control", CONTROL.format(version=version, size_kib=size_kib).encode(), 0o644)
        for path in root.rglob("*"):
            os.utime(path, (SENT_AT, SENT_AT))
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", root, package],
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"SOURCE_DATE_EPOCH": str(SENT_AT)},
        )
    finally:
        shutil.rmtree(root)
    return package


def version_of(project: Path, release: Release) -> str:
    """Of two packages the one whose content was changed last is the newer one for apt, and no two contents have one
    version: `0.1.0+20261130144047.3f2a…`, in UTC.
    """
    number, _, content = release.version.partition("-")
    moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(_changed_at(project, release.files)))
    return f"{number}+{moment}.{content}"


def _changed_at(project: Path, names: Iterable[str]) -> int:
    """In a checkout the moment of its commit, or of what was changed since: when it was fetched says nothing."""
    committed, changed = 0, set(names)
    if (project / ".git").exists():
        committed = int(_git(project, "log", "-1", "--format=%ct"))
        since = _git(project, "diff", "--name-only", "-z", "HEAD", "--", *SENT)
        new = _git(project, "ls-files", "-z", "--others", "--exclude-standard", "--", *SENT)
        changed &= {*since.split("\0"), *new.split("\0")}
    return max([committed, *(int((project / name).stat().st_mtime) for name in changed)])


def _git(project: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", project, *words], capture_output=True, text=True, check=True).stdout


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


if __name__ == "__main__":
    os.umask(0o022)
    print(build(PROJECT / "dist"))
