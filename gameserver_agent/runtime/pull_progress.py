"""Bytes of a pull, summed over its layers. Pure: the engine's progress lines in, two numbers out."""

from collections.abc import Mapping

_UNPACKING = frozenset({"Verifying Checksum", "Extracting"})


class PullProgress:
    """The engine tells layers apart by id, downloads and unpacks each, and names a layer's size once it begins."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._unpacked: dict[str, object] = {}

    @property
    def done_bytes(self) -> int:
        return sum(self._done.values())

    @property
    def total_bytes(self) -> int | None:
        """None until a layer has named its size; grows while further layers begin."""
        return sum(self._total.values()) or None

    def learn(self, line: Mapping[str, object]) -> bool:
        """Take in one line; says whether anything moved. Unpacking moves without a change of the numbers."""
        layer, status, detail = line.get("id"), line.get("status"), line.get("progressDetail")
        if not isinstance(layer, str):
            return False
        before = self.done_bytes, self.total_bytes
        if status == "Downloading" and isinstance(detail, dict):
            current, total = detail.get("current"), detail.get("total")
            if isinstance(current, int):
                self._done[layer] = current
            if isinstance(total, int) and total > 0:
                self._total[layer] = total
        elif status in ("Download complete", "Pull complete") and layer in self._total:
            self._done[layer] = self._total[layer]
        elif status in _UNPACKING:
            step = status, detail.get("current") if isinstance(detail, dict) else None
            before_step, self._unpacked[layer] = self._unpacked.get(layer), step
            return step != before_step
        return before != (self.done_bytes, self.total_bytes)
