"""What seats run from: one folder a version, complete, readable by anybody, and made once."""

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from gameserver_agent.seats import install as installing
from gameserver_agent.seats.install import SeatRuntime, install

OLD, NEW, ONE, TWO = (str(number) * 16 for number in range(4))
_PROGRAM = "import streaming.worker, os; print(os.getuid(), streaming.__file__)"


def test_a_version_is_installed_once_and_runs_as_anybody(short_parent: Path) -> None:
    first = install(short_parent)
    made_at = first.site.stat().st_ctime_ns
    second = install(short_parent)
    assert second == first
    assert first.site.stat().st_ctime_ns == made_at
    first.close()
    second.close()
    result = subprocess.run(
        [first.interpreter, "-P", "-s", "-S", "-c", _PROGRAM],
        env={"PYTHONPATH": str(first.site)},
        cwd="/",
        user=210_001,
        group=210_001,
        extra_groups=[],
        capture_output=True,
        check=True,
    )
    assert result.stdout.decode().split() == ["210001", str(first.site / "streaming" / "__init__.py")]


@dataclass
class Versions:
    """Installations that cost nothing, of whatever version is asked for."""

    parent: Path
    asked: str = ""

    def install(self, version: str) -> SeatRuntime:
        self.asked = version
        return install(self.parent)

    def there(self) -> set[str]:
        return {path.name for path in self.parent.iterdir()}


@pytest.fixture
def versions(short_parent: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    made = Versions(short_parent)

    def version(*_: object) -> str:
        return made.asked

    def fill(site: Path, *_: object) -> None:
        (site / "streaming").mkdir()

    def prime(*_: object) -> None:
        pass

    monkeypatch.setattr(installing, "_version", version)
    monkeypatch.setattr(installing, "_fill", fill)
    monkeypatch.setattr(installing, "_prime", prime)
    return made


def test_what_another_agent_starts_seats_from_stays(versions: Versions) -> None:
    old = versions.install(OLD)
    new = versions.install(NEW)
    assert versions.there() == {OLD, NEW}
    old.close()
    versions.install(NEW).close()
    assert versions.there() == {NEW}
    new.close()


def test_what_a_living_seat_runs_from_stays(versions: Versions) -> None:
    old = versions.install(OLD)
    old.close()
    seat = subprocess.Popen([sys.executable, "-c", "input()"], env={"PYTHONPATH": str(old.site)}, stdin=subprocess.PIPE)
    try:
        versions.install(NEW).close()
        assert versions.there() == {OLD, NEW}
    finally:
        seat.communicate(b"\n")
    versions.install(NEW).close()
    assert versions.there() == {NEW}


def test_what_a_crash_left_half_made_goes_and_what_is_being_made_stays(versions: Versions) -> None:
    left = versions.parent / f".{OLD}.0123abcd"
    (left / "streaming").mkdir(parents=True)
    being_made = versions.parent / f".{NEW}.4567cdef"
    being_made.mkdir()
    hold = os.open(being_made, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(hold, fcntl.LOCK_SH)
    versions.install(ONE).close()
    assert versions.there() == {ONE, being_made.name}
    os.close(hold)
    versions.install(ONE).close()
    assert versions.there() == {ONE}


def test_what_is_not_ours_stays_wherever_the_agent_is_told_to_install(versions: Versions) -> None:
    """Also the agent's own data, and all of /opt."""
    strangers = {"data", "chrome", ".cache", "0123456789abcdef.old", "0123456789ABCDEF", f".{OLD}.backup"}
    for name in strangers:
        (versions.parent / name).mkdir()
        (versions.parent / name / "file").write_text("precious")
    half_gone = versions.parent / f"..{OLD}.0123abcd.4567cdef"
    half_gone.mkdir()
    versions.install(OLD).close()
    versions.install(NEW).close()
    assert versions.there() == {NEW, *strangers}
    assert all((versions.parent / name / "file").read_text() == "precious" for name in strangers)


def test_agents_that_start_at_once_all_get_a_whole_folder(versions: Versions) -> None:
    """Also while others of another version remove what they think nobody uses."""

    def start(number: int) -> bool:
        runtime = install(versions.parent)
        is_whole = (runtime.site / "streaming").is_dir()
        runtime.close()
        return is_whole

    versions.asked = ONE
    with ThreadPoolExecutor(8) as agents:
        for round_ in range(20):
            versions.asked = ONE if round_ % 2 else TWO
            assert all(agents.map(start, range(8)))


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
