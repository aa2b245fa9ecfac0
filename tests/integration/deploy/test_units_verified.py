"""What systemd itself says of the units."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.ssh.deploy import PROJECT
from deploy.ssh.on_host import rooted


@pytest.mark.parametrize("role", ["orchestrator", "agent"])
def test_systemd_understands_every_line(role: str, tmp_path: Path) -> None:
    unit = PROJECT / "deploy" / "systemd" / f"playhouse-{role}.service"
    program = tmp_path / "opt" / "playhouse" / role / "current" / ".venv" / "bin" / "python"
    verify(rooted(unit.read_text(), tmp_path), program, tmp_path / f"playhouse-{role}.service")


def test_systemd_understands_the_unit_that_operators_write_themselves(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "deploying.md").read_text()
    [unit] = re.findall(r"^```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    program = tmp_path / "opt" / "seaweedfs" / "bin" / "weed"
    verify(unit.replace("/opt", f"{tmp_path}/opt"), program, tmp_path / "seaweedfs.service")


def verify(unit: str, program: Path, file: Path) -> None:
    """`systemd-analyze verify` warns of what it does not know, and fails where a program is not there."""
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    file.write_text(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
