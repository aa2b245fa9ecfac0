"""What seats run from: one folder a version, complete, readable by anybody, and made once."""

import subprocess
from pathlib import Path

import pytest

from gameserver_agent.seats import install as installing
from gameserver_agent.seats.install import install

_PROGRAM = "import streaming.worker, os; print(os.getuid(), streaming.__file__)"


def _another_version(*_: object) -> str:
    return "another"


def test_a_version_is_installed_once_and_runs_as_anybody(short_parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = install(short_parent)
    made_at = first.site.stat().st_ctime_ns
    (short_parent / "0123456789abcdef").mkdir()
    assert install(short_parent) == first
    assert first.site.stat().st_ctime_ns == made_at
    result = subprocess.run(
        [
            first.interpreter,
            "-P",
            "-s",
            "-S",
            "-c",
            "import streaming.worker, os; print(os.getuid(), streaming.__file__)",
        ],
        env={"PYTHONPATH": str(first.site)},
        cwd="/",
        user=210_001,
        group=210_001,
        extra_groups=[],
        capture_output=True,
        check=True,
    )
    assert result.stdout.decode().split() == ["210001", str(first.site / "streaming" / "__init__.py")]
    monkeypatch.setattr(installing, "_version", _another_version)
    second = install(short_parent)
    assert second.site.name == "another"
    assert [path.name for path in short_parent.iterdir()] == ["another"]  # nothing runs from the others


@pytest.fixture
def short_parent(tmp_path: Path) -> Path:
    """A folder that other uids can reach; pytest's own is for root alone."""
    parent = tmp_path / "runtime"
    parent.mkdir()
    for folder in (parent, *parent.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    parent.chmod(0o755)
    return parent
