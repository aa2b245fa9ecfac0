"""Draws a picture anew, in a process of its own: a decoder never sees somebody else's bytes in ours."""

import signal
import subprocess
import sys
from pathlib import Path

from orchestrator.pictures import redraw
from orchestrator.pictures.faults import MOST_PIXELS, Fault
from orchestrator.pictures.fetching import NotFetched

MEDIA_TYPE = "image/webp"
LONGEST_PX = 1280
_WITHIN_S = 20.0

_PROGRAM = (sys.executable, "-I", str(Path(redraw.__file__)), str(MOST_PIXELS), str(LONGEST_PX))
_FAULTS = {
    redraw.NOT_A_PICTURE: Fault.NOT_A_PICTURE,
    redraw.TOO_MANY_PIXELS: Fault.TOO_MANY_PIXELS,
    -signal.SIGXCPU: Fault.TOO_MANY_PIXELS,
}


def drawn_anew(content: bytes) -> bytes:
    """The picture as a WebP of at most `LONGEST_PX` a side. Blocks. Raises `NotFetched`."""
    try:
        done = subprocess.run(
            _PROGRAM,
            input=content,
            capture_output=True,
            timeout=_WITHIN_S,
            check=False,
            env={},
            start_new_session=True,  # Ctrl-C is for the replica
        )
    except subprocess.TimeoutExpired:  # this machine is busy: what takes too much has a limit of its own
        raise NotFetched(Fault.INTERNAL) from None
    if done.returncode != 0:
        raise NotFetched(_FAULTS.get(done.returncode, Fault.INTERNAL))
    return done.stdout
