"""The processes of a seat's uid."""

import contextlib
from pathlib import Path


def living_processes(uid: int) -> dict[int, str]:
    """Of this uid, with the name of its program. What ends while we look is not among them."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == uid and " Z " not in (entry / "stat").read_text():
                found[int(entry.name)] = (entry / "comm").read_text().strip()
    return found


def programs_of(uid: int) -> list[str]:
    return list(living_processes(uid).values())


def processes_of(uid: int, program: str) -> list[int]:
    return [process for process, name in living_processes(uid).items() if name == program]
