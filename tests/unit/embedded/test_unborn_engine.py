"""A private engine that is told to stop before its daemon has come so far as to write its pid file."""

import asyncio
import time
from pathlib import Path

import pytest

from orchestrator.embedded import private_engine
from orchestrator.embedded.private_engine import PrivateEngine

SLOW = "echo $$ >{born}; exec sleep 600"
STUBBORN = "trap '' TERM; echo $$ >{born}; while :; do sleep 600; done"


@pytest.mark.parametrize("script", [SLOW, STUBBORN])
async def test_a_daemon_without_a_pid_file_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    born = tmp_path / "born"
    _install_daemon(tmp_path / "bin", script.format(born=born), monkeypatch)
    monkeypatch.setattr(private_engine, "STOP_WITHIN_S", 0.5)
    engine = PrivateEngine(tmp_path / "data", tmp_path / "run")
    starting = asyncio.create_task(engine.start())
    await asyncio.to_thread(_wait_for, born)
    starting.cancel()
    await asyncio.wait({starting})
    await engine.stop()
    assert not _is_alive(int(born.read_text()))
    assert not (tmp_path / "run").exists()


def _install_daemon(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "dockerd").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "dockerd").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def _is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
