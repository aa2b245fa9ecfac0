"""A seat's worker that also writes down when it did what: `python -m bench.streaming.traced_worker FOLDER`.

It is the worker as it is, with a few of its calls wrapped; each gives a line `LABEL BEGAN ENDED` (nanoseconds of the
monotonic clock) in FOLDER/trace. A call that is not there gives a line `missing LABEL` and is left out.
"""

import functools
import importlib
import inspect
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from streaming import worker

CALLS = (
    ("inject", "streaming.injector", "Injector", "take"),
    ("grab", "streaming.frame_grabber", "SharedMemoryGrabber", "grab"),
    ("grab", "streaming.frame_grabber", "PlainGrabber", "grab"),
    ("convert", "streaming.picture_conversion", "FastConverter", "__call__"),
    ("convert", "streaming.picture_conversion", "PlainConverter", "__call__"),
    ("post", "streaming.studio", "Studio", "_video_encoded"),
    ("hand", "streaming.tracks", "VideoTrack", "recv"),
)


def main() -> int:
    trace = os.open(Path(sys.argv[1]) / "trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(label: str, began_ns: int) -> None:
        os.write(trace, f"{label} {began_ns} {time.monotonic_ns()}\n".encode())

    load_media = worker.load_media

    def load_and_wrap() -> ModuleType:
        module = load_media()
        for label, module_name, kind, name in CALLS:
            try:
                wrap(label, module_name, kind, name, note)
            except (ImportError, AttributeError):
                os.write(trace, f"missing {label}\n".encode())
        return module

    setattr(worker, "load_media", load_and_wrap)  # noqa: B010 - the media are wrapped before anything uses them
    return worker.main()


def wrap(label: str, module: str, kind: str, name: str, note: Callable[[str, int], None]) -> None:
    owner: Any = getattr(importlib.import_module(module), kind)
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def traced(*given: Any, **named: Any) -> Any:
        began_ns = time.monotonic_ns()
        try:
            return original(*given, **named)
        finally:
            note(label, began_ns)

    @functools.wraps(original)
    async def traced_coroutine(*given: Any, **named: Any) -> Any:
        began_ns = time.monotonic_ns()
        try:
            return await original(*given, **named)
        finally:
            note(label, began_ns)

    setattr(owner, name, traced_coroutine if inspect.iscoroutinefunction(original) else traced)


if __name__ == "__main__":
    sys.exit(main())
