"""Images on their way to hosts, as flat arrays over the whole fleet: few hosts pull at any one time."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]

_NOWHERE = (np.zeros(0, np.intp), np.zeros(0))


class Transfers:
    """One entry for each image that a place is getting. Its entries are in no order."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, str]] = []
        self._entries: dict[int, dict[str, int]] = {}
        self._by_image: dict[str, dict[int, int]] = {}
        self._place: Places = np.zeros(0, np.intp)
        self._left: Numbers = np.zeros(0)

    def put(self, place: int, pulling: Mapping[str, int]) -> None:
        """All that `place` is getting now, with the bytes still to come."""
        known = self._entries.get(place, {})
        for image_id in [image_id for image_id in known if image_id not in pulling]:
            self._drop(place, image_id)
        for image_id, left_bytes in pulling.items():
            entry = self._entries.setdefault(place, {}).get(image_id)
            if entry is None:
                entry = self._add(place, image_id)
            self._left[entry] = left_bytes

    def count(self, image_id: str) -> int:
        """How many places are getting this image."""
        return len(self._by_image.get(image_id, ()))

    def places(self) -> Places:
        """The places that are getting anything, each as often as it gets images."""
        return self._place[: len(self._keys)]

    def of(self, image_id: str) -> tuple[Places, Numbers]:
        """The places that are getting this image, and the bytes still to come there."""
        entries = self._by_image.get(image_id)
        if not entries:
            return _NOWHERE
        at = np.fromiter(entries.values(), np.intp, len(entries))
        return self._place[at], self._left[at]

    def ahead(self, image_id: str, missing: Numbers) -> Numbers:
        """For each place the sum over the transfers of other images: as much as is missing of ours, or all it has
        left.
        """
        count = len(self._keys)
        place = self._place[:count]
        bytes_ahead = np.minimum(self._left[:count], missing[place])
        own = self._by_image.get(image_id)
        if own:
            bytes_ahead[np.fromiter(own.values(), np.intp, len(own))] = 0.0
        return np.asarray(np.bincount(place, bytes_ahead, len(missing)), np.float64)

    def _add(self, place: int, image_id: str) -> int:
        entry = len(self._keys)
        if entry == len(self._left):
            more = max(8, entry)
            self._place = np.concatenate([self._place, np.zeros(more, np.intp)])
            self._left = np.concatenate([self._left, np.zeros(more)])
        self._keys.append((place, image_id))
        self._note(entry, place, image_id)
        self._place[entry] = place
        return entry

    def _drop(self, place: int, image_id: str) -> None:
        """The last entry takes the place of the one that goes, so that there are no gaps."""
        entry = self._entries[place].pop(image_id)
        if not self._entries[place]:
            del self._entries[place]
        del self._by_image[image_id][place]
        if not self._by_image[image_id]:
            del self._by_image[image_id]
        last_place, last_image = self._keys.pop()
        if entry < len(self._keys):
            self._keys[entry] = (last_place, last_image)
            self._place[entry], self._left[entry] = last_place, self._left[len(self._keys)]
            self._note(entry, last_place, last_image)

    def _note(self, entry: int, place: int, image_id: str) -> None:
        self._entries.setdefault(place, {})[image_id] = entry
        self._by_image.setdefault(image_id, {})[place] = entry
