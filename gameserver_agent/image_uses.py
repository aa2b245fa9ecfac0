"""When each image was played here last, or fetched unasked, remembered across restarts in one small file.

What is in it makes an image ours, besides labels and names: a build named it, and we fetched or ran it.
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path

import structlog

from gameserver_agent.identity import write_private

log = structlog.get_logger()


class ImageUses:
    """Image ids and moments in seconds. Without a `file` nothing outlives the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._last_used_s = _read(file) if file is not None else {}
        self._is_written = True

    def last_used_s(self, image_id: str) -> float | None:
        """None for an image that no build ever asked for here."""
        return self._last_used_s.get(image_id)

    def note(self, image_id: str, now_s: float) -> None:
        """A build asks for it now."""
        self._last_used_s[image_id] = now_s
        self._is_written = False

    def note_unused(self, image_id: str) -> None:
        """A build names it, and nobody has played it here yet."""
        if image_id not in self._last_used_s:
            self.note(image_id, 0.0)

    def note_fetched(self, image_id: str, now_s: float) -> None:
        """It is here now, unasked: what came last is not the first to go."""
        if not self._last_used_s.get(image_id):
            self.note(image_id, now_s)

    def keep_only(self, image_ids: Collection[str]) -> None:
        """Forget the others: neither are they here, nor does anybody want them."""
        for gone in self._last_used_s.keys() - set(image_ids):
            del self._last_used_s[gone]
            self._is_written = False

    async def write(self) -> None:
        """What cannot be written is said, and written with the next change."""
        if self._is_written or self._file is None:
            return
        self._is_written = True
        try:
            content = json.dumps(self._last_used_s).encode()
            await asyncio.to_thread(write_private, self._file, content)
        except OSError as error:
            self._is_written = False
            log.warning("image_uses.not_written", reason=str(error))


def _read(file: Path) -> dict[str, float]:
    """A file that is not there or damaged means that nothing is remembered."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, Mapping):
        return {}
    return {str(image_id): float(at) for image_id, at in content.items() if isinstance(at, int | float)}
