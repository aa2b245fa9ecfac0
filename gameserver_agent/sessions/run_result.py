"""The place where a game tells the result of its run, and reading it there. What a game writes is a stranger's.

The folder lies in the home, whose size is limited, and the game sees it as `/session/result`. It may do in it and with
it what it likes: no link is followed, nothing but a small regular file is read.
"""

import os
import stat
from pathlib import Path

import pydantic
import structlog

from agent_protocol import RunResult
from gameserver_agent.saves.archive import Owner

MOST_BYTES = 4096
_FOLDER, _FILE, _SEEN_AS = ".playhouse-result", "result.json", "result"
_OPENED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

log = structlog.get_logger()


def folder_of(home: Path) -> Path:
    """What is mounted at `/session/result`."""
    return home / _FOLDER


def make_folder(home: Path, session: Path, owner: Owner) -> None:
    """A place in a fresh home, and where it is seen in the folder that the game sees as `/session`. Blocks. Raises
    `OSError`.
    """
    for folder in (folder_of(home), session / _SEEN_AS):
        folder.mkdir(mode=0o700)
        if owner.drop:
            os.chown(folder, owner.uid, owner.gid)


def read_result(home: Path, session_id: str) -> RunResult | None:
    """What this session's game told last; None when that is nothing, or nothing that can be taken. Blocks."""
    try:
        told = RunResult.model_validate_json(_read(home))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.info("result.refused", session=session_id, reason=_reason(error))
        return None
    return told


def _read(home: Path) -> bytes:
    folder = os.open(folder_of(home), _OPENED | os.O_DIRECTORY)
    try:
        descriptor = os.open(_FILE, _OPENED, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a file")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes")
    return content


def _reason(error: Exception) -> str:
    """Without what stands in the file."""
    if isinstance(error, pydantic.ValidationError):
        return ", ".join(sorted({each["type"] for each in error.errors(include_input=False, include_url=False)}))
    return str(error)
