"""What systemd itself says of the units."""

import subprocess
from pathlib import Path

import pytest

from deploy.ssh.deploy import PROJECT
from deploy.ssh.on_host import rooted


@pytest.mark.parametrize("role", ["orchestrator", "agent"])
def test_systemd_understands_every_line(role: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` warns of what it does not know, and fails where a program is not there."""
    unit = PROJECT / "deploy" / "systemd" / f"playhouse-{role}.service"
    python = tmp_path / "opt" / "playhouse" / role / "current" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    file = tmp_path / f"playhouse-{role}.service"
    file.write_text(rooted(unit.read_text(), tmp_path))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
