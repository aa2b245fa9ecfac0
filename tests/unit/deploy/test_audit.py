"""What `make audit` says: a hole by its name, and never that all is well when nobody was asked."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.audit import verdict
from deploy.ssh.deploy import PROJECT

FINE: dict[str, Any] = {"name": "yarl", "version": "1.25.1", "vulns": []}
UNKNOWN: dict[str, Any] = {"name": "six", "skip_reason": "Dependency not found on PyPI"}
BROKEN: dict[str, Any] = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.7.3", "2.8"]}, {"id": "PYSEC-2", "fix_versions": []}],
}


def test_a_hole_is_named_with_what_mends_it() -> None:
    status, text = verdict([FINE, UNKNOWN, BROKEN])
    assert status == 1
    assert "2 of 3 packages were asked about" in text
    assert "jinja2 2.4.1: PYSEC-1, mended by 2.7.3, 2.8" in text
    assert "PYSEC-2, mended by nothing yet" in text


def test_all_is_well_of_those_that_were_asked_about_alone() -> None:
    assert verdict([FINE, UNKNOWN]) == (
        0,
        "audit: 1 of 2 packages were asked about.\nNone of them is known to be broken.",
    )
    status, text = verdict([UNKNOWN, UNKNOWN])
    assert status == 2
    assert "none of 2 packages could be asked about" in text
    assert "known to be broken" not in text


@pytest.mark.parametrize(
    ("words", "fails", "asked", "status"),
    [
        ((), "", ["test", "audit"], 0),
        ((), "test", ["test"], 3),
        ((), "audit", ["test", "audit"], 0),
        (("audit",), "audit", ["audit"], 3),
    ],
)
def test_ci_asks_for_it_and_every_night_it_fails(
    tmp_path: Path, words: tuple[str, ...], fails: str, asked: list[str], status: int
) -> None:
    (tmp_path / ".ci").mkdir()
    run = shutil.copy(PROJECT / ".ci" / "run", tmp_path / ".ci" / "run")
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\n[ "$1" != "{fails}" ] || exit 3\n')
    make.chmod(0o755)
    ended = subprocess.run([run, *words], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    assert ended.returncode == status
    assert (tmp_path / "asked").read_text().split() == asked
