"""Which cached images go when the engine's disk fills, and how much room there should be. Pure.

Only an image that a registry can give us again may go, and of those first what enough other hosts hold, then what was
played longest ago. `scheduler.simulated_host` does the same in virtual time, and a test holds the two together.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

FULL_SHARE = 0.85
"""Of the engine's disk in use: above it images go."""

RELIEVED_SHARE = 0.75
"""Down to it, so that the next pull does not begin the same again."""

UNPACKED_RATIO = 2.6
"""Bytes on the disk for each compressed byte, where nobody has measured the image."""

HEADROOM = 1.2
"""While an image is unpacked, parts of it lie there twice."""


@dataclass(frozen=True, slots=True)
class CachedImage:
    """`is_ours_to_drop` says that it is ours and that a registry has it; `last_used_s` is 0 when nobody remembers."""

    image_id: str
    size_bytes: int
    last_used_s: float
    is_ours_to_drop: bool


@dataclass(frozen=True, slots=True)
class Disk:
    total_bytes: int
    free_bytes: int


def room_for(size_bytes: int, layer_bytes: int) -> int:
    """Free bytes that a pull wants: of an image of this size on the disk, or of layers of this size on the line."""
    return round(HEADROOM * (size_bytes or UNPACKED_RATIO * layer_bytes))


def relief_bytes(disk: Disk) -> int:
    """How much of the disk should be free again because it is too full; 0 when it is not."""
    is_full = disk.total_bytes - disk.free_bytes > FULL_SHARE * disk.total_bytes
    return round((1 - RELIEVED_SHARE) * disk.total_bytes) if is_full else 0


def kept_free_bytes(disk: Disk) -> int:
    """How much of the disk stays free of what is fetched unasked, so that no image goes because another one came."""
    return disk.total_bytes - int(FULL_SHARE * disk.total_bytes)


def next_to_go(images: Iterable[CachedImage], kept: Collection[str], spare: Collection[str]) -> str | None:
    """The id of the image to drop first, one of `spare` before all others and never one of `kept`; None when there is
    none.
    """
    droppable = [image for image in images if image.is_ours_to_drop and image.image_id not in kept]
    if not droppable:
        return None
    return min(
        droppable,
        key=lambda image: (image.image_id not in spare, image.last_used_s, -image.size_bytes, image.image_id),
    ).image_id


def evictable_bytes(images: Iterable[CachedImage], kept: Collection[str]) -> int:
    """What all that may go would give up, at most: shared layers count more than once."""
    return sum(image.size_bytes for image in images if image.is_ours_to_drop and image.image_id not in kept)
