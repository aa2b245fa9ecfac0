"""Bytes of a pull, summed over its layers. Pure: the engine's progress lines in, three numbers out."""

from collections.abc import Mapping

_SHORT = 12
_WAITS = "Waiting"
_COMES = frozenset({"Pulling fs layer", _WAITS, "Downloading", "Verifying Checksum", "Extracting"})
_IS_HERE = frozenset({"Download complete", "Pull complete"})


class PullProgress:
    """The engine tells layers apart by the first digits of their digests, downloads and unpacks each, and names a
    layer's size only once it begins. With `layers` (digest to bytes) the sizes are known as soon as it says which
    layers it lacks.
    """

    def __init__(self, layers: Mapping[str, int] | None = None) -> None:
        self._known = {digest.partition(":")[2][:_SHORT]: size for digest, size in (layers or {}).items()}
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._unpacked: dict[str, int] = {}
        self._coming: dict[str, str] = {}

    @property
    def done_bytes(self) -> int:
        return sum(self._done.values())

    @property
    def total_bytes(self) -> int | None:
        """None until a layer has named its size; without known sizes it grows while further layers begin."""
        return sum(self._total.values()) or None

    @property
    def unpacked_bytes(self) -> int:
        """Of what has arrived, counted as it arrived."""
        return sum(self._unpacked.values())

    @property
    def is_in_line(self) -> bool:
        """Every layer that is still to come waits until the engine has fetched others: it takes a few at a time."""
        return set(self._coming.values()) == {_WAITS}

    def learn(self, line: Mapping[str, object]) -> bool:
        """Take in one line; says whether anything changed."""
        layer, status, detail = line.get("id"), line.get("status"), line.get("progressDetail")
        if not isinstance(layer, str):
            return False
        before = self.done_bytes, self.total_bytes, self.unpacked_bytes, self.is_in_line
        if isinstance(status, str) and status in _COMES:
            self._coming[layer] = status
        else:
            self._coming.pop(layer, None)
        if status in _COMES and layer in self._known:
            self._total[layer] = self._known[layer]
        current, total = (detail.get("current"), detail.get("total")) if isinstance(detail, dict) else (None, None)
        if status == "Downloading":
            if isinstance(current, int):
                self._done[layer] = current
            if isinstance(total, int) and total > 0:
                self._total[layer] = total
        elif status == "Extracting" and isinstance(current, int):
            self._unpacked[layer] = current
        elif status in _IS_HERE and layer in self._total:
            self._done[layer] = self._total[layer]
            if status == "Pull complete":
                self._unpacked[layer] = self._total[layer]
        return before != (self.done_bytes, self.total_bytes, self.unpacked_bytes, self.is_in_line)
