"""Displays of one user side by side: a number is one living server's alone."""

import asyncio
import os
from pathlib import Path

import pytest

from streaming.display import Display, claim_number, compiled_keymap
from streaming.xconnection import XConnection


async def test_displays_of_one_user_never_take_each_others_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / str(place) for place in range(3)]
    for folder in folders:
        folder.mkdir()
    displays = [Display(folder, 64, 64) for folder in folders]
    try:
        await asyncio.gather(*(display.ready() for display in displays))
        assert len({display.name for display in displays}) == len(displays)
        for display in displays:
            monkeypatch.setenv("XAUTHORITY", str(display.xauthority))
            XConnection(display.name).close()
    finally:
        await asyncio.gather(*(display.server.stop() for display in displays))


async def test_the_number_of_a_killed_server_is_free_again(tmp_path: Path) -> None:
    killed = Display(tmp_path, 64, 64)
    await killed.ready()
    killed.server.process.kill()
    await killed.server.wait()
    following = Display(tmp_path, 64, 64)
    try:
        await following.ready()
        assert following.number == killed.number
    finally:
        await following.server.stop()


def test_a_number_whose_keymap_another_user_left_is_passed_over() -> None:
    """Its server was killed while the keymap was compiled: nobody else could write it again."""
    number, claim = claim_number()
    left = compiled_keymap(number)
    claim.close()
    left.touch()
    os.chown(left, 65_534, 65_534)
    try:
        following, claim = claim_number()
        claim.close()
        assert following > number
    finally:
        left.unlink()
