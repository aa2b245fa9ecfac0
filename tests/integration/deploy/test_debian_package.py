"""The Debian package is the release that goes over ssh, and lets a machine be its own host."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from deploy.debian.build import build, version_of
from deploy.ssh.deploy import PROJECT, release_of


def test_a_package_holds_what_would_be_sent_and_the_same_content_makes_the_same_one(tmp_path: Path) -> None:
    package = build(tmp_path / "first")
    release = release_of(PROJECT)
    assert package.name == f"playhouse_{version_of(PROJECT, release)}_all.deb"
    assert f"Version: {version_of(PROJECT, release)}\n" in _said("dpkg-deb", "--field", package)
    contents = [line.split() for line in _said("dpkg-deb", "--contents", package).splitlines()]
    assert {owner for _, owner, *_ in contents} == {"root/root"}
    assert {mode for mode, *_ in contents} == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"}
    names = {line[5].removeprefix("./") for line in contents}
    assert {f"usr/lib/playhouse/{name}" for name in release.files} <= names
    assert {"usr/sbin/playhouse-deploy", "usr/lib/playhouse/deploy/systemd/playhouse-agent.service"} <= names
    assert build(tmp_path / "second").read_bytes() == package.read_bytes()

    # Unpacked, it says of its own machine what a deploy of this checkout would do.
    root, host, settings = tmp_path / "root", tmp_path / "host", tmp_path / "orchestrator.env"
    subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    command = (root / "usr" / "sbin" / "playhouse-deploy").read_text()
    [program] = re.findall(r"/usr/lib/playhouse/\S+", command)
    settings.write_text("ORCHESTRATOR_PUBLIC_URL=http://127.0.0.1:8000\n")
    said = _said(
        *(sys.executable, "-B", f"{root}{program}", "orchestrator", "here", "--settings", settings, "--check"),
        *("--manager", "processes", "--root", host),
    )
    assert f"here: release {release.version} is sent and its packages are installed\n" in said
    assert "here: playhouse-orchestrator is started\n" in said
    assert not host.exists()


def test_a_later_change_is_a_newer_package(tmp_path: Path) -> None:
    project, seen = tmp_path / "project", list[str]()
    (project / "orchestrator").mkdir(parents=True)
    program, settings = project / "orchestrator" / "program.py", project / "pyproject.toml"
    git = ("git", "-C", project, "-c", "user.name=nobody", "-c", "user.email=nobody@example.org")

    def see() -> None:
        seen.append(version_of(project, release_of(project)))

    for changed_at, number in enumerate(("0.1.0", "0.1.0", "0.1.1"), start=1_700_000_000):
        settings.write_text(f'version = "{number}"\n')
        program.write_text(f"# {changed_at}\n")
        for file in (settings, program):
            os.utime(file, (changed_at, changed_at))
        see()
    _said(*git, "init", "--quiet")
    _said(*git, "add", ".")
    when = {"GIT_AUTHOR_DATE": "1700001000 +0000", "GIT_COMMITTER_DATE": "1700001000 +0000"}
    subprocess.run([*git, "commit", "--quiet", "--message", "A release"], env=os.environ | when, check=True)
    os.utime(program, (1_800_000_000, 1_800_000_000))
    see()
    program.write_text("# mended\n")
    os.utime(program, (1_700_002_000, 1_700_002_000))
    see()
    (project / "orchestrator" / "new.py").touch()
    os.utime(project / "orchestrator" / "new.py", (1_700_003_000, 1_700_003_000))
    see()
    for older, newer in pairwise(seen):
        subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=True)


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
